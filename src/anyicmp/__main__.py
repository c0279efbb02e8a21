"""The way into the command, for the script `anyicmp` and for `python -m anyicmp`.

It only finds the command line, or says which extra is missing. No option is read here.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_MISSING = "anyicmp: the command needs the extra 'cli': pip install 'anyicmp[cli]'"


def main() -> int:
    """Run the command line and return its exit status; without the extra `cli`, one line and status 2."""
    if find_spec("click") is None or find_spec("rich") is None:
        print(_MISSING, file=sys.stderr)
        return 2
    from anyicmp.cli.__main__ import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
