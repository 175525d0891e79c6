"""What a result says of the peers beside their times.

Last in the peers' line: the rows get their sources, the notes what Jaxley's cell is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ann_backend.bench.peers import kinetics
from ann_backend.bench.peers.sources import PUBLISHED, SOURCES
from ann_backend.train.build import apart
from ann_backend.train.cell import CellDescription

__all__ = ["completed"]

NOTES = (
    "us of wall time per neuron and simulated ms, the median, least and most of "
    "interleaved repeats; each engine in a process of its own. On a busy machine no "
    "ratio holds",
    "all on one core; ours and the networks have as many Poisson events for each cell, "
    "ours on its own channels at exact times, the peers on 1,278 synapses in bins of 1 "
    "ms, and stop at their networks' outputs",
    "MB of a peer: of its whole process at its most, torch or XLA included",
)


def completed(
    result: dict[str, Any], cell: CellDescription, say: Callable[[str], None]
) -> dict[str, Any]:
    """Add where the peers are from, and how far Jaxley's cell is from NEURON's.

    Parameters
    ----------
    result : dict
        Of the benchmark.
    cell : CellDescription
        Resolved.
    say : callable
        Told of what goes on.
    """
    jaxley = [name for name in SOURCES if name.startswith("Jaxley")]
    say("Jaxley and NEURON: a current step")
    checks = [apart(kinetics.compared, cell, name) for name in jaxley]
    rows = [
        row
        | {
            "source": SOURCES.get(row["engine"]),
            "published": PUBLISHED.get(row["engine"]),
        }
        for row in result["rows"]
    ]
    notes = list(NOTES)
    notes += [f"{name}: {text}" for name, text in SOURCES.items()]
    notes += [f"{name}, as published: {text}" for name, text in PUBLISHED.items()]
    notes += map(kinetics.note, checks)
    result |= {"rows": rows, "kinetics": checks, "notes": notes}
    return result | {"break_even": [], "targets": []}
