"""The command line: the server's own code on files and folders, or a client of a running server."""
