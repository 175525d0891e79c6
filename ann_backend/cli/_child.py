"""One run of the user's script in this process, recorded for `compare`.

``python -m ann_backend.cli._child OUT.npz T_LAUNCH SCRIPT [args]``: attaches a spike
and a Vm recording to every cell that the script gives to `replace`, runs the script
as its own interpreter would, and stores what was recorded when the process ends.
"""

from __future__ import annotations

import atexit
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ann_backend.nrn import h
from ann_backend.run import swap

# Every step of a soma's Vm is kept (0.3 MB per cell and biological second), so a
# network of thousands of cells is compared by its spikes and a sample of its Vm.
VM_CELLS = 16
# NEURON's own default for the threshold of a NetCon that is the first on its source.
DEFAULT_THRESHOLD_MV = 10.0


class Probe:
    """Recordings of the replaced cells: the same ones on either backend."""

    def __init__(self) -> None:
        self.cells: list[Any] = []
        self.clip_mV = float("nan")
        self.threshold_mV = float("nan")
        self.detectors: list[Any] = []
        self.spikes: list[Any] = []
        self.vm: list[Any] = []
        self.t = h.Vector()

    def attach(self, cell: Any, manifest: Any) -> None:
        """Record the soma of `cell`; called by `replace` for each cell it takes."""
        if cell in self.cells:
            return
        self.cells.append(cell)
        self.clip_mV = manifest.readout.clip_mV
        self.threshold_mV = manifest.readout.threshold_mV
        soma = swap.soma(cell)
        detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
        # All NetCons of a source share one threshold: the user's own choice stays.
        if detector.threshold == DEFAULT_THRESHOLD_MV:
            detector.threshold = self.threshold_mV
        spikes = h.Vector()
        detector.record(spikes)
        self.detectors.append(detector)
        self.spikes.append(spikes)
        if len(self.vm) < VM_CELLS:
            if not self.vm:
                self.t.record(h._ref_t)
            self.vm.append(h.Vector().record(soma(0.5)._ref_v))

    def save(self, path: Path, clock: Clock) -> None:
        """Store spikes (ms), Vm (mV) and seconds of the last run as one npz file."""
        np.savez(
            path,
            names=np.array([str(cell) for cell in self.cells]),
            threshold_mV=self.threshold_mV,
            clip_mV=self.clip_mV,
            t=np.array(self.t),
            vm=np.array([np.array(v, dtype=np.float32) for v in self.vm]),
            spike_t=np.concatenate([np.array(s) for s in self.spikes] or [[]]),
            spike_count=np.array([len(s) for s in self.spikes], dtype=np.int64),
            biological_s=h.t / 1000,
            setup_s=clock.setup_s,
            run_s=clock.run_s(),
        )


class Clock:
    """Seconds of set-up (launch to the end of the first `finitialize`) and of a run."""

    def __init__(self, launched: float) -> None:
        self.launched = launched
        self.setup_s = float("nan")
        self.started = float("nan")
        self.handler = h.FInitializeHandler(2, self._start)

    def _start(self) -> None:
        self.started = time.monotonic()
        if np.isnan(self.setup_s):
            self.setup_s = self.started - self.launched

    def run_s(self) -> float:
        """Seconds from the last `finitialize` until now."""
        return time.monotonic() - self.started


def execute(script: Path, args: list[str]) -> None:
    """Run a Python or hoc script as ``python SCRIPT args`` or ``nrniv SCRIPT`` would."""
    sys.argv = [str(script), *args]
    if script.suffix == ".hoc":
        h.xopen(str(script))
        return
    sys.path[0] = str(script.parent)
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise


def main() -> None:
    """Read the command line, watch `replace`, run the script."""
    out, launched, script, *args = sys.argv[1:]
    probe, clock = Probe(), Clock(float(launched))
    swap.observers.append(probe.attach)
    # A script may end in quit(), which never comes back but does run atexit.
    atexit.register(probe.save, Path(out), clock)
    try:
        execute(Path(script), args)
    except BaseException:
        atexit.unregister(probe.save)
        raise


if __name__ == "__main__":
    main()
