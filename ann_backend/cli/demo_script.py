"""A plain NEURON script: eight replaced HH cells drive a biophysical one.

Nothing here depends on the backend: `python demo_script.py` runs the surrogates,
and `ANN_BACKEND=neuron python demo_script.py` the cells themselves.
"""

from neuron import h  # noqa: TID251

import ann_backend

h.load_file("stdrun.hoc")
ann_backend.load("HH")

CELLS, SECONDS = 8, 10
# Mechanism, weight (uS) and event rate (Hz) of each cell's three inputs.
INPUTS = (
    (h.ann_AMPA, 0.0015, 150.0),
    (h.ann_GABAA, 0.0030, 200.0),
    (h.ann_NMDA, 0.0005, 40.0),
)

cells = [ann_backend.replace(h.HH) for _ in range(CELLS)]
inputs = []
for i, cell in enumerate(cells):
    for k, (mechanism, weight, rate) in enumerate(INPUTS):
        synapse = mechanism(cell.soma(0.5))
        source = h.NetStim()
        source.start, source.number, source.noise = 0, 1e9, 1
        source.interval = 1000 / (rate * (0.8 + 0.05 * i))
        source.noiseFromRandom123(2026, i, k)
        source.seed(1)
        netcon = h.NetCon(source, synapse)
        netcon.weight[0], netcon.delay = weight, 0.5
        inputs += [synapse, source, netcon]

# Downstream: an HH soma with a passive dendrite, solved by NEURON as ever.
soma, dend = h.Section("soma"), h.Section("dend")
soma.L = soma.diam = 20
dend.L, dend.diam, dend.nseg = 200, 2, 5
soma.insert("hh")
dend.insert("pas")
dend.connect(soma(1))
synapse = h.ExpSyn(dend(0.5))
synapse.tau = 2
outputs = []
for cell in cells:
    netcon = h.NetCon(cell.soma(0.5)._ref_v, synapse, sec=cell.soma)
    netcon.threshold, netcon.weight[0], netcon.delay = 0, 0.006, 1.5
    outputs.append(netcon)

spikes = h.Vector()
detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
detector.record(spikes)
vm = h.Vector().record(cells[0].soma(0.5)._ref_v)

h.finitialize(-65)
h.continuerun(1000 * SECONDS)
print(f"{SECONDS} s, {CELLS} HH cells; downstream: {len(spikes)} spikes")
