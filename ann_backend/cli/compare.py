"""Run a script on both backends and compare every cell that it replaces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ann_backend.cli._figure import drawn

if TYPE_CHECKING:
    from ann_backend.cli._runs import Run

TOLERANCES_MS = (0.5, 1.0, 2.0, 5.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options may stand before or after the script; the rest is the script's own."""
    _add_options(parser)
    parser.add_argument("script", type=Path, help="Python script, or hoc if *.hoc")
    parser.add_argument(
        "args",
        nargs=argparse.REMAINDER,
        help="the script's own arguments (after -- if one of them is named as ours)",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend",
        default="auto",
        choices=("auto", "cpu", "cuda"),
        help="compared with NEURON (default: auto)",
    )
    parser.add_argument(
        "--figure", type=Path, metavar="PNG", help="default: SCRIPT_compare.png here"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Compare; see `compare` for the keys of the result."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_options(own)
    own.add_argument("--json", type=Path)
    cut = args.args.index("--") if "--" in args.args else len(args.args)
    _, rest = own.parse_known_args(args.args[:cut], namespace=args)
    figure = args.figure or Path(f"{args.script.stem}_compare.png")
    script_args = [*rest, *args.args[cut + 1 :]]
    return compare(args.script, script_args, backend=args.backend, figure=figure)


def compare(
    script: Path, args: list[str], *, backend: str, figure: Path
) -> dict[str, Any]:
    """Run `script` with NEURON, then with `backend`, and compare what it replaces.

    Returns
    -------
    dict
        Pooled over the replaced cells: ``spikes_*``, ``f1_*ms`` (one-to-one matches
        within that many ms), ``rate_*_Hz``, ``vm_rmse_mV`` (both clipped at
        ``clip_mV``; ``None`` where the time steps differ); ``setup_s_*`` (launch to
        first `finitialize`), ``run_s_*``, ``speedup`` (ratio of ``run_s``);
        ``figure``; and ``cells``, the same per cell.

    Raises
    ------
    ScriptError
        The script cannot be compared; the message holds its own last lines.
    """
    from ann_backend.cli._runs import ScriptError, run_script

    neuron = run_script(script, args, "neuron")
    ann = run_script(script, args, backend)
    if neuron.names != ann.names:
        raise ScriptError(
            f"{script} replaced {len(neuron.names)} cells with backend 'neuron' and "
            f"{len(ann.names)} with {backend!r}: expected the same cells in the same "
            "order; do not let the script's model depend on the backend"
        )
    count = len(neuron.names)
    return {
        "script": str(script),
        "backend": backend,
        "replaced": count,
        "biological_s": neuron.biological_s,
        **_scores(neuron, ann, slice(None)),
        "clip_mV": neuron.clip_mV,
        "threshold_mV": neuron.threshold_mV,
        "setup_s_neuron": neuron.setup_s,
        "setup_s_ann": ann.setup_s,
        "run_s_neuron": neuron.run_s,
        "run_s_ann": ann.run_s,
        "speedup": neuron.run_s / ann.run_s,
        "figure": drawn("ann_backend.plots", "compare_figure", neuron, ann, figure),
        "cells": [
            {"cell": name, **_scores(neuron, ann, slice(cell, cell + 1))}
            for cell, name in enumerate(neuron.names)
        ],
    }


def _scores(neuron: Run, ann: Run, cells: slice) -> dict[str, Any]:
    """Score some cells together: spikes and squares are pooled, not averaged."""
    from ann_backend.metrics import f1_pooled

    true, found = neuron.spikes[cells], ann.spikes[cells]
    counts = [sum(map(len, trains)) for trains in (true, found)]
    cell_s = neuron.biological_s * len(true)
    return {
        "spikes_neuron": counts[0],
        "spikes_ann": counts[1],
        **{f"f1_{d:g}ms": f1_pooled(found, true, d) for d in TOLERANCES_MS},
        "rate_neuron_Hz": counts[0] / cell_s,
        "rate_ann_Hz": counts[1] / cell_s,
        "vm_rmse_mV": _vm_rmse(neuron, ann, cells),
    }


def _vm_rmse(neuron: Run, ann: Run, cells: slice) -> float | None:
    from ann_backend.metrics import vm_rmse

    true, found = neuron.vm[cells], ann.vm[cells]
    if true.size == 0 or neuron.vm.shape != ann.vm.shape:
        return None
    # A cell made after the first of several runs was not there to be recorded.
    there = ~np.isnan(true)
    return vm_rmse(found[there], true[there], clip_mV=neuron.clip_mV)
