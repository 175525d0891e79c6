"""Train a surrogate of a cell that ships and write its bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ann_backend.cli import _cell
from ann_backend.train.shape import SHAPES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("cell", help=_cell.HELP)
    parser.add_argument("--out", type=Path, help="bundle to write: CELL.safetensors")
    parser.add_argument("--folder", type=Path, help="trials and checkpoint: data/CELL")
    parser.add_argument(
        "--hours",
        type=float,
        nargs="+",
        default=[10.0],
        help="biological hours, for each --trial-s",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--size", choices=SHAPES, default="M", help="point: for a cell of a soma alone"
    )
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--batch", type=int, default=64, help="trials at a time")
    parser.add_argument("--held-out", type=int, default=64, help="trials per test set")
    parser.add_argument(
        "--trial-s",
        type=int,
        nargs="+",
        default=[30],
        help="seconds in a trial; of several lengths, the first is held out",
    )
    parser.add_argument(
        "--network-hours",
        type=float,
        default=0.0,
        help="more of it, as a cell of a recurrent network has it",
    )
    parser.add_argument("--processes", type=int, default=2, help="that run NEURON")
    parser.add_argument(
        "--init-from",
        default="",
        help="bundle to begin with; a smaller --size begins with its branches only",
    )
    parser.add_argument("--freeze", choices=("", "front"), default="")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="that train")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train; the result is where the bundle lies, its sizes and its fidelity."""
    from ann_backend import bundle
    from ann_backend.train.fit import Fit
    from ann_backend.train.pipeline import train

    cell = _cell.described(args.cell)
    path = train(
        cell,
        out=args.out or f"{cell.name}.safetensors",
        folder=args.folder,
        hours=args.hours,
        seed=args.seed,
        trial_s=args.trial_s,
        network_hours=args.network_hours,
        held_out=args.held_out,
        processes=args.processes,
        quiet=args.quiet,
        command=_command(args),
        options=Fit(
            shape=SHAPES[args.size],
            epochs=args.epochs,
            rate=args.rate,
            batch=args.batch,
            device=args.device,
            init_from=args.init_from,
            freeze=args.freeze,
            threads=args.threads,
        ),
    )
    manifest = bundle.load(path).manifest
    return {
        "bundle": str(path),
        "sizes": manifest.sizes.model_dump(),
        "data_hours": manifest.training.data_hours,
        "training_hours": manifest.training.training_hours,
        "fidelity": manifest.fidelity,
    }


def _command(args: argparse.Namespace) -> str:
    """The command line that makes the same bundle, every choice spelled out."""
    names = "hours seed epochs size rate batch held_out trial_s device threads"
    names += " init_from" * bool(args.init_from) + " freeze" * bool(args.freeze)
    names += " network_hours" * bool(args.network_hours)
    flags = []
    for name in names.split():
        value = getattr(args, name)
        words = value if isinstance(value, list) else [value]
        flags += [f"--{name.replace('_', '-')}", *map(str, words)]
    return f"python -m ann_backend train {args.cell} {' '.join(flags)}"
