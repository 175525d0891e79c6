"""Every stage of the training line, in order: the verb `ann_backend.train`.

Each stage keeps what it made in a folder, and a call with the same arguments goes
on from there, to the same result.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ann_backend import bundle, paths
from ann_backend.errors import AnnBackendError, CellError
from ann_backend.train.calibrate import calibrate
from ann_backend.train.cell import SHIPPED, CellDescription
from ann_backend.train.dataset import (
    Dataset,
    Request,
    generate,
    join,
    refuse_mixture,
)
from ann_backend.train.evidence import Amount, gather
from ann_backend.train.export import action_potential, readout, sizes
from ann_backend.train.fit import Fit, fit, hardware, torch_version
from ann_backend.train.model import Network
from ann_backend.train.resolve import resolve
from ann_backend.train.sampling import SAMPLER
from ann_backend.train.tensors import tensors
from ann_backend.train.validate import measure, summary

__all__ = ["train"]

NETWORK_TRIAL_S = 2


def train(
    cell: CellDescription | str,
    *,
    out: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    hours: float | Sequence[float] = 10.0,
    seed: int = 1,
    trial_s: int | Sequence[int] = 30,
    network_hours: float = 0.0,
    held_out: int = 64,
    amount: Amount | None = None,
    options: Fit | None = None,
    processes: int = 2,
    licence: str = "BSD-3-Clause",
    command: str = "ann_backend.train(...)",
    quiet: bool = False,
) -> Path:
    """Train a surrogate of a cell and write its bundle.

    NEURON runs in spawned processes: call this under ``if __name__ == "__main__":``.

    Parameters
    ----------
    cell : CellDescription or str
        What to train; a name is a cell that ships.
    out : path
        The bundle's file, ``*.safetensors``.
    folder : path, optional
        For trials, checkpoint and log; ``data/<name>`` by default. The same call
        with the same folder resumes.
    hours : float or sequence of float
        Biological hours of training data, for each length of trials.
    seed : int
        Of trials, of the weights and of their order.
    trial_s : int or sequence of int
        Seconds in a trial. Every trial draws where its synapses are, how many and how
        strong: short trials show more of that in an hour, long ones what lasts. Trials
        of the k-th length have seed + k; those held out have the first.
    network_hours : float
        Biological hours of more training data, in trials of 2 s as a cell of a
        recurrent network has them (`sampling`).
    held_out : int
        Trials for validation, and again for the test.
    amount : Amount, optional
        How much is simulated to measure the bundle; by default `held_out` trials,
        16 more of 60 s, stock NEURON and a network.
    options : Fit, optional
        Sizes, epochs, learning rate; its seed is replaced by `seed`.
    processes : int
        Processes that run the teacher.
    licence : str
        Of the weights.
    command : str
        What the manifest says made the bundle.
    quiet : bool
        No progress bars.

    Returns
    -------
    Path
        The bundle, with the measured fidelity in its manifest.

    Raises
    ------
    CellError
        No cell of that name ships.
    AnnBackendError
        A stage refuses what it finds in the folder, or the training diverges.
    """
    cell, out = _described(cell), Path(out)
    options = dataclasses.replace(options or Fit(), seed=seed)

    lengths = [trial_s] if isinstance(trial_s, int) else list(trial_s)
    amounts = [hours] if isinstance(hours, float | int) else list(hours)
    if len(lengths) != len(amounts):
        raise AnnBackendError(
            f"expected hours for each length of trials, got {amounts} h of {lengths} s"
        )

    if min(amounts) <= 0 or min(lengths) < 1 or network_hours < 0:
        raise AnnBackendError(
            "expected hours above 0 and trials of 1 s or more, and 0 hours or more of "
            f"a network, got {amounts} h in trials of {lengths} s and {network_hours:g}"
        )
    _refuse(out, options, held_out)
    cell = resolve(cell)
    home = Path(folder) if folder is not None else Path("data") / cell.name

    def made(split: str, trials: float, length_s: int, k: int = 0) -> Dataset:
        request = Request(
            cell=cell,
            split=split,
            seed=seed + k,
            trials=max(1, round(trials)),
            duration_ms=length_s * 1000,
        )
        return generate(request, home, processes=processes, quiet=quiet)

    validation = made("validation", held_out, lengths[0])
    parts = [
        made("train", h * 3600 / s, s, k)
        for k, (h, s) in enumerate(zip(amounts, lengths, strict=True))
    ]
    if network_hours:
        number = network_hours * 3600 / NETWORK_TRIAL_S
        parts.append(made("network", number, NETWORK_TRIAL_S))
    data = join(parts)
    refuse_mixture(data, validation)
    network = fit(data, validation, options, home / "fit", quiet=quiet)
    start_ms, ap = action_potential(data)
    weights = tensors(network) | {"ap": ap}
    manifest = _manifest(network, data, options, command, licence, lengths)
    spiking, _ = calibrate(network, validation.trials, threads=options.threads)
    manifest["readout"] = readout(cell, spiking, start_ms)
    unmeasured = _save(home / "fit" / f"{cell.name}.safetensors", manifest, weights)
    evidence = gather(
        cell,
        home,
        seed=seed,
        amount=amount or Amount(trials=held_out, trial_s=lengths[0]),
        processes=processes,
        quiet=quiet,
    )
    refuse_mixture(data, evidence.test)
    surrogate = bundle.load(unmeasured)
    manifest["fidelity"] = summary(measure(surrogate, evidence, quiet=quiet))
    manifest["training"]["training_hours"] = _training_hours(home / "fit")
    return _save(out, manifest, weights)


def _refuse(out: Path, options: Fit, held_out: int) -> None:
    """Refuse, at the door, what only the last stage would stumble over."""
    paths.refuse_unwritable(out, "out", ".safetensors")
    if held_out < 1:
        raise AnnBackendError(f"expected 1 trial or more held out, got {held_out}")
    if options.init_from:
        bundle.load(options.init_from)
        if out.resolve() == Path(options.init_from).resolve():
            raise AnnBackendError(
                f"expected another file to write than init_from, got '{out}': going on "
                "with this training would begin from what it made"
            )


def _described(cell: CellDescription | str) -> CellDescription:
    if isinstance(cell, CellDescription):
        return cell
    if cell not in SHIPPED:
        raise CellError(
            f"expected a cell that ships ({', '.join(SHIPPED)}), got '{cell}'; give a "
            "CellDescription for a cell of your own"
        )
    return SHIPPED[cell]


def _save(path: Path, manifest: dict[str, Any], weights: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = bundle.Manifest.model_validate_json(json.dumps(manifest))
    return bundle.save(path, document, weights)


def _manifest(
    network: Network,
    data: Dataset,
    options: Fit,
    command: str,
    licence: str,
    trial_s: list[int],
) -> dict[str, Any]:
    """The manifest but for its readout, fidelity and hashes."""
    cell = data.cell
    rates = _rates(data, len(cell.channels))
    channels = [
        {
            "name": c.name,
            "location": c.location,
            "synapses": [{"mechanism": m, "parameters": p} for m, p in c.synapses],
            "weight_uS": list(c.weight_uS),
            "rate_Hz": [0.0, float(np.ceil(rates[:, k].max()))],
        }
        for k, c in enumerate(cell.channels)
    ]
    begun_from = {}
    if options.init_from:
        begun_from = bundle.load(options.init_from).manifest.training.model_dump()
    output_Hz = [len(t.spikes) * 1e3 / len(t.v) for t in data.trials]
    return {
        "name": cell.name,
        "channels": channels,
        "sizes": sizes(network),
        "cell": data.fingerprint,
        "training": {
            "command": command,
            "seeds": {"data": options.seed, "weights": options.seed},
            "sampler": f"ann_backend.train.sampling {SAMPLER}",
            "ranges": {
                "output_rate_Hz": [min(output_Hz), max(output_Hz)],
                "trial_s": trial_s[0],
                "training_trial_s": trial_s,
                "fit": dataclasses.asdict(options),
                "begun_from": begun_from,
                "events_sha256": data.events_sha256,
                "teacher": data.teacher,
            },
            "data_hours": data.hours,
            "training_hours": 0.0,
            "hardware": hardware(options),
            "neuron_version": data.neuron_version,
            "torch_version": torch_version(),
        },
        "fidelity": {},
        "licence": licence,
    }


def _rates(data: Dataset, channels: int) -> Any:
    """Event rate of each channel in each trial, Hz."""
    return np.array(
        [
            np.bincount(t.events.channel, minlength=channels) * 1e3 / len(t.v)
            for t in data.trials
        ]
    )


def _training_hours(folder: Path) -> float:
    last = (folder / "log.jsonl").read_text().splitlines()[-1]
    return round(float(json.loads(last)["seconds"]) / 3600, 3)
