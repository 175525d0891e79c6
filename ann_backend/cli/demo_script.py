"""A plain NEURON script: eight replaced L5PC cells drive a biophysical neuron.

Nothing here depends on the backend: `python demo_script.py` runs the surrogates,
and `ANN_BACKEND=neuron python demo_script.py` the cells themselves.
"""

import random

from neuron import h  # noqa: TID251

import ann_backend

h.load_file("stdrun.hoc")
ann_backend.load("L5PC")
h.celsius, h.v_init = 34, -75

CELLS, SECONDS = 8, 2
# Mechanism, number, weight (uS) and event rate (Hz) of each cell's synapses.
INPUTS = (("ann_AMPANMDA", 100, 0.0015, 14.0), ("ann_GABAA", 50, 0.001, 10.0))
KINETICS = {"ann_AMPANMDA": {}, "ann_GABAA": {"tau_decay": 8, "e": -80}}

places = random.Random(2026)
cells = [ann_backend.replace(h.L5PC) for _ in range(CELLS)]
inputs: list[object] = []
for i, cell in enumerate(cells):
    for mechanism, number, weight, rate in INPUTS:
        for _ in range(number):
            section = places.choice([*cell.dend, *cell.apic])
            synapse = getattr(h, mechanism)(section(places.random()))
            for name, value in KINETICS[mechanism].items():
                setattr(synapse, name, value)
            source = h.NetStim()
            source.start, source.number, source.noise = 0, 1e9, 1
            source.interval = 1000 / (rate * (0.8 + 0.05 * i))
            source.noiseFromRandom123(2026, len(inputs), 0)
            source.seed(1)
            inputs += [synapse, source, h.NetCon(source, synapse, 0, 0.5, weight)]

# Downstream: an interneuron with a passive dendrite, solved by NEURON as ever.
soma, dend = h.Section("soma"), h.Section("dend")
soma.L = soma.diam = 15
dend.L, dend.diam, dend.nseg = 100, 2, 5
soma.insert("ann_NaT").insert("ann_Kv31").insert("pas")
soma.gbar_ann_NaT, soma.gbar_ann_Kv31 = 0.5, 0.3
dend.insert("pas")
dend.connect(soma(1))
synapse = h.ExpSyn(dend(0.5))
synapse.tau = 2
outputs = []
for cell in cells:
    netcon = h.NetCon(cell.soma(0.5)._ref_v, synapse, sec=cell.soma)
    netcon.threshold, netcon.weight[0], netcon.delay = 0, 0.008, 1.5
    outputs.append(netcon)

spikes = h.Vector()
detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
detector.record(spikes)
vm = h.Vector().record(cells[0].soma(0.5)._ref_v)

h.finitialize(-75)
h.continuerun(1000 * SECONDS)
print(f"{SECONDS} s, {CELLS} L5PC cells; downstream: {len(spikes)} spikes")
