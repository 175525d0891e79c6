"""What ``ann_backend.hoc`` calls: the Python verbs with hoc's arguments."""

from __future__ import annotations

from typing import Any

from ann_backend.errors import CellError
from ann_backend.nrn import h
from ann_backend.run.report import report
from ann_backend.run.shipped import load
from ann_backend.run.state import load_state, save_state
from ann_backend.run.swap import replace, restore, use

__all__ = [
    "load",
    "load_state",
    "replace_cell",
    "replace_template",
    "restore",
    "save_state",
    "show_report",
    "use",
]


def replace_template(name: str, bundle: str) -> Any:
    """Make and replace a cell of the template called `name`; ``""``: default bundle.

    Raises
    ------
    CellError
        If NEURON knows no such template.
    """
    if not hasattr(h, name):
        raise CellError(
            f"ann_replace: expected the name of a template, got '{name}'; define it, "
            f'or ann_load("{name}") if ann_backend ships it'
        )
    return replace(getattr(h, name), bundle=bundle or None)


def replace_cell(cell: Any, bundle: str) -> Any:
    """Replace a cell that exists."""
    return replace(cell, bundle=bundle or None)


def show_report() -> None:
    """Print the report."""
    print(report())
