"""How cost scales: one axis at a time, the others where they are.

Beside `measure` in the benchmark's line, which measures each point: the same engines,
the same rows, and in each row its ``axis`` and the place ``at`` on it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ann_backend.bench import table
from ann_backend.bench.engines import ENGINES
from ann_backend.bench.measure import Effort, measure
from ann_backend.bundle import Bundle
from ann_backend.train.cell import CellDescription

__all__ = ["ALL", "FEW", "LABELS", "NOTES", "scaling"]

LABELS = {
    "cells": "cells",
    "synapses": "synapses per cell",
    "events_per_ms": "events/ms per cell",
    "threads": "cores",
}
CORES = [2**k for k in range(10) if 2**k <= (os.cpu_count() or 1)]
ALL = {
    "cells": (1, 10, 100, 1000, 10_000, 100_000),
    "synapses": (10, 100, 1000, 20_000),
    "events_per_ms": (0.1, 1, 10, 100),
    "threads": CORES,
}
FEW = {
    "cells": (1, 10, 100),
    "synapses": (10, 1000),
    "events_per_ms": (1, 10),
    "threads": CORES,
}
CELLS = 500  # where it is not the axis
NOTES = (
    f"one axis at a time; where they are not the axis: {CELLS} cells, one core, a "
    "synapse on each of the cell's channels, its usual events/ms",
    "synapses per cell: those of the biophysical cell, which share its events; a "
    "bundle has its channels, and any number of synapses lead to one",
    "cores: also with another process on one of them (ours, a core taken)",
    "bins per launch: no such axis; the CUDA engine computes one bin a launch",
)


def scaling(
    cell: CellDescription,
    bundle: Bundle,
    effort: Effort,
    axes: Mapping[str, Sequence[float]],
    say: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """Measure all engines at each place of each axis.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    bundle : Bundle
        With the cell's channels.
    effort : Effort
        Its cells and threads are not used.
    axes : mapping of str to sequence
        `ALL` or `FEW`.
    say : callable
        Told of what goes on.
    """
    for axis, places in axes.items():
        engines = tuple(name for name in effort.engines if _scales(name, axis))
        for at in places:
            say(f"{LABELS[axis]}: {at:,}")
            place: dict[str, Any] = {"cells": (CELLS,), "threads": (1,)}
            place[axis] = (at,) if axis in ("cells", "threads") else at
            point = dataclasses.replace(effort, engines=engines, **place)
            rows = table.with_ratios(list(measure(cell, bundle, point, say)))
            if axis == "events_per_ms":  # fidelity is of the usual input
                rows = [{**row, "f1_2ms": None} for row in rows]
            yield from ({**row, "axis": axis, "at": at} for row in rows)


def _scales(engine: str, axis: str) -> bool:
    """Whether an engine is measured along an axis; with a core taken, along cores."""
    kind = ENGINES[engine]
    return len(kind.threads) > 1 or kind.taken if axis == "threads" else not kind.taken
