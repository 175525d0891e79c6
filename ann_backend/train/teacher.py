"""Many copies of the biophysical cell, driven by sampled events.

Fourth in the training line: plans go in, `Trial`s come out. Each worker process holds
`rows` independent copies and steps them together, a stretch at a time, with a fixed
step: in CoreNEURON with vector instructions where the cell's mechanisms allow it, else
in NEURON, to the same result (1e-8 mV in a quiet cell) at a third of the speed. After
each stretch `steer` moves every trial's drive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend import template
from ann_backend.errors import CellError
from ann_backend.nrn import coreneuron, h, version
from ann_backend.train import build
from ann_backend.train.cell import CellDescription, ChannelDescription
from ann_backend.train.events import Events
from ann_backend.train.plan import Plan
from ann_backend.train.sampling import draw_plan
from ann_backend.train.steer import Helm
from ann_backend.train.stream import STRETCH_MS, Stream
from ann_backend.train.trial import AP_START_MS, AP_STOP_MS, Record, Trial

__all__ = [
    "AP_START_MS",
    "AP_STOP_MS",
    "Copies",
    "Trial",
    "open_copies",
    "simulate",
    "synapse_of",
]


class Copies:
    """Independent copies of a cell with one synapse for each channel.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    rows : int
        Number of copies.
    fast : bool
        In CoreNEURON, with its mechanisms; the process can then load no others.
    """

    def __init__(self, cell: CellDescription, rows: int, *, fast: bool) -> None:
        self.cell, self.fast = cell, fast
        self.neuron_version = version()
        build.load(cell, fast=fast)
        self.cells = [build.instance(cell) for _ in range(rows)]
        self.fingerprint = build.fingerprint(cell, self.cells[0])
        self.rows = [_Row(one, cell) for one in self.cells]
        self.context = h.ParallelContext()

    def start(self, plans: list[Plan], dt_ms: float) -> list[Stream]:
        """Begin a trial in each copy: weights, clamp, `finitialize`."""
        streams = [Stream(self.cell, plan) for plan in plans]
        for row, stream in zip(self.rows, streams, strict=False):
            row.prepare(stream)
        for row in self.rows[len(plans) :]:
            row.clamp_with(np.empty((0, 3)))
        h.CVode().active(0)
        h.secondorder, h.celsius = self.cell.secondorder, self.cell.celsius
        h.dt = dt_ms
        h.finitialize(self.cell.v_init_mV)
        return streams

    def advance(self, stop_ms: int, dt_ms: float) -> None:
        """Step all copies; the events of the stretch are queued."""
        if self.fast:
            coreneuron.enable, coreneuron.verbose = True, 0
            try:
                self.context.set_maxstep(10)
                self.context.psolve(stop_ms)
            finally:
                coreneuron.enable = False
        # CoreNEURON hears of the end in six digits, and may stop a step short
        while h.t < stop_ms - 0.5 * dt_ms:
            h.fadvance()


class _Row:
    """One copy: its synapses, their inputs, the clamp, and what is recorded."""

    def __init__(self, one: Any, cell: CellDescription) -> None:
        places = {template.short_name(s): s for s in template.sections(one)}
        places["soma"] = soma = template.soma(one)

        def at(location: str) -> Any:
            section, _, x = location.rstrip(")").partition("(")
            return places[section](float(x))

        self.synapses = [
            None if c.role == "current" else synapse_of(at(c.location), c)
            for c in cell.channels
        ]
        self.inputs: dict[tuple[int, int], Any] = {}
        clamped = [c.location for c in cell.channels if c.role == "current"]
        self.clamp = h.IClamp(at(clamped[0]) if clamped else soma(0.5))
        self.clamp.delay, self.clamp.dur = 0.0, 1e9
        self.clamp_t, self.clamp_nA = h.Vector([0.0, 1e9]), h.Vector([0.0, 0.0])
        if clamped:
            self.clamp_nA.play(self.clamp._ref_amp, self.clamp_t, True)
        watched = [soma(0.5), *(at(site) for site in cell.sites)]
        self.traces = [h.Vector().record(segment._ref_v) for segment in watched]

    def prepare(self, stream: Stream) -> None:
        """Set the weights of a trial's sources, and its clamp."""
        for key, weight in zip(
            zip(stream.channel.tolist(), stream.slot.tolist(), strict=True),
            stream.weight.tolist(),
            strict=True,
        ):
            if key not in self.inputs:
                self.inputs[key] = h.NetCon(None, self.synapses[key[0]])
                self.inputs[key].delay = 1.0  # of no effect on `event`
            self.inputs[key].weight[0] = weight
        self.send = [
            self.inputs[key].event
            for key in zip(stream.channel.tolist(), stream.slot.tolist(), strict=True)
        ]
        self.clamp_with(stream.plan.steps)

    def clamp_with(self, steps: NDArray[np.float64]) -> None:
        """Play the clamp's steps: between points of equal time the current jumps."""
        t = steps[:, [0, 0, 1, 1]]
        nA = steps[:, [2, 2, 2, 2]] * [0.0, 1.0, 1.0, 0.0]
        self.clamp_t.from_python([0.0, *t.ravel(), 1e9])
        self.clamp_nA.from_python([0.0, *nA.ravel(), 0.0])

    def queue(self, events: Events, source: NDArray[np.int64]) -> None:
        """Put a stretch's events in the queue, to arrive at their times."""
        send = self.send
        for s, t in zip(source.tolist(), events.t.tolist(), strict=True):
            if s >= 0:
                send[s](t)


def simulate(
    copies: Copies,
    seeds: list[int],
    *,
    duration_ms: int,
    dt_ms: float,
    drives: list[NDArray[np.float64]] | None = None,
) -> list[Trial]:
    """Simulate one trial for each seed.

    Parameters
    ----------
    copies : Copies
        At least as many as seeds.
    seeds : list of int
    duration_ms, dt_ms : float
        1 ms must be a multiple of the step.
    drives : list of arrays, optional
        Of the same trials at another step, so that the events are the same. Otherwise
        the drive follows the cell's answer.
    """
    cell, count = copies.cell, len(seeds)
    plans = [draw_plan(cell, seed, duration_ms=duration_ms) for seed in seeds]
    streams = copies.start(plans, dt_ms)
    records = [Record(cell, round(1.0 / dt_ms)) for _ in plans]
    helms = [Helm(plan) for plan in plans]
    events: list[list[Events]] = [[] for _ in plans]
    for k, start in enumerate(range(0, duration_ms, STRETCH_MS)):
        stop = min(start + STRETCH_MS, duration_ms)
        activity = []
        for row in range(count):
            drive = helms[row].drive if drives is None else float(drives[row][k])
            helms[row].drives.append(drive)
            found, source, active = streams[row].draw(drive)
            copies.rows[row].queue(found, source)
            events[row].append(found)
            activity.append(active)
        copies.advance(stop, dt_ms)
        for idle in copies.rows[count:]:
            for trace in idle.traces:
                trace.resize(0)
        for row in range(count):
            spikes = records[row].take(copies.rows[row].traces, stop)
            helms[row].move(spikes, activity[row], stop - start)
    return [
        _trial(cell, plan, helm, parts, record)
        for plan, helm, parts, record in zip(plans, helms, events, records, strict=True)
    ]


def _trial(
    cell: CellDescription, plan: Plan, helm: Helm, parts: list[Events], record: Record
) -> Trial:
    events = Events(
        np.concatenate([p.t for p in parts]),
        np.concatenate([p.channel for p in parts]),
        np.concatenate([p.weight for p in parts]),
        plan.steps,
    )
    return Trial(
        cell=cell,
        seed=plan.seed,
        drives=np.array(helm.drives),
        events_sha256=events.digest(),
        v=np.concatenate(record.v),
        sites=np.concatenate(record.sites, axis=1),
        spikes=np.concatenate(record.spikes),
        ap_sum=record.ap_sum,
        ap_count=record.ap_count,
    )


_opened: dict[str, Copies] = {}


def open_copies(cell: CellDescription, rows: int, *, fast: bool) -> Copies:
    """Return this process's copies of a cell, built at the first call."""
    key = f"{cell!r} {rows} {fast}"
    if key not in _opened:
        _opened[key] = Copies(cell, rows, fast=fast)
    return _opened[key]


def synapse_of(segment: Any, channel: ChannelDescription) -> Any:
    """Put the channel's first synapse on the cell."""
    mechanism, parameters = channel.synapses[0]
    try:
        synapse = getattr(h, mechanism)(segment)
        for name, value in parameters.items():
            setattr(synapse, name, value)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CellError(
            f"channel '{channel.name}': expected a point process {mechanism} with "
            f"{', '.join(parameters) or 'no parameters'}, got {error}; name one that "
            "NEURON has or that mod_files define"
        ) from error
    return synapse
