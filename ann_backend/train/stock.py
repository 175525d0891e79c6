"""The cell in stock NEURON, as users run it: dt 0.025, first order, no CoreNEURON.

Beside `evidence`: for teachers that are something else, and for current steps.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.errors import AnnBackendError
from ann_backend.nrn import version
from ann_backend.train import build
from ann_backend.train.cell import CellDescription
from ann_backend.train.engine import statements
from ann_backend.train.events import Events, clamp_events
from ann_backend.train.sampling import draw_plan
from ann_backend.train.tally import Response
from ann_backend.train.teacher import Copies, Trial, simulate

__all__ = [
    "DT_MS",
    "Ask",
    "Steps",
    "asked",
    "fingerprint",
    "is_stock",
    "kept",
    "respond",
    "run_trials",
    "spawned",
    "step_currents",
]

DT_MS = 0.025  # NEURON's default
STEPS, STEP_MS, REST_MS = 8, 1000, 100

Ask = tuple[int, NDArray[np.float64], str, int]  # seed, drives, hash, ms of a trial


@dataclasses.dataclass(frozen=True)
class Steps:
    """Current steps of 1 s, 0.1 s of rest before and after each.

    Attributes
    ----------
    amplitude_nA : array, shape (A,)
    events : list of Events
        A trial for each amplitude.
    response : Response
        Of the cell in stock NEURON.
    """

    amplitude_nA: NDArray[np.float64]
    events: list[Events]
    response: Response

    def rates(self, response: Response) -> NDArray[np.float64]:
        """Rate of each trial of a response during its step, Hz."""
        stop = REST_MS + STEP_MS
        inside = [np.sum((s >= REST_MS) & (s < stop)) for s in response.spikes]
        return np.array(inside) * 1e3 / STEP_MS


def is_stock(teacher: str, cell: CellDescription) -> bool:
    """Whether a data set's teacher is itself stock NEURON at dt 0.025."""
    own = not teacher.startswith("CoreNEURON") and not cell.secondorder
    return own and abs(cell.dt_ms - DT_MS) < 1e-9


def respond(
    cell: CellDescription, trials: Sequence[Trial], folder: Path, *, processes: int = 2
) -> Response:
    """Run trials again, on the same events, in stock NEURON.

    NEURON runs in spawned processes; the response is kept in the folder.

    Parameters
    ----------
    cell : CellDescription
        Resolved. Its step and order are replaced by NEURON's defaults.
    trials : sequence of Trial
        All of one length.
    folder : Path
    processes : int
    """
    ask = asked(trials)
    key = ["trials", *([seed, sha, ms] for seed, _, sha, ms in ask)]
    return kept(cell, key, folder, _parallel(processes, run_trials, ask))


def asked(trials: Sequence[Trial]) -> list[Ask]:
    """What a worker needs to run trials again."""
    return [(t.seed, t.drives, t.events_sha256, len(t.v)) for t in trials]


def step_currents(
    cell: CellDescription, folder: Path, *, processes: int = 2
) -> Steps | None:
    """Measure the f-I curve in stock NEURON; None without a current channel.

    Parameters
    ----------
    cell : CellDescription
        Resolved. The largest step is the largest current of its channel.
    folder : Path
    processes : int
    """
    roles = [c.role for c in cell.channels]
    if "current" not in roles:
        return None
    channel = roles.index("current")
    largest = cell.channels[channel].weight_uS[1]  # nA ms in a bin of 1 ms
    amplitude = np.linspace(0.0, largest, STEPS + 1)[1:]
    steps = [np.array([[REST_MS, REST_MS + STEP_MS, nA]]) for nA in amplitude]
    key = ["steps", STEP_MS, REST_MS, amplitude.tolist()]
    response = kept(cell, key, folder, _parallel(processes, _run_steps, steps))
    return Steps(amplitude, [_events(channel, one) for one in steps], response)


def fingerprint(cell: CellDescription) -> dict[str, Any]:
    """Fingerprint of a cell, which is built in a process of its own."""
    return build.apart(_fingerprint, cell)


def _fingerprint(cell: CellDescription) -> dict[str, Any]:
    build.load(cell, fast=False)
    return build.fingerprint(cell, build.instance(cell))


def _events(channel: int, steps: NDArray[np.float64]) -> Events:
    t, charge = clamp_events(steps, STEP_MS + 2 * REST_MS)
    which = np.full(len(t), channel, np.int16)
    return Events(t, which, charge.astype(np.float32), steps)


def run_trials(
    cell: CellDescription,
    ask: Sequence[Ask],
    *,
    dt_ms: float = DT_MS,
    copies: Copies | None = None,
) -> Response:
    """Run some trials, perhaps on given copies; in a worker process."""
    seeds, drives, hashes, lengths = zip(*ask, strict=True)
    trials = simulate(
        copies or Copies(cell, len(ask), fast=False),
        list(seeds),
        duration_ms=lengths[0],
        dt_ms=dt_ms,
        drives=list(drives),
    )
    if [t.events_sha256 for t in trials] != list(hashes):
        raise AnnBackendError(
            f"{cell.name}: expected the teacher's events again, drew others; "
            "use the numpy that the trials were made with, or generate them anew"
        )
    return Response(None, np.stack([t.v for t in trials]), [t.spikes for t in trials])


def _run_steps(cell: CellDescription, steps: list[NDArray[np.float64]]) -> Response:
    """Run some current steps; in a worker process."""
    ms = STEP_MS + 2 * REST_MS
    plan = draw_plan(cell, 0, duration_ms=ms)
    silent = dataclasses.replace(
        plan, rate_Hz=0.0 * plan.rate_Hz, volleys=None, clusters=None
    )
    copies = Copies(cell, len(steps), fast=False)
    copies.start([dataclasses.replace(silent, steps=s) for s in steps], DT_MS)
    copies.advance(ms, DT_MS)
    per_ms = round(1.0 / DT_MS)
    traces = [row.traces[0].as_numpy().copy() for row in copies.rows]
    spikes = [_crossings(v, cell.threshold_mV) / per_ms for v in traces]
    v = np.stack([v[per_ms::per_ms].astype(np.float32) for v in traces])
    return Response(None, v, spikes)


def _crossings(v: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Upward crossings, in samples, linear between them."""
    up = np.flatnonzero((v[:-1] < threshold) & (v[1:] >= threshold))
    return np.asarray(up + (threshold - v[up]) / (v[up + 1] - v[up]))


def kept(
    cell: CellDescription,
    key: list[Any],
    folder: Path,
    make: Callable[[CellDescription], Response],
) -> Response:
    """Read a response from the folder, or make it and keep it.

    Parameters
    ----------
    cell : CellDescription
        Resolved. `make` is called with NEURON's own step and order in it.
    key : list
        JSON types; with the cell, all that the response depends on.
    folder : Path
    make : callable
    """
    cell = dataclasses.replace(cell, dt_ms=DT_MS, secondorder=0)
    text = json.dumps([version(), cell.to_json(), statements(cell), key])
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = folder / "stock" / f"{name}.npz"
    if not path.exists():
        _save(path, make(cell))
    with np.load(path, allow_pickle=False) as file:
        ends = np.cumsum(file["count"])[:-1]
        return Response(None, file["v"], np.split(file["spikes"], ends))


def spawned(processes: int, work: Callable[..., Any], jobs: list[Any]) -> list[Any]:
    """Call a function for each job, in processes of their own."""
    with build.workers(processes) as pool:
        return [job.result() for job in [pool.submit(work, *job) for job in jobs]]


def _parallel(
    processes: int, work: Callable[..., Response], ask: Sequence[Any]
) -> Callable[[CellDescription], Response]:
    """Share trials out among processes, and put them back in order."""

    def make(cell: CellDescription) -> Response:
        parts = min(processes, len(ask))
        made = spawned(parts, work, [(cell, ask[k::parts]) for k in range(parts)])
        v = np.empty((len(ask), made[0].v.shape[1]), np.float32)
        spikes = [np.empty(0)] * len(ask)
        for k, part in enumerate(made):
            v[k::parts], spikes[k::parts] = part.v, part.spikes
        return Response(None, v, spikes)

    return make


def _save(path: Path, response: Response) -> None:
    """Write a response, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        count = np.array([len(s) for s in response.spikes])
        spikes = np.concatenate(response.spikes)
        np.savez(file, v=response.v, spikes=spikes, count=count)
    partial.replace(path)
