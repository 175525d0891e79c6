"""BBSaveState in SaveState's place: to the digits of its file, as any NEURON cell."""

import gc

import numpy as np
import pytest

import ann_backend
from ann_backend.nrn import h

N, CUT, END = 5, 137.0, 300.0
PC = h.ParallelContext()
h.load_file("stdrun.hoc")


class Ring:
    """Replaced cells and sources with gids; plastic inhibition; delays of many bins."""

    def __init__(self):
        ann_backend.load("HH")
        h.celsius = 6.3
        self.rng = np.random.default_rng(1)
        self.cells = ann_backend.replace([h.HH() for _ in range(N)])
        self.synapses = [
            synapse(c.soma(0.5))
            for c in self.cells
            for synapse in (h.ann_AMPA, plastic)
        ]
        self.stims = [self.stim(k) for k in range(N)]
        for gid, cell in enumerate(self.cells):
            netcon = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
            netcon.threshold = -20
            give_gid(gid, netcon)
        self.netcons = []
        for k in range(N):
            self.connect(100 + k, 2 * k, 0.01, 1.3)
            self.connect(100 + k, (2 * k + 3) % (2 * N), 0.002, 1.3)
        for _ in range(20):
            source, target = self.rng.integers(N), self.rng.integers(2 * N)
            delay = self.rng.choice([1.0, 2.7, 11.9, 70.0])
            self.connect(source, target, self.rng.random() * 0.001, delay)
        self.t, self.gid = h.Vector(), h.Vector()
        PC.spike_record(-1, self.t, self.gid)
        self.v = [h.Vector().record(c.soma(0.5)._ref_v) for c in self.cells]

    def stim(self, k):
        stim = h.NetStim()
        stim.number, stim.start, stim.interval = 1e9, 0, 4.3 + 0.37 * k
        give_gid(100 + k, h.NetCon(stim, None))
        return stim

    def connect(self, source, target, weight, delay):
        netcon = PC.gid_connect(int(source), self.synapses[target])
        netcon.weight[0], netcon.delay = weight, delay
        self.netcons.append(netcon)

    def result(self):
        behind = np.array(self.t) > CUT
        samples = int((END - CUT) / h.dt) - 1
        return [
            np.array(self.gid)[behind],
            np.array(self.t)[behind],
            np.array([np.array(v)[-samples:] for v in self.v]),
            np.array([w for n in self.netcons for w in n.weight]),
        ]


def plastic(segment):
    synapse = h.ann_GABAA(segment)
    synapse.U, synapse.tau_rec, synapse.tau_fac = 0.3, 80, 30
    return synapse


def give_gid(gid, netcon):
    PC.set_gid2node(gid, PC.id())
    PC.cell(gid, netcon)


@pytest.fixture
def ring():
    yield (made := Ring())
    made.__dict__.clear()
    PC.gid_clear()
    ann_backend.restore()
    gc.collect()
    h.finitialize(-65)


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
def test_a_split_run_is_the_whole_but_for_the_digits_of_neuron_s_file(ring, tmp_path):
    h.finitialize(-65)
    h.continuerun(END)
    whole = ring.result()
    assert np.sum(whole[0] < N) > 30
    h.finitialize(-65)
    h.continuerun(CUT)
    h.BBSaveState().save(str(tmp_path / "neuron"))
    ann_backend.save_state(tmp_path / "ours")
    h.continuerun(CUT + 20)
    h.finitialize(-65)
    h.BBSaveState().restore(str(tmp_path / "neuron"))
    ann_backend.load_state(tmp_path / "ours")
    h.continuerun(END)
    for a, b in zip(whole, ring.result(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)
