"""Random connections between replaced cells of all ranks, on either path.

``mpirun -n RANKS python tests/mpi_fan_out.py SEED``: a line a rank.
"""

import random
import sys

from double import Double, Integrator, bundle_for, mini_cell

import ann_backend
from ann_backend import _neuron
from ann_backend.nrn import h
from ann_backend.run import engine

h.nrnmpi_init()
PC = h.ParallelContext()
RANK, RANKS, CELLS = int(PC.id()), int(PC.nhost()), 3
chance = random.Random(100 * int(sys.argv[1]) + RANK)
integrator = Integrator(CELLS)
engine.make = lambda bundle, rows, *_: Double(
    integrator, rows, bundle.manifest, (0.0, 0.025, -55.0, [])
)


def build():
    """Cells with gids, each heard by cells of every rank, and stimuli of their own."""
    cells = [mini_cell()() for _ in range(CELLS)]
    out, netcons = [], []
    for i, cell in enumerate(cells):
        PC.set_gid2node(RANK * CELLS + i, RANK)
        out.append(h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
        PC.cell(RANK * CELLS + i, out[-1])
    synapses = [h.ExpSyn(c.dend(x)) for c in cells for x in (0.1, 0.5, 0.9)]
    for synapse in synapses:
        synapse.tau = 2
    for gid in range(RANKS * CELLS):
        for _ in range(2):
            netcons.append(PC.gid_connect(gid, chance.choice(synapses)))
            netcons[-1].delay = 1 + chance.random() * 8
    stims = [h.NetStim() for _ in range(5)]
    for stim in stims:
        stim.start, stim.interval = chance.random() * 5, 2 + chance.random() * 3
        stim.number = 1e9
        for _ in range(4):
            netcons.append(h.NetCon(stim, chance.choice(synapses)))
            netcons[-1].delay = chance.random() * 8
    for netcon in netcons:
        inhibits = (
            netcon.pre() is None and chance.random() < 0.5
        )  # else spikes run away
        netcon.weight[0] = chance.random() / (-20 if inhibits else 12)
    ann_backend.replace(cells, bundle=bundle_for(cells[0]))
    return cells, out, synapses, stims, netcons


def run(fan_out):
    """Events of this rank's cells and the spikes, all gids'."""
    _neuron.allow_fan_out(fan_out)
    integrator.__init__(CELLS)
    times, gids = h.Vector(), h.Vector()
    PC.spike_record(-1, times, gids)
    PC.set_maxstep(10)
    h.finitialize(-65)
    PC.psolve(60)
    return integrator.events, sorted(zip(times, gids, strict=True)), _neuron.flights()


KEEP = build()
plain, fanned = run(False), run(True)
same = plain[:2] == fanned[:2]
print(
    f"rank {RANK}: {len(plain[0])} events, {len(plain[1])} spikes, "
    f"{fanned[2] - plain[2]} flown, {'same' if same else 'DIFFERENT'}",
    flush=True,
)
PC.barrier()
h.quit()
