"""Measure a shipped cell's physiology against published ranges, with a figure."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ann_backend.cli._figure import drawn

CELLS = ("L5PC",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("cell", choices=CELLS, help="a cell that ships")
    parser.add_argument(
        "--figure", type=Path, metavar="PNG", help="default: CELL_physiology.png here"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure.

    Returns
    -------
    dict
        ``cell``, ``segments``, ``length_mm`` (of the dendrites), ``rest_mV``,
        ``within`` (how many of the features that have a published range lie in it)
        and ``of``; ``figure``; ``features``: a record each with ``feature``,
        ``measured``, ``unit``, ``low`` and ``high`` (published: mean -+ two standard
        deviations, or a range), ``within`` and ``source``.
    """
    from ann_backend.cells.l5pc import characterise
    from ann_backend.run.shipped import load

    cell = load(args.cell)()
    found = characterise(cell)
    records = found.records()
    dendrites = [*cell.basal, *cell.apical]
    path = args.figure or Path(f"{args.cell}_physiology.png")
    return {
        "cell": args.cell,
        "segments": sum(s.nseg for s in cell.all),
        "length_mm": sum(s.L for s in dendrites) / 1e3,
        "rest_mV": found.values["resting potential"],
        "within": sum(r["within"] == "yes" for r in records),
        "of": sum(r["within"] != "-" for r in records),
        "figure": drawn("ann_backend.cells.figure", "draw", cell, found, path),
        "features": records,
    }
