"""Replaced cells and sources of every kind, joined at random; run on either path.

The paths are NEURON's queue and the fan-out inside the coupling (csrc/neuron/fan.h).
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from double import Integrator, bundle_for, channel, install, mini_cell

import ann_backend
from ann_backend import _neuron, paths
from ann_backend.nrn import h, version
from ann_backend.run import shipped

CELLS, END = 4, 60.0
DELAYS = [0.0, 0.3, 0.97, 1.0, 1.5, 12.0, 70.0]
PC = h.ParallelContext()


def load_mechanisms():
    """Our plastic synapses, and the sources of tests/mod."""
    shipped.load_mechanisms()
    if not hasattr(h, "Train"):
        files = [
            Path(__file__).parent / "mod" / f"{n}.mod" for n in ("Train", "Learner")
        ]
        h.nrn_load_dll(str(paths.mechanisms(files, version())))


class Network:
    """Cells, sources and about `connections` NetCons, all from one seed."""

    def __init__(self, seed, plastic=False, connections=120):
        self.random = random.Random(seed)
        self.plastic = plastic
        self.cells = [mini_cell()() for _ in range(CELLS)]
        mechanism = "ann_GABAA" if plastic else "ExpSyn"
        channels = [channel(f"dend({x})", mechanism, (-1, 1)) for x in (0.1, 0.5, 0.9)]
        bundle = bundle_for(self.cells[0], channels=channels)
        ann_backend.replace(self.cells, bundle=bundle)
        self.synapses = [
            self.synapse(c, x) for c in self.cells for x in (0.1, 0.5, 0.9)
        ]
        self.real = h.Section(name="real")
        self.real.L = self.real.diam = 20
        self.real.insert("hh")
        self.target = h.ExpSyn(self.real(0.5))
        self.target.tau = 2
        self.stims = [self.stim(i) for i in range(6)]
        self.fires = [h.IntFire1() for _ in range(2)]
        self.trains_ = [self.train() for _ in range(2)]
        self.netcons, self.watched = [], []
        self.gids()
        self.sources = [*self.stims, *self.fires, *self.trains_, self.real, *self.cells]
        for _ in range(connections):
            self.connect()
        for fire in self.fires:
            self.netcons.append(h.NetCon(self.stims[0], fire, 0, 2.3, 1.1))
        self.free = list(self.netcons)
        self.shared_delay()
        self.record()

    def synapse(self, cell, x):
        if not self.plastic:
            return h.ExpSyn(cell.dend(x))
        synapse = h.ann_GABAA(cell.dend(x))
        synapse.U, synapse.tau_rec, synapse.tau_fac = 0.3, 80, 30
        return synapse

    def stim(self, i):
        stim = h.NetStim()
        stim.start = self.random.choice([0, 5]) * self.random.random()
        stim.number = 1e9
        stim.interval, stim.noise = 1.5 + self.random.random() * 4, i % 2
        stim.noiseFromRandom123(i, 7, 0)
        return stim

    def train(self):
        train = h.Train()
        train.first, train.interval = self.random.choice([0, 2.5]), 1 + len(DELAYS) / 4
        return train

    def gids(self):
        """Two cells with gids, one replaced; a gid of no cell that a pattern plays."""
        for gid, cell in enumerate([self.cells[0], None]):
            soma = cell.soma if cell else self.real
            PC.set_gid2node(gid, int(PC.id()))
            PC.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
        for gid in (0, 1, 77):
            for _ in range(6):
                self.netcons.append(PC.gid_connect(gid, self.random_target()))
                self.netcons[-1].weight[0] = self.weight()
                self.netcons[-1].delay = 1 + self.random.random() * 5
        times = sorted(self.random.random() * END for _ in range(25))
        self.pattern_of = h.Vector(times), h.Vector([77] * len(times))
        self.pattern = h.PatternStim()
        self.pattern.play(*self.pattern_of)

    def weight(self):
        low = self.random.choice([-0.01, 0.0, 0.02, 0.05])
        return (low + self.random.random() / 50) * (3 if self.plastic else 1)

    def delay(self):
        return self.random.choice([*DELAYS, *[self.random.random() * 12] * 7])

    def random_target(self):
        return self.random.choice([*self.synapses, *self.synapses, self.target])

    def connect(self, delay=None, source=None):
        source = source or self.random.choice(self.sources)
        target = self.random_target()
        if source in (self.real, *self.cells):
            soma = getattr(source, "soma", source)
            netcon = h.NetCon(soma(0.5)._ref_v, target, sec=soma)
            netcon.threshold = 0
        else:
            netcon = h.NetCon(source, target)
        netcon.weight[0] = self.weight()
        netcon.delay = self.delay() if delay is None else delay
        self.netcons.append(netcon)

    def shared_delay(self):
        """Sources whose NetCons share a delay: NEURON queues one event a spike."""
        stim = h.NetStim()
        stim.interval, stim.start, stim.number = 3.3, 1, 1e9
        self.stims.append(stim)
        for source, delay in [(stim, 2.7), (self.real, 1.3)]:
            for _ in range(9):
                self.connect(delay, source)

    def drop(self, netcon):
        self.netcons.remove(netcon)
        if netcon in self.free:
            self.free.remove(netcon)

    def record(self):
        self.spikes = []
        for source in self.sources:
            if source in (self.real, *self.cells):
                soma = getattr(source, "soma", source)
                netcon = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
            else:
                netcon = h.NetCon(source, None)
            times = h.Vector()
            netcon.record(times)
            self.spikes.append(times)
            self.watched.append(netcon)

    def change(self):
        """What a user does between two steps."""
        for _ in range(3):
            netcon = self.random.choice(self.netcons)
            what = self.random.choice(["weight", "delay", "active", "event"])
            if what == "weight":
                netcon.weight[0] = self.weight()
            elif what == "delay":  # NEURON stops on a shorter one of a shared delay
                self.random.choice(self.free).delay = self.delay()
            elif what == "active":
                netcon.active(self.random.random() < 0.5)
            else:
                netcon.event(h.t + self.random.random() * 3)

    def grow(self):
        """A NetCon, a source and a synapse more, in the middle of a run."""
        what = self.random.choice(["netcon", "source", "synapse"])
        if what == "synapse":
            cell = self.random.choice(self.cells)
            self.synapses.append(self.synapse(cell, 0.5))
        if what == "source":
            fire = h.IntFire1()
            self.sources.append(fire)
            self.netcons.append(h.NetCon(self.stims[1], fire, 0, 1.7, 1.5))
        self.connect()

    def run(self, end=END):
        """Steps to `end` ms, with changes between steps and at times of their own."""
        h.finitialize(-65)
        for _ in range(8):
            at, netcon = self.random.random() * end, self.random.choice(self.netcons)
            weight = self.weight()
            h.CVode().event(at, lambda n=netcon, w=weight: n.weight.__setitem__(0, w))
        stops = sorted(self.random.random() * end for _ in range(30))
        for i, stop in enumerate(stops):
            h.continuerun(stop)
            self.change()
            if i % 5 == 4:
                self.grow()
        h.continuerun(end)

    def trains(self):
        return [np.array(s) for s in self.spikes]

    def state(self):
        """Weights and what plasticity keeps behind them."""
        return [n.weight[i] for n in self.netcons for i in range(int(n.wcnt()))]


def played(monkeypatch, fan_out, seed, run, dt=0.025, network=Network, **keys):
    """What `run(network)` makes of a network on one path.

    Returns the events that the engine was given, the sources' spikes, the connections'
    state and the number of events that NEURON's queue never saw.
    """
    engine = Integrator(CELLS)
    install(monkeypatch, engine)
    _neuron.allow_fan_out(fan_out)
    h.CVode().queue_mode(0)
    h.dt, h.steps_per_ms = dt, 1 / dt
    before = _neuron.flights()
    network = network(seed, **keys)
    run(network)
    out = engine.events, network.trains(), network.state()
    ann_backend.restore()
    network.__dict__.clear()
    PC.gid_clear()
    return *out, _neuron.flights() - before
