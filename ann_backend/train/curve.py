"""How accuracy grows with data: one network, as many steps, on more and more trials.

Beside `pipeline` in the training line. Each point is a training from the same random
start on the first trials of one set; all are measured on the same test trials.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ann_backend.errors import AnnBackendError
from ann_backend.train.calibrate import calibrate
from ann_backend.train.cell import CellDescription
from ann_backend.train.dataset import Dataset, Request, generate, refuse_mixture
from ann_backend.train.evidence import Drawn
from ann_backend.train.export import runner
from ann_backend.train.fit import Fit, fit
from ann_backend.train.free_run import free_run
from ann_backend.train.model import Network
from ann_backend.train.tally import KEYS, USUAL_HZ, Response, scores, tally, usual

__all__ = ["curve", "extrapolated"]

FURTHER = 2, 4, 8, 16  # times the most data
LEAST = 3  # points of a line


def curve(
    cell: CellDescription,
    hours: Sequence[float],
    *,
    steps: int,
    folder: Path,
    seed: int,
    trial_s: tuple[int, int],
    held_out: int,
    options: Fit,
    processes: int = 2,
    quiet: bool = False,
) -> list[dict[str, Any]]:
    """Train on each amount of data and measure all on the same trials.

    NEURON runs in spawned processes: call this under ``if __name__ == "__main__":``.
    A call with the same folder goes on where it was interrupted.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    hours : sequence of float
        Biological hours of training data.
    steps : int
        Of the optimiser, rounded up to whole epochs.
    folder : Path
        Of the trials; checkpoints lie in its ``curve``.
    seed : int
        Of the trials that are held out, and of the weights; those of the training
        trials is the next.
    trial_s : (int, int)
        Seconds of a trial that is held out, of a training trial.
    held_out : int
        Trials for validation, and again for the test.
    options : Fit
        Its epochs and seed are not used.
    processes : int
        That run the teacher.
    quiet : bool
        No progress bars.

    Returns
    -------
    list of dict
        ``hours``, ``epochs``, ``trials`` and ``spikes`` of the test, and `tally.KEYS`;
        of the test's trials at usual output rates.

    Raises
    ------
    AnnBackendError
        No hours, or no steps; and what a stage of the training refuses.
    """
    if not hours or min(hours) <= 0 or steps < 1:
        raise AnnBackendError(
            f"expected hours above 0 and 1 step or more, got {list(hours)} h, {steps}"
        )
    held_s, part_s = trial_s

    def made(split: str, trials: int, seconds: int, own: int) -> Dataset:
        request = Request(
            cell=cell,
            split=split,
            seed=own,
            trials=trials,
            duration_ms=1000 * seconds,
        )
        return generate(request, folder, processes=processes, quiet=quiet)

    validation = made("validation", held_out, held_s, seed)
    test = made("test", held_out, held_s, seed)
    counts = [max(1, round(h * 3600 / part_s)) for h in sorted(hours)]
    data = made("train", counts[-1], part_s, seed + 1)
    refuse_mixture(data, validation, test)
    points = []
    for count in counts:
        part = data.first(count)
        epoch = -(-count // options.batch) * -(-part_s * 1000 // options.window)
        epochs = math.ceil(steps / epoch)
        mine = dataclasses.replace(options, epochs=epochs, seed=seed)
        place = folder / "curve" / f"{count}x{part_s}s"
        network = fit(part, validation, mine, place, quiet=quiet)
        found = _measured(network, validation, test, options.threads)
        points.append({"hours": part.hours, "epochs": epochs, **found})
    return points


def _measured(
    network: Network, validation: Dataset, test: Dataset, threads: int
) -> dict[str, Any]:
    """Free running on the test, with the readout that the validation chose."""
    spiking, _ = calibrate(network, validation.trials, threads=threads)
    true, events = Response.of_teacher(test), Drawn(test.trials)
    make = runner(network, test.cell, spiking)
    found = free_run(make, events, true.v.shape[1], threads=threads, quiet=True)
    sums = tally(found, true, clip_mV=test.cell.clip_mV)
    some = usual(sums)
    if not some.any():
        low, high = USUAL_HZ
        raise AnnBackendError(
            f"{test.cell.name}: expected a trial of {low:g} to {high:g} Hz among those "
            f"held out, got none of {len(some)}; hold more out"
        )
    every = scores(sums, some)
    size = {"trials": int(some.sum()), "spikes": int(sums.true[some].sum())}
    return size | {key: every[key] for key in KEYS}


def extrapolated(points: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Where the curve leads if its errors go on falling as a power of the hours.

    Parameters
    ----------
    points : sequence of mappings
        Of `curve`.

    Returns
    -------
    list of dict
        ``hours``, twice to sixteen times the most, and `tally.KEYS` but for the rate
        error and for what has no error or no value somewhere; none of fewer than three
        points. A line through the logarithms of 1 - x, and of the voltage's error
        itself: a lead, not a measurement.
    """
    if len(points) < LEAST:
        return []
    hours = np.array([p["hours"] for p in points])
    ahead = hours.max() * np.array(FURTHER)
    found: dict[str, Any] = {"hours": ahead}
    for key in (key for key in KEYS if key != "rate_error"):
        values = np.array([p[key] for p in points])
        errors = values if key == "vm_rmse_mV" else 1.0 - values
        if not (errors > 0.0).all():
            continue
        power, factor = np.polyfit(np.log(hours), np.log(errors), 1)
        then = np.exp(factor) * ahead**power
        found[key] = then if key == "vm_rmse_mV" else 1.0 - then
    return [
        dict(zip(found, row, strict=True))
        for row in zip(*(x.tolist() for x in found.values()), strict=True)
    ]
