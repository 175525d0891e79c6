"""The result of a benchmark as a user reads it: a table a cell, and the verdicts.

After `table` and `targets` in the benchmark's line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ann_backend.bench.scaling import LABELS
from ann_backend.cli.text import render

__all__ = ["lay_out"]

NETWORKS = "exchange", "coupled", "circuit", "ranks"
VERDICTS = {True: "met", False: "MISSED", None: "-"}


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
    head = f"{name}: {size}{rows[0]['events_per_ms']:.3g} events/ms; bundle: {weights}"
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
