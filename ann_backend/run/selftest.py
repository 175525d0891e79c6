"""Does the coupling work with this NEURON? Two cells, one of them played back.

A process of its own parks a cell, feeds its recording back through the engine's door,
and compares: spikes, the cell downstream, the restored run.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ann_backend import _neuron, paths
from ann_backend.errors import NeuronLayoutError
from ann_backend.nrn import h, version

_MPI = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "MPI_", "SLURM_")


def once() -> None:
    """Run the self-test in a process of its own, once per NEURON and build.

    Raises
    ------
    NeuronLayoutError
        If it fails; its output is in the message.
    """
    build = Path(str(_neuron.__file__)).read_bytes()
    key = hashlib.sha256(build + version().encode()).hexdigest()[:16]
    passed = paths.cache_dir() / f"selftest-{key}"
    if passed.exists():
        return
    alone = {k: v for k, v in os.environ.items() if not k.startswith(_MPI)}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {__name__} as t; sys.exit(t.main())"],
        env=alone | {"ANN_BACKEND": "auto"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise NeuronLayoutError(
            f"the coupling, built with NEURON {_neuron.built_with}, does not work with "
            f"NEURON {version()}: build it against this one, pip install "
            f"--no-build-isolation --force-reinstall ann_backend. It said:\n{tail}"
        )
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.write_text(version())


class _Pair:
    """A driven cell and the one downstream."""

    def __init__(self) -> None:
        self.first, self.second = (h.Section(name=n) for n in ("first", "second"))
        for section in (self.first, self.second):
            section.L = section.diam = 20
            section.insert("hh")
        self.inputs = [h.ExpSyn(s(0.5)) for s in (self.first, self.second)]
        for synapse in self.inputs:
            synapse.tau = 2
        self.source = h.NetStim()
        self.source.start, self.source.interval, self.source.number = 1, 7.3, 3
        self.drive = h.NetCon(self.source, self.inputs[0], 0, 0.2, 0.03)
        v = self.first(0.5)._ref_v
        self.out = h.NetCon(v, self.inputs[1], sec=self.first)
        self.out.threshold, self.out.delay, self.out.weight[0] = 0, 1, 0.03
        self.spikes = h.Vector()
        self.out.record(self.spikes)
        refs = [s(0.5)._ref_v for s in (self.first, self.second)]
        self.traces = [h.Vector().record(ref) for ref in refs]

    def run(self) -> list[Any]:
        h.finitialize(-65)
        while h.t < 20 - h.dt / 2:
            h.fadvance()
        return [np.array(x) for x in (self.spikes, *self.traces)]


def main() -> int:
    """Return 0 if nothing but the parked cell's Vm between edges differs."""
    from ann_backend.run.calibration import calibrate
    from ann_backend.run.surrogate import address

    pair = _Pair()
    before = pair.run()
    per_bin = round(1 / h.dt)

    def play(t0: float, _events: list[Any]) -> tuple[list[float], list[Any]]:
        spikes = [(0, s) for s in before[0] if t0 <= s < t0 + 1]
        return [before[1][round(t0 + 1) * per_bin]], spikes

    anchor = h.Section(name="anchor")
    calibrate(anchor)
    where = address(pair.first)
    cell = _neuron.CellHandle(root=where, soma=where, locations=[(where, 0.5)])
    shape: tuple[float, float, float, list[float]] = (0.0, 0.025, -55.0, [])
    double = _neuron.CallbackPopulation(play, 1, 1, 0.0, shape)
    group: tuple[Any, ...] = (
        double,
        -65.0,
        [cell],
        [("ExpSyn", {}, 0, 0)],
        [(0.0, 1.0)],
        [],
    )
    _neuron.prepare([group], address(anchor))
    replaced = pair.run()
    _neuron.prepare([], 0)
    restored = pair.run()
    same = [
        len(before[0]) > 0,
        np.array_equal(before[0], replaced[0]),
        np.array_equal(before[1][::per_bin], replaced[1][::per_bin]),
        np.array_equal(before[2], replaced[2]),
        all(np.array_equal(a, b) for a, b in zip(before, restored, strict=True)),
    ]
    print("spikes, their times, Vm at edges, Vm downstream, Vm restored:", same)
    return 0 if all(same) else 1
