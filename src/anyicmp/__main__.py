"""The way into the command, for the script `anyicmp` and for `python -m anyicmp`.

It only finds the command line, or says which extra is missing. No option is read here.
"""

from __future__ import annotations

import sys

_MISSING = "anyicmp: the command needs the extra 'cli': pip install 'anyicmp[cli]'"
_EXTRA = ("click", "rich")


def main() -> int:
    """Run the command line; without the extra `cli` print one line to standard error and return 2."""
    try:
        from anyicmp.cli.__main__ import main as command
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        print(_MISSING, file=sys.stderr)
        return 2
    return command()


if __name__ == "__main__":
    sys.exit(main())
