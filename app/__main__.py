"""The command `python -m app`: read the settings, then serve until stopped."""

import argparse

from cutout.settings import read_settings

from .server.supervisor import serve
from .settings import Settings


def main() -> None:
    """Serve by the settings of the environment.

    Exits with 2 for an invalid setting, and with 3 if the server cannot start.
    """
    serve(read_settings(Settings))


if __name__ == "__main__":
    # It takes no arguments: this answers --help, and refuses all others.
    argparse.ArgumentParser(
        prog="python -m app",
        description="Serve. Settings are the CUTOUT_ variables; `cutout serve` has options too.",
    ).parse_args()
    main()
