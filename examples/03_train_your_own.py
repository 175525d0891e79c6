"""Train a surrogate of a cell of your own, here a deliberately tiny one.

About a minute on a CPU. Three minutes of data and a few hundred steps are far too
few: the last lines say how far. A surrogate worth using takes hours of data; the
manifest of a bundle that ships tells how it was made.
"""

import tempfile
from pathlib import Path

import ann_backend
from ann_backend.bundle import load
from ann_backend.train import CellDescription, ChannelDescription
from ann_backend.train.fit import Fit
from ann_backend.train.model import Shape

HOC = """
begintemplate Pebble
public soma
create soma
proc init() {
    soma { L = 20  diam = 20  insert hh }
}
endtemplate Pebble
"""

EXCITATION = ChannelDescription(
    name="excitation",
    location="soma(0.5)",
    synapses=(("ExpSyn", {"tau": 2.0, "e": 0.0}),),
    role="excitatory",
    unit_uS=0.002,  # a typical weight; training draws from 0.1 to 4 times this
    rate_Hz=100.0,  # events of that weight at a drive of 1
    tau_ms=(0.3, 1.0, 2.0, 8.0),  # what the network sees of an event
)
INHIBITION = ChannelDescription(
    name="inhibition",
    location="soma(0.5)",
    synapses=(("Exp2Syn", {"tau1": 0.5, "tau2": 5.0, "e": -75.0}),),
    role="inhibitory",
    unit_uS=0.002,
    rate_Hz=60.0,
    tau_ms=(0.5, 1.5, 5.0, 15.0),
)


def main():
    """Train, then read what the bundle says about itself."""
    folder = Path(tempfile.mkdtemp(prefix="ann_backend-"))
    (folder / "pebble.hoc").write_text(HOC)
    cell = CellDescription(
        name="Pebble",
        template="Pebble",
        hoc_file=folder / "pebble.hoc",
        channels=(EXCITATION, INHIBITION),
    )
    path = ann_backend.train(
        cell,
        out=folder / "Pebble.safetensors",
        folder=folder / "trials",
        hours=180 / 3600,
        trial_s=5,
        held_out=6,
        options=Fit(
            shape=Shape(filters=16, hidden=24, head=16), epochs=8, batch=8, rate=1e-2
        ),
        command="examples/03_train_your_own.py",
    )
    manifest = load(path).manifest
    print(f"\n{path}: {path.stat().st_size / 1024:.0f} KiB")
    print(f"{'free running, unseen trials':32}{'surrogate':>10}{'floor':>8}{'HH':>8}")
    ours, limit = manifest.fidelity, manifest.fidelity["floor"]
    shipped = load(Path(ann_backend.__file__).parent / "bundles/HH.safetensors")
    for name in ("auc", "f1_1ms", "f1_2ms", "variance_explained"):
        columns = (ours, limit, shipped.manifest.fidelity)
        cells = [c.get(name) for c in columns]
        text = [f"{'-' if x is None else format(x, '.3f'):>8}" for x in cells]
        print(f"{name:34}{''.join(text)}")
    print("floor: the cell against itself at half the time step. Too few data, too few")
    print(
        "steps: use such a bundle for nothing. HH is what the shipped bundle reaches."
    )


if __name__ == "__main__":
    main()
