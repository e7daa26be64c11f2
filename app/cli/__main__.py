"""`cutout`, and `python -m app.cli`: the command, of which Ctrl-C is no crash even while it is still being imported."""

import sys


def main() -> None:
    try:
        from app.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
