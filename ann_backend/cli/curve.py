"""Train on more and more data, and say how accuracy grows with it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ann_backend.cli import _cell
from ann_backend.train.shape import SHAPES

HOURS = (0.25, 0.5, 1.0, 2.0, 4.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("cell", help=_cell.HELP)
    parser.add_argument("--folder", type=Path, help="trials, checkpoints: data/CELL")
    parser.add_argument(
        "--hours", type=float, nargs="+", default=list(HOURS), help="biological hours"
    )
    parser.add_argument("--steps", type=int, default=4000, help="of each training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", choices=SHAPES, default="M")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--batch", type=int, default=16, help="trials at a time")
    parser.add_argument("--held-out", type=int, default=80, help="trials per test set")
    parser.add_argument(
        "--trial-s",
        type=int,
        nargs=2,
        default=[10, 2],
        metavar=("HELD", "TRAIN"),
        help="seconds in a trial that is held out, in one to train on",
    )
    parser.add_argument("--processes", type=int, default=2, help="that run NEURON")
    parser.add_argument("--threads", type=int, default=2, help="that train")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="errors against hours")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train and measure; the result has ``points``, and where they lead."""
    from ann_backend.train.curve import curve, extrapolated
    from ann_backend.train.fit import Fit
    from ann_backend.train.resolve import resolve

    cell = resolve(_cell.described(args.cell))
    shape = SHAPES[args.size]
    points = curve(
        cell,
        args.hours,
        steps=args.steps,
        folder=args.folder or Path("data") / cell.name,
        seed=args.seed,
        trial_s=tuple(args.trial_s),
        held_out=args.held_out,
        options=Fit(
            shape=shape, rate=args.rate, batch=args.batch, threads=args.threads
        ),
        processes=args.processes,
        quiet=args.quiet,
    )
    ahead = extrapolated(points)
    result = {
        "cell": cell.name,
        "size": args.size,
        "steps": args.steps,
        "points": points,
        "extrapolated": ahead,
    }
    if args.plot is not None:
        from ann_backend.cli._figure import drawn

        result["plot"] = drawn(
            "ann_backend.fidelity_plots", "draw_curve", points, ahead, args.plot
        )
    return result
