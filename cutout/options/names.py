"""Options that do not exist: which one was meant, by its spelling or by its name in other APIs."""

from collections.abc import Iterable

from cutout.explain import nearest

ELSEWHERE = {
    "bg_color": "background",
    "bg_image_file": "background_image",
    "bgc": "background",
    "bgcolor": "background",
    "crop_margin": "margin",
    "image": "file",
    "image_file": "file",
    "om": "channels",
    "only_mask": "channels",
    "post_process_mask": "threshold",
    "ppm": "threshold",
    "sam_prompt": "points",
}
"""What rembg and remove.bg call an option: the option."""


def unknown(name: str, names: Iterable[str], owner: str, kind: str = "option") -> str:
    """Explain as a clause that `owner` has no option `name`, and suggest the one that was meant.

    `names` are the options that it has; all of them are listed where none was clearly meant.
    """
    known = list(names)
    elsewhere = ELSEWHERE.get(name)
    suggested = elsewhere if elsewhere in known else nearest(name, known)
    hint = f"did you mean {suggested}?" if suggested else f"it has {', '.join(known)}"
    return f"{owner} has no such {kind}; {hint}"
