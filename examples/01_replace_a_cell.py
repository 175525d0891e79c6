"""Replace a cell of a NEURON script, look at what was moved, and give it back."""

from neuron import h

import ann_backend

h.load_file("stdrun.hoc")
ann_backend.load("L5PC")  # compiles its mechanisms once and defines the template h.L5PC
h.celsius, h.v_init = 34, -75

cell = ann_backend.replace(h.L5PC)  # a NEURON object as ever: cell.soma, NetCons, ...

keep = []
for k, dendrite in enumerate(cell.dend):
    synapse = h.ann_AMPANMDA(dendrite(0.5))
    source = h.NetStim()
    source.start, source.interval, source.number, source.noise = 0, 50, 1e9, 1
    source.noiseFromRandom123(1, 2, k)
    netcon = h.NetCon(source, synapse)
    netcon.weight[0], netcon.delay = 0.002, 1
    keep += [synapse, source, netcon]

spikes = h.Vector()
detector = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
detector.threshold = 0
detector.record(spikes)
vm = h.Vector().record(cell.soma(0.5)._ref_v)


def run():
    """Two biological seconds, from the same random numbers each time."""
    for source in keep[1::3]:
        source.seed(1)
    h.finitialize(-75)
    h.continuerun(2000)
    return list(spikes)


surrogate = run()
print(ann_backend.report())

ann_backend.restore(cell)  # the biophysical cell again, bit for bit
neuron = run()

print(f"surrogate: {len(surrogate)} spikes, the first at", end=" ")
print(", ".join(f"{t:.2f}" for t in surrogate[:5]), "ms")
print(f"NEURON:    {len(neuron)} spikes, the first at", end=" ")
print(", ".join(f"{t:.2f}" for t in neuron[:5]), "ms")
