"""``python -m fastw2v``: the command line, for when the script ``fastw2v`` is not on the path."""

import sys

from fastw2v.cli import main

if __name__ == "__main__":
    sys.exit(main())
