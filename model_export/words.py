"""What Python's own errors say, in words for a terminal."""


def reason(error: OSError) -> str:
    """Why a file could not be read or written; which file it is, the caller says."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
