"""The command: `cutout`, and `python -m cutout.cli`. Ctrl-C ends it quietly even during imports."""

import sys


def main() -> None:
    """Import the command line and run it. Exits with 130 where Ctrl-C interrupts the imports."""
    try:
        from cutout.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
