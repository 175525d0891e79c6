"""The unseen trials that a bundle is measured on, in every form `validate` needs.

Between the dataset and `validate`: the test split at the teacher's step and at half
of it, part of it again in stock NEURON, and trials of 60 s. What was simulated stays
in the folder, so a training run and a later `validate` share it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.breakdown import fano
from ann_backend.train.cell import CellDescription
from ann_backend.train.dataset import Dataset, Request, generate
from ann_backend.train.events import Events
from ann_backend.train.network import NetworkRun, in_neuron
from ann_backend.train.stock import Steps, is_stock, respond, step_currents
from ann_backend.train.tally import Response
from ann_backend.train.teacher import AP_START_MS, AP_STOP_MS, Trial

__all__ = ["Amount", "Drawn", "Evidence", "gather"]

DRIFT_S = 60
LONG_ROWS = 4  # long trials in a shard


@dataclasses.dataclass(frozen=True, kw_only=True)
class Amount:
    """How much is simulated.

    Parameters
    ----------
    trials, trial_s : int
        Of the test split, and seconds in each.
    long_trials : int, optional
        Of 60 s; half as many as the others by default, up to 16. None of them leaves
        drift out.
    stock_trials : int
        That are run again in stock NEURON, where the teacher is another.
    network_cells, network_s : int
        Cells of the network in stock NEURON, and its seconds; no cells leave it out.
    """

    trials: int = 64
    trial_s: int = 30
    long_trials: int | None = None
    stock_trials: int = 16
    network_cells: int = 8
    network_s: int = 5


class Drawn(Sequence[Events]):
    """Events of trials, drawn anew whenever they are asked for: nothing is kept.

    Parameters
    ----------
    trials : sequence of Trial
    told : bool
        Whether the teacher's spikes are among them, in the place of a bundle's own.
    """

    def __init__(self, trials: Sequence[Trial], *, told: bool = False) -> None:
        self.trials, self.told = trials, told

    def __len__(self) -> int:
        return len(self.trials)

    @overload
    def __getitem__(self, k: int) -> Events: ...
    @overload
    def __getitem__(self, k: slice) -> Drawn: ...
    def __getitem__(self, k: int | slice) -> Events | Drawn:
        if isinstance(k, slice):
            return Drawn(self.trials[k], told=self.told)
        trial = self.trials[k]
        events = trial.redraw()
        if self.told:
            own = np.array([len(trial.cell.channels)])  # a bundle's last channel
            return events.with_spikes(trial.spikes.tolist(), own)
        return events


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a bundle is measured against; every response is on the test's events.

    Attributes
    ----------
    seed : int
        Of the trials.
    test : Dataset
        The teacher's trials.
    teacher : str
        What it is, and its step.
    half : Response
        The teacher at half its step: the floor.
    stock : Response or str
        Stock NEURON at dt 0.025 on the first of the trials; or why there is none.
    steps : Steps or None
        Current steps in stock NEURON; None for a cell without a current channel.
    network : NetworkRun or None
        Copies of the cell connected to each other, in stock NEURON.
    long : Dataset or None
        Trials of 60 s.
    properties : dict of str to array, shape (trials,)
        What the trials are like, for `breakdown`.
    """

    seed: int
    test: Dataset
    teacher: str
    half: Response
    stock: Response | str
    steps: Steps | None
    network: NetworkRun | None
    long: Dataset | None
    properties: dict[str, NDArray[np.float64]]

    @property
    def ap(self) -> tuple[NDArray[np.float64], float, float] | None:
        """The teacher's mean spike (mV), its start and its step (ms); None without."""
        count = sum(t.ap_count for t in self.test.trials)
        if not count:
            return None
        mean = np.sum([t.ap_sum for t in self.test.trials], axis=0) / count
        return mean, AP_START_MS, (AP_STOP_MS - AP_START_MS) / (len(mean) - 1)


def gather(
    cell: CellDescription,
    folder: Path,
    *,
    seed: int,
    amount: Amount | None = None,
    processes: int = 2,
    quiet: bool = False,
) -> Evidence:
    """Simulate what is missing in the folder and load all of it.

    NEURON runs in spawned processes: call this under ``if __name__ == "__main__":``.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    folder : Path
        The training run's, to use the test trials that it made.
    seed : int
        Of the trials; the test split shares none with the others.
    amount : Amount, optional
    processes : int
        Processes that run NEURON.
    quiet : bool
        No progress bars.
    """
    amount = amount or Amount()

    def made(trials: int, seconds: int, **other: Any) -> Dataset:
        request = Request(
            cell=cell,
            split="test",
            seed=seed,
            trials=trials,
            duration_ms=1000 * seconds,
            **other,
        )
        return generate(request, folder, processes=processes, quiet=quiet)

    test = made(amount.trials, amount.trial_s)
    half = made(amount.trials, amount.trial_s, dt_ms=cell.dt_ms / 2)
    long, long_trials = None, amount.long_trials
    if long_trials is None:
        long_trials = min(16, max(1, amount.trials // 2))
    if long_trials:
        long = made(long_trials, DRIFT_S, rows=LONG_ROWS)
    stock: Response | str = "not measured"
    if is_stock(test.teacher, cell):
        stock = "the teacher is stock NEURON at dt 0.025"
    elif amount.stock_trials:
        part = test.trials[: amount.stock_trials]
        stock = respond(cell, part, folder, processes=processes)
    network = None
    if amount.network_cells:
        background = made(amount.network_cells, amount.network_s).trials
        network = in_neuron(cell, background, folder, seed=seed)
    return Evidence(
        seed=seed,
        test=test,
        teacher=f"{test.teacher}, dt {cell.dt_ms:g} ms, order {cell.secondorder or 1}",
        half=Response.of_teacher(half),
        stock=stock,
        steps=step_currents(cell, folder, processes=processes),
        network=network,
        long=long,
        properties=_properties(cell, test),
    )


def _properties(cell: CellDescription, data: Dataset) -> dict[str, NDArray[np.float64]]:
    """What each trial's input is like; NaN where a trial has none."""
    unit = np.array([c.unit_uS for c in cell.channels])
    synaptic = np.array([c.role != "current" for c in cell.channels])
    rows = []
    for trial, events in zip(data.trials, Drawn(data.trials), strict=True):
        mine = synaptic[events.channel]
        t, channel = events.t[mine], events.channel[mine]
        scale = events.weight[mine] / unit[channel]
        rows.append(
            (
                float(scale.mean()) if len(t) else float("nan"),
                float(trial.plan.synapses),
                fano(t, len(trial.v)),
            )
        )
    names = ("weight_scale", "synapses", "synchrony")
    return dict(zip(names, np.array(rows).T, strict=True))
