"""Trials of L5PC that lie beside this file: the teacher's spikes and soma voltage.

`python tests/stored_trials.py` made `L5PC_trials.npz`: the 80 trials of the test
that the bundle's manifest states its fidelity on. Events are drawn again from the
seeds, and their hashes are checked. Sites and the waveform of spikes are left out.
"""

import dataclasses
from pathlib import Path

import numpy as np

from ann_backend.train import dataset
from ann_backend.train.cell import L5PC
from ann_backend.train.resolve import resolve
from ann_backend.train.shard import pack, unpack

FILE = Path(__file__).with_name("L5PC_trials.npz")
TRIALS, SECONDS, SEED = 80, 10, 1


def request():
    return dataset.Request(
        cell=resolve(L5PC),
        split="test",
        seed=SEED,
        trials=TRIALS,
        duration_ms=1000 * SECONDS,
    )


def read():
    """The trials, as a dataset has them."""
    asked = request()
    with np.load(FILE) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    seeds = [seed for shard in asked.shards for seed in asked.seeds(shard)]
    return unpack(asked.cell, seeds, {**found, "v": found["v"].astype(np.float32)})


def write(folder):
    """Take them from a folder of trials, simulating what it lacks."""
    trials = dataset.generate(request(), folder).trials
    bare = [
        dataclasses.replace(
            t,
            v=t.v.astype(np.float16),
            sites=np.empty((0, len(t.v)), np.float16),
            ap_sum=np.empty(0),
        )
        for t in trials
    ]
    np.savez_compressed(FILE, **dict(pack(bare)))


if __name__ == "__main__":
    write(Path("data/L5PC"))
