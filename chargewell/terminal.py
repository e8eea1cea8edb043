"""Where the commands print: as wide as the terminal, and wide enough for tables where there is none (a file, a pipe, CI)."""

import sys
from typing import Final

from rich.console import Console

_WIDTH: Final = 150

screen: Final = Console(width=None if sys.stdout.isatty() else _WIDTH)
errors: Final = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
