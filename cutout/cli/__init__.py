"""The command line: the engine on files and directories, or a client of a running server."""
