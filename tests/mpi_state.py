"""A network over the ranks whose run is split in two, in one process or in two.

``mpirun -n RANKS python tests/mpi_state.py whole|save|late|load FOLDER``: files of each
rank; late, between two exchanges, is refused.
"""

import sys
from pathlib import Path

import numpy as np

import ann_backend
from ann_backend.nrn import h

h.nrnmpi_init()
PC = h.ParallelContext()
RANK, RANKS, CELLS, CUT_MS, END_MS = int(PC.id()), int(PC.nhost()), 4, 37.3, 90.0
MODE, FOLDER = sys.argv[1], Path(sys.argv[2])
ann_backend.load("HH")
h.celsius = 6.3


class Network:
    """Of a rank's four cells the last is not replaced; spikes go from all to all."""

    def __init__(self):
        rng = np.random.default_rng(RANK)
        cells = [h.HH() for _ in range(CELLS)]
        self.out = []
        for k, cell in enumerate(cells):
            self.out.append(h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
            self.out[-1].threshold = -20
            PC.set_gid2node(CELLS * RANK + k, RANK)
            PC.cell(CELLS * RANK + k, self.out[-1])
        self.synapses = [h.ann_AMPA(cell.soma(0.5)) for cell in cells]
        self.stims, self.netcons = [h.NetStim() for _ in cells], []
        for stim, synapse in zip(self.stims, self.synapses, strict=True):
            stim.number, stim.start, stim.interval = 1e9, rng.random(), 6 + rng.random()
            self.netcons.append(h.NetCon(stim, synapse, 0, 1.3, 0.01))
        for gid in range(CELLS * RANKS):
            for synapse in rng.choice(self.synapses, 2):
                netcon = PC.gid_connect(gid, synapse)
                netcon.weight[0], netcon.delay = 0.001, rng.choice([1.0, 2.7, 11.9])
                self.netcons.append(netcon)
        self.cells = cells[-1:] + ann_backend.replace(cells[:-1])
        self.t, self.gid = h.Vector(), h.Vector()
        PC.spike_record(-1, self.t, self.gid)
        self.v = [h.Vector().record(c.soma(0.5)._ref_v) for c in self.cells]
        PC.set_maxstep(10)
        h.finitialize(-65)

    def result(self):
        """Behind the cut."""
        t, gid = np.array(self.t), np.array(self.gid)
        behind, samples = t > CUT_MS, round((END_MS - CUT_MS) / h.dt) - 1
        order = np.lexsort((gid[behind], t[behind]))
        v = [np.array(one)[-samples:] for one in self.v]
        return {"t": t[behind][order], "gid": gid[behind][order], "v": v}


def neurons():
    return h.File(str(FOLDER / f"neuron.{RANK}"))


network, state = Network(), h.SaveState()
if MODE in ("save", "late"):
    PC.psolve(CUT_MS)
    if MODE == "late":
        h.fadvance()
    state.save()
    state.fwrite(neurons())
    ann_backend.save_state(FOLDER / "ours")
else:
    if MODE == "load":
        state.fread(neurons())
        state.restore()
        ann_backend.load_state(FOLDER / "ours")
    PC.psolve(END_MS)
    np.savez(FOLDER / f"{MODE}.{RANK}.npz", **network.result())
PC.barrier()
h.quit()
