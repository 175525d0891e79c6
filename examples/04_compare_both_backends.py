"""One script, both backends: compares itself, and reads the result from the JSON.

For a script of your own: python -m ann_backend compare SCRIPT [args] --json OUT
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from neuron import h

import ann_backend

CELLS = 5


def ring():
    """Two biological seconds of a ring of HH cells, each with its own input."""
    h.load_file("stdrun.hoc")
    ann_backend.load("HH")
    cells = [ann_backend.replace(h.HH) for _ in range(CELLS)]
    keep = []
    for i, cell in enumerate(cells):
        synapse = h.ann_AMPA(cell.soma(0.5))
        source = h.NetStim()
        source.start, source.interval, source.number, source.noise = 0, 6, 1e9, 1
        source.noiseFromRandom123(4, i, 0)
        before = cells[i - 1].soma
        ring = h.NetCon(before(0.5)._ref_v, synapse, sec=before)
        ring.threshold, ring.delay, ring.weight[0] = 0, 2, 0.001
        drive = h.NetCon(source, synapse)
        drive.delay, drive.weight[0] = 1, 0.0015
        keep += [synapse, source, ring, drive]
    h.finitialize(-65)
    h.continuerun(2000)


def compare():
    """Run `ring` once with NEURON and once replaced, each in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "ann_backend", "compare"]
        command += ["--json", str(out), "--figure", str(Path(folder) / "out.png")]
        subprocess.run([*command, __file__, "ring"], check=True)
        result = json.loads(out.read_text())
    for cell in result["cells"]:
        f1 = cell["f1_2ms"]
        print(f"{cell['cell']}: {cell['spikes_neuron']} spikes, F1 at 2 ms {f1:.3f}")


if sys.argv[1:] == ["ring"]:
    ring()
else:
    compare()
