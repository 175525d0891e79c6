"""What the rows say of each other: ratios, and the number of cells that pays.

After `measure` in the benchmark's line; rows go in, records come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["OURS", "Row", "break_even", "cost", "with_ratios"]

Row = Mapping[str, Any]
OURS = "ours"


def cost(
    rows: Sequence[Row], engine: str, cell: str, cells: int, threads: int = 1
) -> float | None:
    """Cost of one row, us per neuron-ms; None where there is none."""
    for row in rows:
        key = (row["engine"], row["cell"], row["cells"], row["threads"])
        if key == (engine, cell, cells, threads):
            found: float | None = row["us_per_neuron_ms"]
            return found
    return None


def with_ratios(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Add ``times_ours``: cost over that of the engine on as many cells and cores."""
    found = []
    for row in rows:
        us = row["us_per_neuron_ms"]
        ours = cost(rows, OURS, row["cell"], row["cells"], row["threads"])
        times = us / ours if us is not None and ours is not None else None
        found.append({**row, "times_ours": times})
    return found


def break_even(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Smallest number of cells from which the engine takes less time, on one core.

    The time of a ms is interpolated linearly between the numbers that were measured;
    None where the other is faster at all of them.
    """
    found = []
    for engine, cell in dict.fromkeys((r["engine"], r["cell"]) for r in rows):
        if engine.startswith(OURS):
            continue
        both = [
            (cells, cost(rows, engine, cell, cells), ours)
            for cells in sorted({r["cells"] for r in rows})
            if (ours := cost(rows, OURS, cell, cells)) is not None
        ]
        known = [(n, n * theirs, n * ours) for n, theirs, ours in both if theirs]
        if known:
            found.append({"against": engine, "cell": cell, "cells": _crossing(known)})
    return found


def _crossing(known: list[tuple[int, float, float]]) -> int | None:
    count, theirs, ours = (np.array(x, float) for x in zip(*known, strict=True))
    n = np.arange(count[0], count[-1] + 1)
    ahead = np.interp(n, count, ours) <= np.interp(n, count, theirs)
    return int(n[ahead][0]) if ahead.any() else None
