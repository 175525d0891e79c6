"""Many copies of the biophysical cell in stock NEURON, driven by sampled events.

Third in the training line: plans go in, `Trial`s come out. Each worker process
holds `rows` independent copies and steps them together at the teacher's fixed
step; a short pilot at a ladder of drives finds each trial's drive.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend import paths, template
from ann_backend.nrn import h, version
from ann_backend.train.cell import CellDescription, ChannelDescription
from ann_backend.train.sampling import Events, Plan, draw_events, draw_plan

__all__ = ["Copies", "Trial", "open_copies", "simulate"]

AP_START_MS, AP_STOP_MS = -4.0, 10.0  # the stretch averaged around each spike
DRIVES = tuple(2.0**k for k in range(-3, 5))
PILOT_MS = 3000.0
CHUNK_MS = 500  # simulated at a time: bounds the event queue and the traces


@dataclasses.dataclass(frozen=True)
class Trial:
    """One trial: what went in, and what the biophysical cell did.

    Attributes
    ----------
    events : Events
    v : array of float32, shape (T,)
        Soma voltage at the end of each 1 ms bin, mV.
    spikes : array of float64, shape (S,)
        Times of the upward crossings of the threshold, ms.
    ap_sum : array of float64, shape (A,)
        Sum of the soma voltage around the spikes, at the teacher's step.
    ap_count : int
        Spikes in that sum.
    """

    events: Events
    v: NDArray[np.float32]
    spikes: NDArray[np.float64]
    ap_sum: NDArray[np.float64]
    ap_count: int


class Copies:
    """Independent copies of a cell with one synapse for each channel.

    Parameters
    ----------
    cell : CellDescription
    rows : int
        Number of copies.
    """

    def __init__(self, cell: CellDescription, rows: int) -> None:
        self.cell = cell
        self.neuron_version = version()
        _define(cell)
        h.celsius = cell.celsius
        self.cells = [getattr(h, cell.template)() for _ in range(rows)]
        self.fingerprint: dict[str, Any] = template.fingerprint(
            self.cells[0], cell.v_init_mV, cell.celsius
        )
        self.synapses = [[_synapse(c, ch) for ch in cell.channels] for c in self.cells]
        self.inputs: list[list[list[Any]]] = [
            [[] for _ in cell.channels] for _ in self.cells
        ]
        self.traces, self.spikes, self.detectors = [], [], []
        for one in self.cells:
            soma = template.soma(one)
            detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
            detector.threshold = cell.threshold_mV
            self.spikes.append(h.Vector())
            detector.record(self.spikes[-1])
            self.detectors.append(detector)
            self.traces.append(h.Vector().record(soma(0.5)._ref_v))

    def run(
        self, events: list[Events], *, duration_ms: float, dt_ms: float
    ) -> list[Trial]:
        """Simulate one trial in each copy, from `finitialize`.

        Parameters
        ----------
        events : list of Events
            At most one for each copy; the other copies get no input.
        duration_ms : float
            A whole number of ms.
        dt_ms : float
            Fixed step; 1 ms must be a multiple of it.
        """
        h.CVode().active(0)
        h.dt, h.celsius = dt_ms, self.cell.celsius
        senders = [self._senders(row, e) for row, e in enumerate(events)]
        steps = round(1.0 / dt_ms)
        around = _Around(len(events), steps)
        h.finitialize(self.cell.v_init_mV)
        cursor = [0] * len(events)
        done = 0
        while done < duration_ms:
            stop = min(done + CHUNK_MS, round(duration_ms))
            for row, e in enumerate(events):
                end = int(np.searchsorted(e.t, stop))
                for send, t in zip(
                    senders[row][cursor[row] : end],
                    e.t[cursor[row] : end].tolist(),
                    strict=True,
                ):
                    send(t)
                cursor[row] = end
            for _ in range((stop - done) * steps):  # counted: psolve can be one off
                h.fadvance()
            around.take(self.traces, self.spikes, stop)
            done = stop
        return around.trials(events, self.spikes)

    def _senders(self, row: int, events: Events) -> list[Any]:
        """For each event the call that queues it, one NetCon for each weight."""
        key = np.stack([events.channel.astype(np.float64), events.weight])
        kinds, which = np.unique(key, axis=1, return_inverse=True)
        used = [0] * len(self.cell.channels)
        sends = []
        for c, weight in kinds.T.tolist():
            channel = int(c)
            pool = self.inputs[row][channel]
            if used[channel] == len(pool):
                pool.append(h.NetCon(None, self.synapses[row][channel]))
            netcon = pool[used[channel]]
            netcon.weight[0] = weight
            used[channel] += 1
            sends.append(netcon.event)
        return [sends[k] for k in which.ravel().tolist()]


class _Around:
    """Collects bin-end voltages and the waveform around spikes, chunk by chunk."""

    def __init__(self, rows: int, steps_per_ms: int) -> None:
        self.steps = steps_per_ms
        self.before = round(-AP_START_MS * steps_per_ms)
        self.after = round(AP_STOP_MS * steps_per_ms)
        self.v: list[list[NDArray[np.float32]]] = [[] for _ in range(rows)]
        self.ap_sum = np.zeros((rows, self.before + self.after + 1))
        self.ap_count = [0] * rows
        self.seen = [0] * rows
        self.start = 0  # index of the chunk's first sample, t = start / steps

    def take(self, traces: list[Any], spikes: list[Any], stop_ms: int) -> None:
        for row in range(len(self.v)):
            trace = traces[row].as_numpy()
            first = -self.start % self.steps
            bins = trace[first :: self.steps]
            self.v[row].append(bins[int(self.start == 0) :].astype(np.float32))
            times = spikes[row].as_numpy()[self.seen[row] :]
            self.seen[row] += len(times)
            for at in np.round(times * self.steps).astype(int) - self.start:
                if self.before <= at < len(trace) - self.after:
                    self.ap_sum[row] += trace[at - self.before : at + self.after + 1]
                    self.ap_count[row] += 1
        for trace in traces:
            trace.resize(0)
        self.start = stop_ms * self.steps + 1

    def trials(self, events: list[Events], spikes: list[Any]) -> list[Trial]:
        return [
            Trial(
                events=e,
                v=np.concatenate(self.v[row]),
                spikes=spikes[row].as_numpy().copy(),
                ap_sum=self.ap_sum[row],
                ap_count=self.ap_count[row],
            )
            for row, e in enumerate(events)
        ]


def simulate(
    copies: Copies, seeds: list[int], *, duration_ms: float, dt_ms: float | None = None
) -> list[Trial]:
    """Plan, pilot and simulate one trial for each seed.

    Parameters
    ----------
    copies : Copies
        At least as many as seeds.
    seeds : list of int
    duration_ms : float
    dt_ms : float, optional
        The teacher's step by default. Drives are always found at the teacher's,
        so that a run at half of it has the same events: that is the floor.
    """
    cell = copies.cell
    plans = [draw_plan(cell, seed) for seed in seeds]
    drives = _pilot(copies, plans)
    events = [
        draw_events(cell, plan, drive=drive, duration_ms=duration_ms)
        for plan, drive in zip(plans, drives, strict=True)
    ]
    return copies.run(events, duration_ms=duration_ms, dt_ms=dt_ms or cell.dt_ms)


def _pilot(copies: Copies, plans: list[Plan]) -> list[float]:
    """Drives that bring the trials to their target output rates."""
    rates = np.empty((len(plans), len(DRIVES)))
    for k, drive in enumerate(DRIVES):
        events = [
            draw_events(copies.cell, p, drive=drive, duration_ms=PILOT_MS)
            for p in plans
        ]
        trials = copies.run(events, duration_ms=PILOT_MS, dt_ms=copies.cell.dt_ms)
        rates[:, k] = [len(t.spikes) * 1e3 / PILOT_MS for t in trials]
    return [
        _drive_for(plan.target_Hz, r) if np.isnan(plan.drive) else plan.drive
        for plan, r in zip(plans, rates, strict=True)
    ]


def _drive_for(target_Hz: float, rates_Hz: NDArray[np.float64]) -> float:
    """First crossing of the target, log-linear between rungs of the ladder."""
    reached = np.flatnonzero(rates_Hz >= target_Hz)
    if len(reached) == 0:
        return DRIVES[int(np.argmax(rates_Hz))]
    k = int(reached[0])
    if k == 0:
        return DRIVES[0]
    # 0.05 Hz stands for "no spike in the pilot"
    low, high = np.log(rates_Hz[k - 1] + 0.05), np.log(rates_Hz[k] + 0.05)
    part = np.clip((np.log(target_Hz + 0.05) - low) / (high - low), 0.0, 1.0)
    return float(DRIVES[k - 1] * (DRIVES[k] / DRIVES[k - 1]) ** part)


_opened: dict[str, Copies] = {}


def open_copies(cell: CellDescription, rows: int) -> Copies:
    """Return this process's copies of a cell, built at the first call."""
    key = f"{cell!r} {rows}"
    if key not in _opened:
        _opened[key] = Copies(cell, rows)
    return _opened[key]


def _define(cell: CellDescription) -> None:
    """Load the cell's mechanisms and its template into this process."""
    if cell.mod_files:
        files = [paths.mod_dir() / name for name in cell.mod_files]
        h.nrn_load_dll(str(paths.mechanisms(files, version())))
    if not hasattr(h, cell.template):
        hoc = paths.hoc_dir() / cell.hoc_file
        if not h.load_file(1, str(hoc)):
            raise FileNotFoundError(f"expected the template's hoc file at {hoc}")


def _synapse(one: Any, channel: ChannelDescription) -> Any:
    """Put the channel's first synapse on the cell."""
    section, x = template.locate(one, channel.location)
    mechanism, parameters = channel.synapses[0]
    synapse = getattr(h, mechanism)(section(x))
    for name, value in parameters.items():
        setattr(synapse, name, value)
    return synapse
