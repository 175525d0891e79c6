"""Simulate a cell's trials, for training or for tests; a second call goes on."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from ann_backend.cli import _cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("cell", help=_cell.HELP)
    parser.add_argument("--split", default="train", help="or validation, test, network")
    parser.add_argument("--hours", type=float, default=4.0, help="biological hours")
    parser.add_argument("--trial-s", type=int, default=10, help="seconds in a trial")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the shards: data/CELL")
    parser.add_argument("--dt", type=float, help="teacher's step, ms: the cell's own")
    parser.add_argument("--processes", type=int, default=2, help="that run NEURON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Simulate; the result is what lies in the folder."""
    from ann_backend.errors import AnnBackendError, CellError
    from ann_backend.train.dataset import SPLITS, Request, generate
    from ann_backend.train.resolve import resolve

    if args.split not in SPLITS:
        raise CellError(f"expected a split of {', '.join(SPLITS)}, got '{args.split}'")
    if args.hours <= 0 or args.trial_s < 1:
        raise AnnBackendError(
            "expected hours above 0 and trials of 1 s or more, got "
            f"{args.hours:g} h in trials of {args.trial_s} s"
        )
    cell = _cell.described(args.cell)
    folder = args.folder or Path("data") / cell.name
    request = Request(
        cell=resolve(cell),
        split=args.split,
        seed=args.seed,
        trials=math.ceil(args.hours * 3600 / args.trial_s),
        duration_ms=args.trial_s * 1000,
        dt_ms=args.dt,
    )
    data = generate(request, folder, processes=args.processes, quiet=args.quiet)
    spikes = [len(t.spikes) for t in data.trials]
    return {
        "folder": str(request.path(folder, 0).parent),
        "teacher": data.teacher,
        "hours": data.hours,
        "trials": len(data.trials),
        "spikes": sum(spikes),
        "rate_Hz": [min(spikes) / args.trial_s, max(spikes) / args.trial_s],
        "events_sha256": data.events_sha256,
    }
