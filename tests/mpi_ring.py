"""A ring of cells over the ranks: biophysical, then replaced on some of them.

``mpirun -n 2 python tests/mpi_ring.py DELAY REPLACED_RANKS [late]``: a line a rank.
"""

import sys

import numpy as np
from double import Double, Replay, bundle_for, mini_cell

import ann_backend
from ann_backend.nrn import h
from ann_backend.run import engine

h.nrnmpi_init()
PC = h.ParallelContext()
RANK, RANKS = int(PC.id()), int(PC.nhost())


def build(delay):
    """One cell a rank, driven by the last rank's and by a rhythm of its own."""
    cell = mini_cell()()
    synapse = h.ExpSyn(cell.dend(0.5))
    synapse.tau = 2
    PC.set_gid2node(RANK, RANK)
    out = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
    out.threshold = 0
    PC.cell(RANK, out)
    into = PC.gid_connect((RANK - 1) % RANKS, synapse)
    into.weight[0], into.delay = 0.05, delay
    stim = h.NetStim()
    stim.start, stim.number, stim.noise = 1.3, 20, 0
    stim.interval = 17.3 + 6 * RANK
    start = h.NetCon(stim, synapse)
    start.weight[0], start.delay = 0.05, 0.2
    return cell, synapse, out, into, stim, start


def run(late=False):
    """Return t, soma Vm and the spikes of this rank."""
    t, v = h.Vector().record(h._ref_t), h.Vector().record(KEEP[0].soma(0.5)._ref_v)
    spikes, gids = h.Vector(), h.Vector()
    PC.spike_record(RANK, spikes, gids)
    PC.set_maxstep(10)
    h.finitialize(-65)
    if late:
        PC.set_maxstep(0.7)
    PC.psolve(100)
    return np.array(t), np.array(v), np.array(spikes)


KEEP = build(float(sys.argv[1]))
before = run()
replay = Replay()
replay.record(*before)
engine.make = lambda bundle, rows, *_: Double(
    replay, rows, bundle.manifest, (0.0, 0.025, -55.0, [])
)
if str(RANK) in sys.argv[2].split(","):
    ann_backend.replace(KEEP[0], bundle=bundle_for(KEEP[0]))
if "compress" in sys.argv:
    PC.spike_compress(10)
run()  # a second trial follows the first
after = run("late" in sys.argv)
edges = np.searchsorted(before[0], np.arange(1, 100) - h.dt / 2)
same = np.array_equal(before[2], after[2]) and np.array_equal(
    before[1][edges], after[1][edges]
)
print(
    f"rank {RANK}: {len(before[2])} spikes, {'same' if same else 'DIFFERENT'}",
    flush=True,
)
PC.barrier()
h.quit()
