"""A cell named on the command line: one that ships, or a description in a file."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ann_backend.errors import CellError

if TYPE_CHECKING:
    from ann_backend.train.cell import CellDescription

HELP = "a cell that ships, such as HH; or FILE.py:NAME, a CellDescription of yours"


def described(text: str) -> CellDescription:
    """Return the description that a user names.

    Parameters
    ----------
    text : str
        The name of a cell that ships, or ``FILE.py:NAME``.

    Raises
    ------
    CellError
        There is no such cell, file or name, it is something else, or the file needs
        a package that is not there.
    """
    from ann_backend.train.cell import SHIPPED, CellDescription

    if text in SHIPPED:
        return SHIPPED[text]
    file, _, name = text.rpartition(":")
    if not file.endswith(".py"):
        raise CellError(
            f"expected a cell that ships ({', '.join(SHIPPED)}) or FILE.py:NAME, got "
            f"{text!r}"
        )
    if not Path(file).is_file():
        raise CellError(f"expected a Python file, got {file!r}: there is none")
    sys.path.insert(
        0, str(Path(file).parent.resolve())
    )  # for what it imports, or names
    try:
        found = runpy.run_path(file).get(name)
    except ImportError as error:
        raise CellError(f"{file}: {error}") from error
    if not isinstance(found, CellDescription):
        raise CellError(
            f"expected a CellDescription named '{name}' in {file}, got {found!r}"
        )
    return found
