"""The result of a benchmark as a user reads it: a table a cell, and the verdicts.

After `table` and `targets` in the benchmark's line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ann_backend.bench.scaling import LABELS
from ann_backend.cli.text import render

__all__ = ["NETWORK_NOTES", "NOTES", "lay_out"]

NETWORKS = "exchange", "coupled", "circuit", "ranks"
VERDICTS = {True: "met", False: "MISSED", None: "-"}
NOTES = (
    "us of wall time per neuron and simulated ms, the median, least and most of "
    "interleaved repeats; each engine in a process of its own, all on the same Poisson "
    "events at exact times. On a busy machine no ratio holds",
    "NEURON and CoreNEURON: dt 0.025 ms, backward Euler, nothing recorded but spikes, "
    "events in the queue beforehand; on 2 cores they are two processes with half of "
    "the cells each, which is MPI ranks without the cost of their exchange",
    "CoreNEURON: vector exp and pow; its taking over of the model is subtracted",
    "(of N): measured on N cells, as are set-up time and memory; cost for each cell is "
    "taken to be the same",
    "ours: called from Python for each bin, events checked, grouped and sorted, spikes "
    "and voltages read out; torch, eager, stops at the network's outputs",
    "paper: the published layer sizes with random weights, in torch; where a cell has "
    "more channels than the published 200 sites, channels share columns",
    "F1@2ms: of the bundle against NEURON; '-' beside ours: random weights, as fast as "
    "a trained bundle of that size, and of no accuracy",
)
NETWORK_NOTES = (
    "exchange: ns of CPU time of an event from a spike of an HH row to a channel of "
    "another, delays drawn from 1 to 11 ms: replaced cells and NetCons on NEURON's own "
    "queue (the baseline), the same script by the fan-out, a population joined by "
    "arrays; exchange_ns: less what the engine takes with events that are there",
    "coupled: us of CPU time of a simulated ms: a biophysical point cell and replaced "
    "cells, on the same 100 NetStims; the engine alone with as many events; the run "
    "without replaced cells; overhead: the rest over the engine's",
    "circuit: rows that hear each other, delays drawn from 1 to 11 ms, each with a "
    "background of its own; engine: without synapses; NetCons were measured on fewer "
    "rows and synapses, and what these add is scaled",
    "ranks: replaced cells on MPI ranks of one thread; strong: the same cells on more "
    "ranks, weak: as many on each; efficiency: 1 where ranks cost nothing; spikes: "
    "their digest",
)


def lay_out(result: Mapping[str, Any]) -> str:
    """Lay out the tables, what could not be measured, the targets, and the notes."""
    lines = [f"machine: {result['machine']}"]
    for cell, axis in dict.fromkeys(map(_table, result["rows"])):
        mine = [row for row in result["rows"] if _table(row) == (cell, axis)]
        lines += ["", *_cell(cell, mine)]
    tables = {
        "break-even, one core": result["break_even"],
        **{name: _timed(result[name]) for name in NETWORKS},
    }
    lines += [render({k: v for k, v in tables.items() if v}), ""]
    lines += [
        f"{name}: not measured: {row['note']}"
        for name in NETWORKS
        for row in result[name]
        if "note" in row
    ]
    if result["targets"]:
        lines += ["targets:", *map(_verdict, result["targets"]), ""]
    return "\n".join([*lines, *(f"* {note}" for note in result["notes"])])


def _table(row: Mapping[str, Any]) -> tuple[str, str | None]:
    return row["cell"], row.get("axis")


def _timed(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if "note" not in row]


def _cell(name: str, rows: list[Mapping[str, Any]]) -> list[str]:
    """One cell: what it is, its table, and the rows without a time."""
    of = next((r for r in rows if "segments" in r), {})
    size = f"{of['segments']} segments, {of['synapses']} synapses, " if of else ""
    weights = next((r["bundle"] for r in rows), "")
    hidden = next((f", H = {r['hidden']}" for r in rows if "hidden" in r), "")
    per_ms = f"{rows[0]['events_per_ms']:.3g} events/ms"
    head = f"{name}: {size}{per_ms}; bundle: {weights}{hidden}"
    timed = [_row(row) for row in rows if row["us_per_neuron_ms"] is not None]
    failed = dict.fromkeys(
        f"{row['engine']}: not measured: {row['note']}" for row in rows if "note" in row
    )
    axis = rows[0].get("axis")
    title = "us per neuron-ms" + (f" against {LABELS[axis]}" if axis else "")
    return [head, *render({title: timed}).splitlines()[1:], *failed]


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    times, f1 = row["times_ours"], row["f1_2ms"]
    scaled = f" (of {row['measured_cells']})" if row["scaled"] else ""
    hz = row.get("output_Hz")
    return {
        "engine": row["engine"],
        **({"at": f"{row['at']:,}"} if "at" in row else {}),
        "cells": f"{row['cells']:,}{scaled}",
        "cores": row["threads"],
        "median": _number(row["us_per_neuron_ms"]),
        "least": _number(row["us_min"]),
        "most": _number(row["us_max"]),
        "/ ours": _number(times),
        "F1@2ms": None if f1 is None else f"{f1:.3f}",
        "Hz": None if hz is None else f"{hz:.2g}",
        "set-up s": f"{row['setup_s']:.3f}",
        "MB": _number(row["memory_MB"]),
    }


def _verdict(target: Mapping[str, Any]) -> str:
    found = _number(target["measured"]) or "-"
    wanted = f"{target['sense']} {_number(target['target'])}"
    note = f" ({target['note']})" if target["note"] else ""
    verdict = VERDICTS[target["met"]]
    return f"{verdict:<7}{found:>9}  {wanted:<16}{target['name']}{note}"


def _number(x: float | None) -> str | None:
    """Three digits, no exponent."""
    if x is None:
        return None
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"
