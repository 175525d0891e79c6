"""Measure the engine beside NEURON, CoreNEURON, torch and the paper's network."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ann_backend.bench.measure import Effort
    from ann_backend.bundle import Bundle
    from ann_backend.train.cell import CellDescription

CELLS = ("HH", "L5PC")
# parts inside NEURON: rows and bins, and those of --quick
SIZES = {
    "exchange": ((5000, 40), (200, 20)),
    "coupled": ((1000, 100), (200, 50)),
    "circuit": ((5000, 100), (200, 50)),
    "ranks": ((500, 200), (50, 100)),
}
PARTS = ("engines", *SIZES)
SYNAPSES = 10_000, 1000  # of a row of a circuit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--quick", action="store_true", help="fewer cells, shorter runs"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="cost against cells, or axes"
    )
    parser.add_argument(
        "--part",
        nargs="+",
        choices=PARTS,
        help="what to measure: all; with --engine or --bundle the engines alone",
    )
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="along one axis at a time instead: cells, synapses, events, cores",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="Jaxley, Branch-ELM and AxoSim instead, in an environment of their own",
    )
    parser.add_argument("--repeats", type=int, help="of each engine: 5")
    parser.add_argument(
        "--cells", type=int, nargs="+", metavar="N", help="1 50 5000; --quick: 1 50"
    )
    parser.add_argument(
        "--cell",
        nargs="+",
        default=list(CELLS),
        choices=CELLS,
        help="which to measure: both",
    )
    parser.add_argument(
        "--engine", nargs="+", metavar="NAME", help="some of them, such as ours NEURON"
    )
    parser.add_argument(
        "--bundle", metavar="PATH", help="of the one --cell, not that which ships"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the input")
    parser.add_argument("--quiet", action="store_true", help="say nothing meanwhile")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; the result has ``rows``, a list for each of `SIZES`, and ``targets``.

    Raises
    ------
    AnnBackendError
        An argument is out of range, or a cell's mechanisms do not compile.
    """
    effort, machine = _effort(args), _machine()
    alone = args.engine or args.bundle or args.scaling or args.peers
    parts = args.part or (PARTS[:1] if alone else PARTS)
    say = _silent if args.quiet else _said
    if args.peers:
        from ann_backend.bench.peers import environment, report

        environment.python(say)
    rows: list[dict[str, Any]] = []
    networks: dict[str, list[dict[str, Any]]] = {part: [] for part in SIZES}
    for name in CELLS[1:] if args.peers else args.cell:
        cell, bundle = _opened(name, args.bundle or name, args.seed, say)
        if "engines" in parts:
            rows += _rows(args, cell, bundle, effort, say)
        for part in networks:
            if part in parts and part != "exchange":
                networks[part] += _network(part, args.quick, cell, bundle, effort, say)
    if "exchange" in parts:  # of HH: its rows spike as they are driven
        hh = _opened("HH", "HH", args.seed, say)
        networks["exchange"] = _network("exchange", args.quick, *hh, effort, say)
    result = _result(args, machine, rows, networks)
    if args.peers:
        result = report.completed(result, cell, say)
    if args.plot is not None and rows:
        from ann_backend.cli._figure import drawn

        figure = "draw_scaling" if args.scaling else "draw"
        result["plot"] = drawn("ann_backend.bench.plot", figure, rows, args.plot)
    return result


def text(result: Mapping[str, Any]) -> str:
    """Lay out the tables, what could not be measured, the targets, and the notes."""
    from ann_backend.bench.text import lay_out

    return lay_out(result)


def _opened(
    name: str, path: str, seed: int, say: Callable[[str], None]
) -> tuple[CellDescription, Bundle]:
    """A cell and its bundle, from a process of their own."""
    from ann_backend.train.stock import spawned

    ((cell, bundle),) = spawned(1, _prepared, [(name, path, seed)])
    if not bundle.manifest.fidelity:
        say(f"{name}: no bundle ships, so the network has random weights")
    return cell, bundle


def _rows(
    args: argparse.Namespace,
    cell: CellDescription,
    bundle: Bundle,
    effort: Effort,
    say: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    from ann_backend.bench import measure, scaling

    if not args.scaling:
        return measure.measure(cell, bundle, effort, say)
    axes = scaling.FEW if args.quick else scaling.ALL
    return scaling.scaling(cell, bundle, effort, axes, say)


def _network(
    part: str,
    quick: bool,
    cell: CellDescription,
    bundle: Bundle,
    effort: Effort,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    from ann_backend.bench import turns
    from ann_backend.bench.ranks import ranks

    size = turns.Network(*SIZES[part][quick])
    if part == "ranks":
        return ranks(cell.name, size, effort, say)
    if part == "circuit":
        return turns.circuit(cell, bundle, size, SYNAPSES[quick], effort, say)
    measured = {"exchange": turns.exchange, "coupled": turns.coupled}[part]
    return measured(cell, bundle, size, effort, say)


def _result(
    args: argparse.Namespace,
    machine: str,
    rows: list[dict[str, Any]],
    networks: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """All of it, with what it says of the targets; those are not judged along axes."""
    from ann_backend.bench import scaling, table, targets
    from ann_backend.bench.text import NETWORK_NOTES, NOTES

    notes = [*NOTES, *_no_gpu(), *(NETWORK_NOTES if any(networks.values()) else ())]
    return {
        "machine": machine,
        "notes": [*notes, *(scaling.NOTES if args.scaling else ())],
        "rows": rows if args.scaling else table.with_ratios(rows),
        "break_even": [] if args.scaling else table.break_even(rows),
        **networks,
        "targets": [] if args.scaling else targets.judged({"rows": rows, **networks}),
    }


def _effort(args: argparse.Namespace) -> Effort:
    import dataclasses

    from ann_backend.bench.engines import ENGINES, PEERS
    from ann_backend.bench.measure import Effort
    from ann_backend.errors import AnnBackendError

    here = [name for name in ENGINES if name != "ours, CUDA" or not _no_gpu()]
    if args.scaling:  # at 100,000 cells the paper's network would take an hour
        here = [name for name in here if not name.startswith("paper")]
    if args.peers:
        here = ["ours", *PEERS]
    threads = (1,) if args.peers else None
    effort = Effort(seed=args.seed, engines=tuple(here), threads=threads)
    if args.quick:
        effort = dataclasses.replace(effort, cells=(1, 50), seconds=0.1)
    lists = {"cells": args.cells, "engines": args.engine}
    given: dict[str, Any] = {k: tuple(x) for k, x in lists.items() if x is not None}
    given |= {} if args.repeats is None else {"repeats": args.repeats}
    effort = dataclasses.replace(effort, **given)
    if args.peers and (args.scaling or args.part or CELLS[1] not in args.cell):
        raise AnnBackendError("--peers: leave --scaling, --part and --cell out")
    if args.scaling and args.cells:
        raise AnnBackendError("--scaling has cells of its own: leave --cells out")
    if args.bundle and (len(args.cell) > 1 or {*(args.part or ())} - {*PARTS[:1]}):
        raise AnnBackendError("--bundle: name its cell with --cell; engines alone")
    if min(effort.repeats, *effort.cells) < 1:
        raise AnnBackendError("--repeats and --cells: expected numbers of 1 or more")
    known = here if args.peers else ENGINES
    if unknown := [name for name in effort.engines if name not in known]:
        raise AnnBackendError(
            f"--engine: expected some of {', '.join(known)}; got {unknown[0]!r}"
        )
    return effort


def _prepared(name: str, path: str, seed: int) -> tuple[CellDescription, Bundle]:
    """A cell, resolved and compiled, and its bundle or one with random weights."""
    from ann_backend.bench import peak
    from ann_backend.bench.untrained import untrained
    from ann_backend.errors import BundleError
    from ann_backend.run.catalogue import find
    from ann_backend.train import build
    from ann_backend.train.cell import SHIPPED
    from ann_backend.train.resolve import resolve_here

    cell = resolve_here(SHIPPED[name])
    for fast in (False, True):
        build.library(cell, fast=fast)
    peak.library()
    try:
        bundle = find(path)
    except BundleError:
        if path != name:
            raise
        return cell, untrained(cell, seed)
    if [c.name for c in bundle.manifest.channels] != [c.name for c in cell.channels]:
        raise BundleError(
            f"bundle '{path}': expected the channels of the cell {name}, got others; "
            "train it again for this cell"
        )
    return cell, bundle


def _machine() -> str:
    """Processor, cores, and how busy they are before anything is measured."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [x.partition(":")[2].strip() for x in lines if x.startswith("model name")]
    name = (names or [platform.processor()])[0]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"{platform.machine()}, {os.cpu_count()} cores, {name}; load before: {load}"


def _no_gpu() -> list[str]:
    from ann_backend._engine import cuda_refusal

    why = cuda_refusal()
    return [f"ours, CUDA: not measured: {why}"] if why else []


def _said(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    del line
