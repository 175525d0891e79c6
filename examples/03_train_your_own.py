"""Train a surrogate of a cell of your own, here a deliberately tiny one.

A minute or so on a CPU. Three minutes of data and a few hundred steps are far too
few: the last lines say how far from the cell itself they lead. A surrogate worth
using takes hours of data; a shipped bundle's manifest says how it was made.
"""

import tempfile
from pathlib import Path

import ann_backend
from ann_backend.bundle import load
from ann_backend.train import CellDescription, ChannelDescription
from ann_backend.train.evidence import Amount
from ann_backend.train.fit import Fit
from ann_backend.train.shape import Shape

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
        held_out=16,
        options=Fit(
            shape=Shape(tree=False, units=16, mix=0, hidden=24, layers=1, head=16),
            epochs=8,
            batch=8,
            rate=1e-2,
        ),
        amount=Amount(
            trials=16, trial_s=5, long_trials=0, stock_trials=0, network_cells=0
        ),
        command="examples/03_train_your_own.py",
    )
    found = load(path).manifest.fidelity
    print(f"\n{path}: {path.stat().st_size / 1024:.0f} KiB")
    print(f"free running, {found['trials']} unseen trials, {found['spikes']} spikes:")
    print(f"{'':20}{'surrogate':>10}{'floor':>10}")
    for name in ("auc", "f1_1ms", "f1_2ms", "variance_explained", "rate_error"):
        cells = (found[name], found["floor"].get(name))
        text = [f"{'-' if x is None else format(x, '.3f'):>10}" for x in cells]
        print(f"{name:20}{''.join(text)}")
    low, high = found["confidence_95"]["f1_1ms"]
    print(f"95 % of the bootstrap's f1_1ms lie between {low:.2f} and {high:.2f}.")
    print(
        "floor: the cell against itself at half the time step. What is missing from it"
    )
    print("takes more data and more steps; do not use this bundle for anything.")


if __name__ == "__main__":
    main()
