"""A network of every kind of connection, and a run of it split in two processes.

``python split_run.py first DIR T`` runs the whole, then saves at T; ``second`` goes on.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import ann_backend
from ann_backend.nrn import h

CELLS, ROWS, END = 5, 6, 300.0
h.load_file("stdrun.hoc")


class Network:
    """Replaced cells, rows of a population, a biophysical cell, noisy sources."""

    def __init__(self, seed: int = 1) -> None:
        warnings.simplefilter("ignore", ann_backend.ApproximationWarning)
        ann_backend.load("HH")
        h.celsius, h.dt, h.steps_per_ms = 6.3, 0.025, 40
        self.rng = np.random.default_rng(seed)
        self.cells = ann_backend.replace([h.HH() for _ in range(CELLS)])
        self.synapses = [self.synapse(c, m) for c in self.cells for m in (0, 1)]
        self.real = h.Section(name="real")
        self.real.L = self.real.diam = 20
        self.real.insert("hh")
        self.synapses.append(h.ExpSyn(self.real(0.5)))
        self.rows = ann_backend.population("HH", ROWS)
        self.connect_rows()
        self.stims: list[Any] = []
        self.netcons: list[Any] = []
        for k, synapse in enumerate(self.synapses[:-1]):
            self.drive(synapse, k, 0.0015 if k % 2 == 0 else 0.01)
        for k in range(ROWS):
            self.drive(self.rows.input(k, 0), 50 + k, 0.0015)
        somas = [c.soma for c in self.cells] + [self.real]
        for _ in range(70):
            self.join(somas[self.rng.integers(len(somas))])
        for k in range(ROWS):
            self.netcons.append(h.NetCon(self.rows.source(k), self.any_synapse()))
            self.weigh(self.netcons[-1])
        self.record(somas)

    def synapse(self, cell: Any, kind: int) -> Any:
        if kind == 0:
            return h.ann_AMPA(cell.soma(0.5))
        plastic = h.ann_GABAA(cell.soma(0.5))
        plastic.U, plastic.tau_rec, plastic.tau_fac = 0.3, 80, 30
        return plastic

    def connect_rows(self) -> None:
        pre, post = self.rng.integers(ROWS, size=(2, 30))
        weight = self.rng.integers(1, 40, 30) * 2.0**-16
        ann_backend.connect(pre, post, 0, weight, self.rng.random(30) * 9)

    def drive(self, target: Any, seed: int, weight: float) -> None:
        stim = h.NetStim()
        stim.number, stim.noise, stim.interval, stim.start = 1e9, 1, 5, 0
        stim.noiseFromRandom123(seed, 7, 1)
        self.stims.append(stim)
        self.netcons.append(h.NetCon(stim, target))
        self.netcons[-1].weight[0], self.netcons[-1].delay = weight, 0.6

    def any_synapse(self) -> Any:
        targets = [*self.synapses, self.rows.input(int(self.rng.integers(ROWS)), 1)]
        return targets[self.rng.integers(len(targets))]

    def join(self, soma: Any) -> None:
        netcon = h.NetCon(soma(0.5)._ref_v, self.any_synapse(), sec=soma)
        netcon.threshold = -20
        self.weigh(netcon)
        self.netcons.append(netcon)

    def weigh(self, netcon: Any) -> None:
        most = 0.04 if netcon.syn() == self.synapses[-1] else 0.002
        netcon.weight[0] = float(self.rng.random() * most)
        netcon.delay = float(self.rng.choice([0.3, 1, 2.7, 11.9, 70, 100]))

    def record(self, somas: list[Any]) -> None:
        self.spikes = [h.Vector() for _ in somas]
        self.detectors = [h.NetCon(s(0.5)._ref_v, None, sec=s) for s in somas]
        for detector, times in zip(self.detectors, self.spikes, strict=True):
            detector.threshold = -20
            detector.record(times)
        v = [s(0.5)._ref_v for s in somas]
        self.v = [h.Vector().record(ref) for ref in v]
        self.coarse = [h.Vector().record(ref, 0.1) for ref in v]
        self.times = h.Vector(np.arange(0.5, END, 0.7))
        self.listed = [h.Vector().record(ref, self.times) for ref in v]

    def start(self) -> None:
        for stim in self.stims:
            stim.ranvar.set_seq(0)
        h.finitialize(-65)

    def save(self, folder: Path) -> None:
        """NEURON's state, its sources' random streams and ours."""
        state = h.SaveState()
        state.save()
        state.fwrite(h.File(str(folder / "neuron")))
        streams = [s.ranvar.get_seq() for s in self.stims]
        (folder / "streams").write_text(json.dumps(streams))
        ann_backend.save_state(folder / "ours")

    def load(self, folder: Path) -> None:
        self.start()
        streams = json.loads((folder / "streams").read_text())
        for stim, at in zip(self.stims, streams, strict=True):
            stim.ranvar.set_seq(at)
        state = h.SaveState()
        state.fread(h.File(str(folder / "neuron")))
        state.restore()
        ann_backend.load_state(folder / "ours")

    def result(self, since: float) -> dict[str, Any]:
        """Spikes behind `since` (ms) and all voltages."""
        out = {}
        for k, times in enumerate(self.spikes):
            out[f"spikes{k}"] = np.array([t for t in times if t > since])
        gid, t = self.rows.spikes
        out["gid"], out["t"] = gid[t > since], t[t > since]
        out["rows_v"] = self.rows.v
        for name in ("v", "coarse", "listed"):
            for k, samples in enumerate(getattr(self, name)):
                out[f"{name}{k}"] = np.array(samples)
        out["weights"] = np.array([w for n in self.netcons for w in n.weight])
        return out


if __name__ == "__main__":
    part, folder, since = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    network = Network()
    if part == "first":
        network.start()
    else:
        network.load(folder)
    h.continuerun(END)
    np.savez(folder / f"{part}.npz", **network.result(since))
    if part == "first":
        network.start()
        h.continuerun(since)
        network.save(folder)
