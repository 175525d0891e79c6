"""With a perfect surrogate nothing the user can observe changes, to the last bit."""

import numpy as np
import pytest
from double import Replay, bundle_for, install, mini_cell

import ann_backend
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")


class UserModel:
    """Plain NEURON: a driven cell, a cell downstream, recordings."""

    def __init__(self, out_delay=1.0, dt=0.025, cell=None):
        h.dt, h.steps_per_ms = dt, 1 / dt
        self.cell = cell or mini_cell()()
        self.keep = []
        for i, (x, delay) in enumerate([(0.1, 0.0), (0.5, 0.5), (0.9, 1.0)]):
            self.drive(x, 2.3 + 1.7 * i, 7.1 + i, 0.02, delay)
        self.post = h.Section(name="post")
        self.post.L = self.post.diam = 20
        self.post.insert("hh")
        self.synapse = h.ExpSyn(self.post(0.5))
        self.synapse.tau = 2
        soma_v = self.cell.soma(0.5)._ref_v
        self.out = h.NetCon(soma_v, self.synapse, sec=self.cell.soma)
        self.out.weight[0], self.out.delay, self.out.threshold = 0.008, out_delay, 0
        self.spikes = h.Vector()
        self.detector = h.NetCon(soma_v, None, sec=self.cell.soma)
        self.detector.record(self.spikes)
        self.v = h.Vector().record(soma_v)
        self.v_post = h.Vector().record(self.post(0.5)._ref_v)
        self.t = h.Vector().record(h._ref_t)
        self.counter = h.APCount(self.cell.soma(0.5))
        self.counter.thresh = 0
        self.count_times = h.Vector()
        self.counter.record(self.count_times)

    def drive(self, x, start, interval, weight, delay):
        synapse = h.ExpSyn(self.cell.dend(x))
        synapse.tau = 2
        stim = h.NetStim()
        stim.start, stim.interval, stim.number, stim.noise = start, interval, 50, 0
        netcon = h.NetCon(stim, synapse)
        netcon.weight[0], netcon.delay = weight, delay
        self.keep.append((synapse, stim, netcon))

    def traces(self):
        names = ("t", "v", "v_post", "spikes")
        return {name: np.array(getattr(self, name)) for name in names}


def run_plain():
    h.tstop = 60
    h.run()


def run_continue():
    h.stdinit()
    for stop in (13.3, 13.4, 60):
        h.continuerun(stop)


def run_fadvance():
    h.finitialize(-65)
    while h.t < 60 - h.dt / 2:
        h.fadvance()


def run_psolve():
    pc = h.ParallelContext()
    pc.set_maxstep(10)
    h.stdinit()
    pc.psolve(60)


def run_psolve_pieces():
    pc = h.ParallelContext()
    pc.set_maxstep(10)
    h.stdinit()
    for stop in (0.7, 5.2, 31.0, 60.0):
        pc.psolve(stop)


RUNS = [run_plain, run_continue, run_fadvance, run_psolve, run_psolve_pieces]


def replaced(monkeypatch, model, original):
    replay = Replay()
    replay.record(original["t"], original["v"], original["spikes"])
    install(monkeypatch, replay)
    ann_backend.replace(model.cell, bundle=bundle_for(model.cell))
    return replay


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("dt", [0.025, 0.05, 0.1])
@pytest.mark.parametrize("out_delay", [1.0, 1.7])
def test_nothing_changes_with_a_perfect_surrogate(monkeypatch, run, dt, out_delay):
    model = UserModel(out_delay, dt)
    run()
    before = model.traces()
    assert len(before["spikes"]) >= 5
    assert before["v_post"].max() > 0
    replay = replaced(monkeypatch, model, before)
    for _ in range(2):  # a rerun is the same again
        run()
        after = model.traces()
        np.testing.assert_array_equal(after["spikes"], before["spikes"])
        np.testing.assert_array_equal(after["v_post"], before["v_post"])
        edges = np.searchsorted(before["t"], np.arange(1, 60) - dt / 2)
        np.testing.assert_array_equal(after["v"][edges], before["v"][edges])
        assert model.counter.n == len(before["spikes"])
        np.testing.assert_array_equal(np.array(model.count_times), before["spikes"])
    inside = [
        t0 - dt / 2 <= e[3] < t0 + 1 for t0, events in replay.events for e in events
    ]
    assert len(inside) > 20
    assert all(inside)


@pytest.mark.parametrize("run", RUNS)
def test_a_restored_run_is_bit_identical(monkeypatch, run):
    model = UserModel()
    run()
    before = model.traces()
    replaced(monkeypatch, model, before)
    run()
    ann_backend.restore(model.cell)
    run()
    for name, trace in model.traces().items():
        np.testing.assert_array_equal(trace, before[name])
    assert "ann_anchor_" not in [s.name() for s in h.allsec()]
