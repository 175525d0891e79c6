"""Events that NEURON's queue never sees come as they would from it, to the last bit."""

import gc
import math
import random

import numpy as np
import pytest
from double import bundle_for, channel, install, mini_cell

import ann_backend
from ann_backend import _neuron, paths
from ann_backend.nrn import h, version

pytestmark = pytest.mark.filterwarnings(
    "ignore::ann_backend.errors.ApproximationWarning"
)
CELLS, END = 4, 60.0
DELAYS = [0.0, 0.3, 0.97, 1.0, 1.5, 12.0, 70.0]


class Integrator:
    """Rows that integrate their events and fire 0.13 ms after one that is enough."""

    def __init__(self, rows=CELLS):
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
            if self.v[row] > 0.1:
                spikes.append((row, min(max(t, t0) + 0.13, t0 + 0.999)))
                self.v[row] = -0.05
        return [-65.0] * self.rows, sorted(spikes, key=lambda s: s[1])


@pytest.fixture(autouse=True)
def _restored():
    yield
    _neuron.allow_fan_out(True)
    ann_backend.restore()
    h.dt, h.steps_per_ms = 0.025, 40
    h.CVode().queue_mode(0)
    gc.collect()  # here, not in the middle of another test's step
    h.finitialize(-65)


@pytest.fixture(scope="module")
def plastic():
    """Our mechanisms, loaded."""
    if not hasattr(h, "ann_AMPANMDA"):
        names = ("ann_AMPANMDA.mod", "ann_GABAA.mod")
        files = [paths.mod_dir() / name for name in names]
        h.nrn_load_dll(str(paths.mechanisms(files, version())))


class Network:
    """Replaced cells and sources of every kind, joined at random."""

    def __init__(self, seed, plastic=False, connections=120):
        self.random = random.Random(seed)
        self.plastic = plastic
        self.cells = [mini_cell()() for _ in range(CELLS)]
        mechanism = "ann_GABAA" if plastic else "ExpSyn"
        channels = [
            channel(f"dend({x})", mechanism, (-1, 1)) for x in (0.1, 0.5, 0.9)
        ]
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
        self.netcons, self.watched = [], []
        self.sources = [*self.stims, *self.fires, self.real, *self.cells]
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
        stim.start, stim.number = self.random.random() * 5, 1e9
        stim.interval, stim.noise = 1.5 + self.random.random() * 4, i % 2
        stim.noiseFromRandom123(i, 7, 0)
        return stim

    def weight(self):
        return self.random.choice([-0.01, 0.0, 0.02, 0.05]) + self.random.random() / 50

    def delay(self):
        return self.random.choice([*DELAYS, *[self.random.random() * 12] * 7])

    def connect(self, delay=None, source=None):
        source = source or self.random.choice(self.sources)
        target = self.random.choice([*self.synapses, *self.synapses, self.target])
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
        for source, delay in [(h.NetStim(), 2.7), (mini_cell()(), 1.3)]:
            if hasattr(source, "interval"):
                source.interval, source.start, source.number = 3.3, 1, 1e9
                self.stims.append(source)
            else:
                source = self.real
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

    def later(self, t, do):
        h.CVode().event(t, do)

    def run(self, end=END):
        h.finitialize(-65)
        for _ in range(8):  # at times of their own, off the steps
            at, netcon = self.random.random() * end, self.random.choice(self.netcons)
            weight = self.weight()
            self.later(at, lambda n=netcon, w=weight: n.weight.__setitem__(0, w))
        stops = sorted(self.random.random() * end for _ in range(30))
        for i, stop in enumerate(stops):
            h.continuerun(stop)
            self.change()
            if i % 5 == 4:
                self.grow()
        h.continuerun(end)

    def trains(self):
        return [np.array(s) for s in self.spikes]


def played(monkeypatch, fan_out, seed, runs=1, dt=0.025, **keys):
    """Events, spikes and the state of connections of a network on one of the paths."""
    engine = Integrator()
    install(monkeypatch, engine)
    _neuron.allow_fan_out(fan_out)
    h.dt, h.steps_per_ms = dt, 1 / dt
    network, out = Network(seed, **keys), []
    before = _neuron.flights()
    for run in range(runs):
        engine.__init__()
        network.run()
        out.append((engine.events, network.trains()))
        if run + 1 < runs:
            h.continuerun(h.t + 90)  # an event under way to a deleted NetCon is fatal
            engine.__init__()
            h.finitialize(-65)
            for _ in range(20):
                network.drop(network.random.choice(network.netcons))
            for netcon in [n for n in network.netcons if n.pre() == network.stims[2]]:
                network.drop(netcon)  # NEURON stops on the delay of one without a source
            del netcon, network.stims[2], network.sources[2]
    flown = _neuron.flights() - before
    state = [n.weight[i] for n in network.netcons for i in range(int(n.wcnt()))]
    ann_backend.restore()
    return out, state, flown


def assert_same(monkeypatch, seed, **keys):
    plain, state, none = played(monkeypatch, False, seed, **keys)
    fanned, state_fanned, flown = played(monkeypatch, True, seed, **keys)
    for (events, trains), (events_fanned, trains_fanned) in zip(
        plain, fanned, strict=True
    ):
        assert len(events) > 500
        assert events_fanned == events
        assert sum(map(len, trains[-CELLS:])) > 20
        for a, b in zip(trains, trains_fanned, strict=True):
            np.testing.assert_array_equal(a, b)
    assert state_fanned == state
    assert none == 0
    assert flown > 500


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_run_the_same_on_both_paths(monkeypatch, seed):
    assert_same(monkeypatch, seed, dt=[0.025, 0.1, 0.05][seed % 3])


@pytest.mark.parametrize("seed", range(3))
def test_so_do_networks_cut_and_grown_between_runs(monkeypatch, seed):
    assert_same(monkeypatch, 100 + seed, runs=3)


@pytest.mark.usefixtures("plastic")
@pytest.mark.parametrize("seed", range(4))
def test_so_do_plastic_connections_with_their_states(monkeypatch, seed):
    assert_same(monkeypatch, 200 + seed, plastic=True)
