"""The perfect surrogate: it replays a cell, knowing only what a bin's end knows.

With it in the engine's place, any difference from the biophysical run is the
coupling's.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import ann_backend
from ann_backend import _neuron
from ann_backend.bundle import (
    Bundle,
    Channel,
    Manifest,
    Readout,
    Sizes,
    Synapse,
    Training,
)
from ann_backend.nrn import h
from ann_backend.run import engine
from ann_backend.template import fingerprint

h.load_file("stdrun.hoc")

TEMPLATE = """
begintemplate MiniCell
public soma, dend, apic
create soma, dend, apic
proc init() {
    soma { L = 20  diam = 20  insert hh }
    dend { nseg = 5  L = 200  diam = 1  insert pas  connect dend(0), soma(1) }
    apic { nseg = 5  L = 300  diam = 1.5  insert pas  connect apic(0), soma(1) }
}
endtemplate MiniCell
"""


def mini_cell():
    """The template, defined once per process."""
    if not hasattr(h, "MiniCell"):
        h(TEMPLATE)
    return h.MiniCell


def channel(location, mechanism, weight=(0.0, 1.0), **parameters):
    """A channel of one kind of synapse."""
    return Channel(
        name=f"{location} {mechanism}",
        location=location,
        synapses=[Synapse(mechanism=mechanism, parameters=parameters)],
        weight_uS=weight,
        rate_Hz=(0.0, 1000.0),
    )


def bundle_for(
    cell,
    name="double",
    section="dend",
    weight=(0.0, 1.0),
    v_init=-65.0,
    threshold=0.0,
    channels=None,
):
    """A manifest without a network: ExpSyn with tau 2 at three places of dend."""
    channels = channels or [
        channel(f"{section}({x})", "ExpSyn", weight, tau=2.0, e=0.0)
        for x in (0.1, 0.5, 0.9)
    ]
    ones = dict.fromkeys(Sizes.model_fields, 1) | {
        "channels": len(channels),
        "parents": [],
        "feedback": False,
    }
    manifest = Manifest(
        name=name,
        channels=channels,
        sizes=Sizes(**ones),
        readout=Readout(
            threshold_mV=threshold,
            hazard_threshold=0.5,
            memory_ms=1.0,
            refractory_ms=1.0,
            clip_mV=-55.0,
            v_offset_mV=0.0,
            v_scale_mV=1.0,
            ap_start_ms=0.0,
            ap_dt_ms=0.025,
        ),
        cell=fingerprint(cell, v_init, h.celsius),
        training=Training(
            command="",
            seeds={},
            sampler="",
            ranges={},
            data_hours=0.0,
            training_hours=0.0,
            hardware="",
            neuron_version="",
            torch_version="",
        ),
        fidelity={},
        licence="",
    )
    return Bundle(manifest, {})


class Replay:
    """Voltages and spikes of recorded cells, released bin by bin."""

    def __init__(self):
        self.t = np.zeros(0)
        self.v = []  # one array a row
        self.spikes = []  # one array a row, ms
        self.events = []  # (t0, [(row, channel, weight, t), ...])

    def record(self, t, v, spikes):
        self.t = np.array(t)
        self.v.append(np.array(v))
        self.spikes.append(np.array(spikes))

    def __call__(self, t0, events):
        self.events.append((t0, list(events)))
        edge = np.argmin(abs(self.t - (t0 + 1)))
        v = [float(trace[edge]) for trace in self.v]
        spikes = [
            (row, float(s))
            for row, times in enumerate(self.spikes)
            for s in times
            if t0 <= s < t0 + 1
        ]
        return v, sorted(spikes, key=lambda s: s[1])


class Silent:
    """Rests at -65 mV and never fires; counts what it is sent."""

    def __init__(self, rows=1):
        self.rows = rows
        self.events = []

    def __call__(self, t0, events):
        self.events += [(t0, *e) for e in events]
        return [-65.0] * self.rows, []


class Integrator:
    """Rows that integrate their events and fire 0.13 ms after one that is enough.

    Twice a bin at most, so that no network runs away.
    """

    def __init__(self, rows=1):
        self.rows = rows
        self.v = [0.0] * rows
        self.events = []

    def __call__(self, t0, events):
        events = sorted(events, key=lambda e: (e[0], e[3], e[1], e[2]))
        self.events += [(t0, *e) for e in events]
        spikes = []
        self.v = [v * math.exp(-0.2) for v in self.v]
        for row, _, weight, t in events:
            self.v[row] += weight
            if self.v[row] > 0.1 and sum(r == row for r, _ in spikes) < 2:
                spikes.append((row, min(max(t, t0) + 0.13, t0 + 0.999)))
                self.v[row] = -0.05
        return [-65.0] * self.rows, sorted(spikes, key=lambda s: s[1])


class Double:
    """What `engine.make` returns, with a function in the network's place."""

    def __init__(self, function, rows, manifest, waveform):
        self.waveform = waveform
        self.function = function
        self.manifest = manifest
        self.resize(rows)

    def resize(self, rows):
        self.rows = rows
        self.population = _neuron.CallbackPopulation(
            function=self.function,
            rows=rows,
            channels=len(self.manifest.channels),
            threshold=self.manifest.readout.threshold_mV,
            waveform=self.waveform,
        )


NO_SPIKE_SHAPE = (0.0, 0.025, -55.0, [])


def install(monkeypatch, function, waveform=NO_SPIKE_SHAPE):
    """Let `function` be the engine of every bundle."""

    def make(bundle, rows, *_):
        return Double(function, rows, bundle.manifest, waveform)

    monkeypatch.setattr(engine, "make", make)


def replaced(**keys):
    """A MiniCell, replaced."""
    cell = mini_cell()()
    return ann_backend.replace(cell, bundle=bundle_for(cell, **keys))


def regular(offset=0.7, v=-65.0):
    """An engine of one row that fires once in every bin."""
    return lambda t0, _: ([v], [(0, t0 + offset)])


def detect(cell, target=None):
    """A NetCon from the soma at the double's threshold, recorded."""
    netcon = h.NetCon(cell.soma(0.5)._ref_v, target, sec=cell.soma)
    netcon.threshold = 0
    times = h.Vector()
    netcon.record(times)
    return netcon, times


def fails(message):
    """NEURON's RuntimeError, with our text."""
    return pytest.raises(RuntimeError, match=message)
