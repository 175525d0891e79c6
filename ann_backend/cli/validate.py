"""Measure a bundle on unseen trials, every metric beside the teacher's own floor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ann_backend.cli import _cell

if TYPE_CHECKING:
    import argparse

    from ann_backend.train.evidence import Amount

NAMES = {
    "stock_neuron": "stock NEURON",
    "current_steps": "f-I curve",
    "html": "page",
    "out": "bundle",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", help="a bundle's file, or the name of one that ships")
    parser.add_argument("cell", help=_cell.HELP)
    parser.add_argument("--html", type=Path, metavar="PATH", help="a page with figures")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="a bundle to write: the same, with what was measured in its manifest",
    )
    parser.add_argument("--trials", type=int, help="of the test: 64")
    parser.add_argument(
        "--trial-s", type=int, help="seconds in a trial: as in the training"
    )
    parser.add_argument("--seed", type=int, help="of the trials: the bundle's own")
    parser.add_argument("--folder", type=Path, help="of the trials: data/CELL")
    parser.add_argument("--processes", type=int, default=2, help="that run NEURON")
    parser.add_argument(
        "--quick", action="store_true", help="8 trials of 5 s and one of 60 s"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Validate; the keys of the result are those of `train.validate.measure`, and more.

    ``bundle``, ``cell`` and ``manifest_sha256`` say what was measured, ``html`` and
    ``out`` what was written.

    Raises
    ------
    AnnBackendError
        The bundle or the cell does not exist, or they do not fit together.
    """
    from ann_backend.paths import refuse_unwritable
    from ann_backend.run.catalogue import find

    bundle = find(args.bundle)
    cell = _cell.described(args.cell)
    amount = _amount(args, bundle.manifest.training.ranges.get("trial_s"))
    drawing = None
    if args.html is not None:
        refuse_unwritable(args.html, "--html")
        drawing = _figures()
    if args.out is not None:
        refuse_unwritable(args.out, "--out", ".safetensors")

    from ann_backend.bundle import save
    from ann_backend.train.evidence import gather
    from ann_backend.train.resolve import resolve
    from ann_backend.train.validate import fit_together, measure, summary

    cell = resolve(cell)
    fit_together(bundle, cell)
    seed = args.seed
    if seed is None:
        seed = bundle.manifest.training.seeds.get("data", 1)
    evidence = gather(
        cell,
        args.folder or Path("data") / cell.name,
        seed=seed,
        amount=amount,
        processes=args.processes,
        quiet=args.quiet,
    )
    measured = measure(bundle, evidence, quiet=args.quiet)
    result = {
        "bundle": bundle.manifest.name,
        "cell": cell.name,
        "manifest_sha256": bundle.manifest.manifest_sha256,
        **measured,
    }
    if args.out is not None:
        said = bundle.manifest.model_copy(update={"fidelity": summary(measured)})
        save(args.out, said, bundle.tensors)
        result["out"] = str(args.out)
    if drawing is not None:
        from ann_backend.cli._page import page

        args.html.write_text(page(result, drawing(result)), encoding="utf-8")
        result["html"] = str(args.html)
    return result


def text(result: Mapping[str, Any]) -> str:
    """Lay the metrics out beside the floor; the rest is in the JSON and on the page."""
    from ann_backend.train.tally import KEYS

    sides = [("", result), ("floor", result["floor"])]
    if isinstance(result["stock_neuron"], Mapping):
        stock = result["stock_neuron"]
        sides += [("stock", stock), ("its floor", stock["floor"])]
    sides += [("300 ms", result["first_300ms"])]
    if result["told_the_teachers_spikes"] is not None:
        sides += [("told", result["told_the_teachers_spikes"])]
    heads = [result["bundle"], *(name for name, _ in sides[1:])]
    low, high = result["rate_Hz"]
    lines = [
        f"{result['trials']} unseen trials of {result['seconds_per_trial']:g} s, "
        f"{result['spikes']} spikes, {low:.2g} to {high:.2g} Hz; teacher: "
        f"{result['teacher']}",
        "",
        f"{'':20}{'95 %':>19}{''.join(f'{head:>11}' for head in heads)}",
        *(_line(key, result, sides) for key in KEYS),
        "",
        *_ends(result["drift"]),
        *_network(result["network"]),
        *(f"breaks down at {where}" for where in result["breaks_down_at"]),
    ]
    said = [name for name in NAMES if isinstance(result.get(name), str)]
    lines += [f"{NAMES[name]}: {result[name]}" for name in said]
    return "\n".join(lines)


def _line(
    key: str, result: Mapping[str, Any], sides: list[tuple[str, Mapping[str, Any]]]
) -> str:
    bounds = "".join(f"{_short(x):>9}" for x in result["confidence_95"][key])
    return f"{key:20} {bounds}{''.join(f'{_short(s[key]):>11}' for _, s in sides)}"


def _ends(drift: Mapping[str, Any] | None) -> list[str]:
    if drift is None:
        return []
    keys = ("f1_2ms", "vm_rmse_mV", "rate_error")
    ends = [name for name in drift if name.startswith(("first_", "last_"))]
    return [
        f"trials of {drift['seconds']} s, {end.replace('_', ' ')}: "
        + ", ".join(f"{key} {_short(drift[end][key])}" for key in keys)
        for end in ends
    ]


def _network(network: Mapping[str, Any] | None) -> list[str]:
    if network is None:
        return []
    rate, error = network["rate_Hz"], network["rate_error"]
    return [
        f"network of {network['cells']} cells: {rate['surrogate']:.3g} Hz, in NEURON "
        f"{rate['neuron']:.3g} Hz, rate error {_short(error['surrogate'])}, at half "
        f"its step {_short(error['half_step'])}"
    ]


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _amount(args: argparse.Namespace, trained_s: object) -> Amount:
    """How much to simulate; what is named goes before ``--quick``."""
    import dataclasses

    from ann_backend.errors import AnnBackendError
    from ann_backend.train.evidence import Amount

    amount = Amount()
    if isinstance(trained_s, int | float) and trained_s >= 1:
        amount = Amount(trial_s=int(trained_s))
    if args.quick:
        amount = Amount(trials=8, trial_s=5, long_trials=1, stock_trials=2, network_s=1)
    for name in ("trials", "trial_s"):
        value = getattr(args, name)
        if value is not None and value < 1:
            flag = name.replace("_", "-")
            raise AnnBackendError(f"--{flag}: expected 1 or more, got {value}")
        if value is not None:
            amount = dataclasses.replace(amount, **{name: value})
    return amount


def _figures() -> Any:
    """What draws the page's figures, or what to install for it."""
    from ann_backend.errors import AnnBackendError

    try:
        from ann_backend.fidelity_plots import figures
    except ImportError as error:
        raise AnnBackendError(
            f"--html: {error}; pip install 'ann_backend[plot]' draws the figures"
        ) from error
    return figures
