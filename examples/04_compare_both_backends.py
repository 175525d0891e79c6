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
    """One biological second of a ring of L5PC cells, each with its own input."""
    h.load_file("stdrun.hoc")
    ann_backend.load("L5PC")
    h.celsius, h.v_init = 34, -75
    cells = [ann_backend.replace(h.L5PC) for _ in range(CELLS)]
    keep = []
    for i, cell in enumerate(cells):
        before = cells[i - 1].soma
        for k, dendrite in enumerate(cell.dend):
            synapse = h.ann_AMPANMDA(dendrite(0.5))
            source = h.NetStim()
            source.start, source.interval, source.number, source.noise = 0, 50, 1e9, 1
            source.noiseFromRandom123(4, i, k)
            drive = h.NetCon(source, synapse)
            drive.delay, drive.weight[0] = 1, 0.002
            keep += [synapse, source, drive]
            if k % 7 == 0:  # the stem of each basal tree
                ring = h.NetCon(before(0.5)._ref_v, synapse, sec=before)
                ring.threshold, ring.delay, ring.weight[0] = 0, 2, 0.002
                keep.append(ring)
    h.finitialize(-75)
    h.continuerun(1000)


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
