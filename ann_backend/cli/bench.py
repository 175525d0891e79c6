"""Measure the engine beside NEURON, CoreNEURON, torch and the paper's network."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ann_backend.bench.measure import Effort
    from ann_backend.bundle import Bundle
    from ann_backend.train.cell import CellDescription

CELLS = ("HH", "L5PC")
NOTES = (
    "us of wall time per neuron and simulated ms; medians of interleaved repeats, each "
    "engine in a process of its own, all on the same Poisson events at exact times",
    "NEURON and CoreNEURON: dt 0.025 ms, backward Euler, nothing recorded but spikes, "
    "events in the queue beforehand; on 2 cores they are two processes with half of "
    "the cells each, which is MPI ranks without the cost of their exchange",
    "CoreNEURON: vector exp and pow; its taking over of the model is subtracted",
    "scaled: measured on fewer cells (measured_cells, of which are set-up time and "
    "memory too), taken to cost as much for each of all cells",
    "ours: called from Python for each bin, events checked, grouped and sorted, spikes "
    "and voltages read out; torch stops at the network's outputs",
    "paper: the published layer sizes with random weights, on the CPU; where a cell "
    "has more channels than the published 200 sites, channels share columns",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--quick", action="store_true", help="less than two minutes")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="cost against cells")
    parser.add_argument("--repeats", type=int, help="of each engine: 5")
    parser.add_argument(
        "--cells", type=int, nargs="+", metavar="N", help="1 50 5000; --quick: 1 50"
    )
    parser.add_argument(
        "--cell", nargs="+", default=CELLS, choices=CELLS, help="which to measure: both"
    )
    parser.add_argument(
        "--engine", nargs="+", metavar="NAME", help="some of them, such as ours NEURON"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the input")
    parser.add_argument("--quiet", action="store_true", help="say nothing meanwhile")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; the result has ``rows``, ``ratios``, ``break_even`` and ``targets``.

    Raises
    ------
    AnnBackendError
        An argument is out of range, or a cell's mechanisms do not compile.
    """
    from ann_backend.bench import measure, table, targets
    from ann_backend.train.stock import spawned

    effort = _effort(args)
    rows: list[dict[str, Any]] = []
    for name in args.cell:
        ((cell, bundle),) = spawned(1, _prepared, [(name, args.seed)])
        say = _silent if args.quiet else _said
        if not bundle.manifest.fidelity:
            say(f"{name}: no bundle ships, so the network has random weights")
        rows += measure.measure(cell, bundle, effort, say)
    result = {
        "machine": f"{platform.machine()}, {_processor()}",
        "notes": list(NOTES),
        "rows": rows,
        "ratios": table.ratios(rows),
        "break_even": table.break_even(rows),
        "targets": targets.judged(rows),
    }
    if args.plot is not None:
        from ann_backend.cli._figure import drawn

        result["plot"] = drawn("ann_backend.bench.plot", "draw", rows, args.plot)
    return result


def text(result: Mapping[str, Any]) -> str:
    """Lay out the tables, what could not be measured, and the notes."""
    from ann_backend.cli.text import render

    rows = [_short(row) for row in result["rows"]]
    missing = [
        f"{row['engine']}, {row['cell']}, cells: {row['cells']}, threads: "
        f"{row['threads']}: not measured: {row['note']}"
        for row in result["rows"]
        if row.get("note")
    ]
    verdicts = {True: "met", False: "MISSED", None: "-"}
    judged = [
        {
            "met": verdicts[t["met"]],
            "measured": t["measured"],
            "target": f"{t['sense']} {t['target']:g}",
            "name": t["name"],
            "note": t["note"],
        }
        for t in result["targets"]
    ]
    tables = {"rows": rows, "ratios": result["ratios"]}
    tables |= {"break_even": result["break_even"], "targets": judged}
    lines = [f"machine: {result['machine']}", render(tables), "", *missing]
    return "\n".join([*lines, "", *result["notes"]])


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the table; numbers of more cells than were run have a mark."""
    names = ("engine", "cell", "cells", "threads", "us_per_neuron_ms", "us_min")
    shown = {name: row.get(name) for name in (*names, "us_max")}
    f1 = row["f1_2ms"]
    if f1 is None and row["engine"].startswith(("ours", "torch")):
        f1 = "untrained"
    shown |= {"f1_2ms": f1, "scaled": f"of {row['measured_cells']}"}
    if not row["scaled"]:
        shown["scaled"] = None
    more = ("setup_s", "memory_MB", "segments", "synapses", "output_Hz")
    return shown | {name: row.get(name) for name in more}


def _effort(args: argparse.Namespace) -> Effort:
    import dataclasses

    from ann_backend.bench.engines import ENGINES
    from ann_backend.bench.measure import Effort
    from ann_backend.errors import AnnBackendError

    effort = Effort(seed=args.seed)
    if args.quick:
        effort = dataclasses.replace(effort, cells=(1, 50), seconds=0.1)
    if args.repeats is not None:
        effort = dataclasses.replace(effort, repeats=args.repeats)
    if args.cells is not None:
        effort = dataclasses.replace(effort, cells=tuple(args.cells))
    if args.engine is not None:
        effort = dataclasses.replace(effort, engines=tuple(args.engine))
    if min(effort.repeats, *effort.cells) < 1:
        raise AnnBackendError("--repeats and --cells: expected numbers of 1 or more")
    if unknown := [name for name in effort.engines if name not in ENGINES]:
        raise AnnBackendError(
            f"--engine: expected some of {', '.join(ENGINES)}; got {unknown[0]!r}"
        )
    return effort


def _prepared(name: str, seed: int) -> tuple[CellDescription, Bundle]:
    """A cell, resolved and compiled, and its bundle or one with random weights."""
    from ann_backend.bench.untrained import untrained
    from ann_backend.errors import BundleError
    from ann_backend.run.catalogue import find
    from ann_backend.train import build
    from ann_backend.train.cell import SHIPPED
    from ann_backend.train.resolve import resolve_here

    cell = SHIPPED[name]
    cell = cell if cell.resolved else resolve_here(cell)
    for fast in (False, True):
        build.library(cell, fast=fast)
    try:
        return cell, find(name)
    except BundleError:
        return cell, untrained(cell, seed)


def _processor() -> str:
    import os

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [x.partition(":")[2].strip() for x in lines if x.startswith("model name")]
    return f"{os.cpu_count()} cores, {(names or [platform.processor()])[0]}"


def _said(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    del line
