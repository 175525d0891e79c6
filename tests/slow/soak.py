"""Biological minutes of a network: its rate must not drift, its memory not grow.

Half of the rows are replaced cells joined by NetCons, half are rows joined by arrays.
Each has irregular excitation and inhibition of its own; the halves excite each other.

``python soak.py MINUTES ROWS SEED`` prints its result as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import ann_backend
from ann_backend.nrn import h

WARM_UP_MS, SAMPLES, JOINED = 1000.0, 40, 10
SPIKE_BYTES = 16  # a row's spike is kept until the next finitialize: csrc/types.h
Z_ALL, Z_ROW = 4.0, 6.0  # standard deviations: of all spikes, of the worst of all rows
GROWTH_MB = 3.0  # of the fitted line, over the run behind its first quarter
DRIVE = {"ann_AMPA": (0.0015, 5.0), "ann_GABAA": (0.003, 10.0)}  # uS, ms


class Soak:
    """The network; `cells` are replaced, `rows` a population."""

    def __init__(self, count: int, seed: int) -> None:
        ann_backend.load("HH")
        h.celsius, h.dt, h.steps_per_ms = 6.3, 0.1, 10
        self.rng, half = np.random.default_rng(seed), count // 2
        self.cells = ann_backend.replace([h.HH() for _ in range(half)])
        self.rows = ann_backend.population("HH", count - half)
        named = {c.synapses[0].mechanism: c.name for c in self.channels}
        self.counters = [h.APCount(c.soma(0.5)) for c in self.cells]
        self.targets = [
            {m: getattr(h, m)(c.soma(0.5)) for m in DRIVE} for c in self.cells
        ]
        self.targets += [
            {m: self.rows.input(k, named[m]) for m in DRIVE} for k in self.rows.gids
        ]
        self.keep = []
        for k, target in enumerate(self.targets):
            for j, mechanism in enumerate(DRIVE):
                self.drive(target[mechanism], *DRIVE[mechanism], (seed, k, j))
        self.join(half)

    @property
    def channels(self):
        return self.rows.bundle.manifest.channels

    def drive(self, target, weight, interval, ids):
        stim = h.NetStim()
        stim.start, stim.number, stim.noise, stim.interval = 0, 1e12, 1, interval
        stim.noiseFromRandom123(*ids)
        self.keep += [stim, h.NetCon(stim, target, 0, 0.5, weight)]

    def join(self, half):
        """Ten weak excitatory connections from each, within its half; some across."""
        for cell in self.cells:
            for to in self.rng.integers(half, size=JOINED):
                self.send(cell, self.targets[to])
            self.send(cell, self.targets[self.rng.integers(half, len(self.targets))])
        n = len(self.rows)
        pre, post = (
            np.repeat(np.arange(n), JOINED),
            self.rng.integers(n, size=n * JOINED),
        )
        delay = self.rng.uniform(1, 20, len(pre))
        ann_backend.connect(pre, post, self.channels[0].name, 0.0003, delay)
        for k in range(0, n, 10):
            target = self.targets[self.rng.integers(half)]["ann_AMPA"]
            source = self.rows.source(k)
            self.keep.append(h.NetCon(source, target, 0, 1.5, 0.0003))

    def send(self, cell, target):
        netcon = h.NetCon(cell.soma(0.5)._ref_v, target["ann_AMPA"], sec=cell.soma)
        netcon.delay, netcon.weight[0] = self.rng.uniform(1, 20), 0.0003
        netcon.threshold = 0
        self.keep.append(netcon)

    def counts(self):
        """Spikes of each row and cell since finitialize, shape (rows,)."""
        gid, _ = self.rows.spikes
        rows = np.bincount(gid, minlength=len(self.rows))
        return np.concatenate([[c.n for c in self.counters], rows])

    def resident_MB(self):
        """Memory, without the spikes of rows, which are kept by design."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return (pages * 4096 - SPIKE_BYTES * len(self.rows.spikes[1])) / 1e6


def soak(minutes: float, count: int, seed: int) -> dict:
    """Run, and judge the samples."""
    network, began = Soak(count, seed), time.perf_counter()
    h.finitialize(-65)
    end = max(60_000 * minutes, 2 * WARM_UP_MS)
    at = np.linspace(WARM_UP_MS, end, SAMPLES + 1)
    counts, memory = np.ones((len(at), count)), np.ones(len(at))  # not grown later
    for k, t in enumerate(at):
        h.continuerun(t)
        counts[k], memory[k] = network.counts(), network.resident_MB()
        if k % 4 == 0:
            said = f"soak: {t / 1000:.1f} of {end / 1000:.0f} s, {memory[k]:.1f} MB"
            print(said, file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    drift, growth = judged_rate(np.diff(counts, axis=0), at), judged_memory(memory)
    return {
        "passed": drift.pop("passed") and growth.pop("passed"),
        "biological_minutes": end / 60_000,
        "rows": count,
        "seed": seed,
        "seconds_per_biological_minute": round(seconds / (end / 60_000), 1),
        **drift,
        **growth,
    }


def judged_rate(spikes, at):
    """First against second half, in standard deviations of Poisson counts."""
    first, second = spikes[: SAMPLES // 2].sum(0), spikes[SAMPLES // 2 :].sum(0)
    seconds = (at[-1] - at[0]) / 2000
    z = (second - first) / np.sqrt(np.maximum(first + second, 1))
    total = (second.sum() - first.sum()) / np.sqrt(max((first + second).sum(), 1))
    return {
        "passed": bool(
            abs(total) <= Z_ALL and np.abs(z).max() <= Z_ROW and first.sum()
        ),
        "spikes": int((first + second).sum()),
        "rate_Hz": [round(n.sum() / seconds / len(n), 4) for n in (first, second)],
        "rate_error_Hz": round(float(np.sqrt(first.sum()) / seconds / len(first)), 4),
        "rate_z": round(float(total), 2),
        "rate_z_bound": Z_ALL,
        "worst_row_z": round(float(np.abs(z).max()), 2),
        "worst_row_z_bound": Z_ROW,
    }


def judged_memory(memory):
    """A line through the samples behind the first quarter."""
    later = memory[SAMPLES // 4 :]
    growth = float(np.polyfit(np.linspace(0, 1, len(later)), later, 1)[0])
    return {
        "passed": growth <= GROWTH_MB,
        "resident_MB": [round(float(m), 2) for m in memory[:: SAMPLES // 8]],
        "growth_MB": round(growth, 3),
        "growth_MB_bound": GROWTH_MB,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore", ann_backend.ApproximationWarning)
    h.load_file("stdrun.hoc")
    print(json.dumps(soak(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
