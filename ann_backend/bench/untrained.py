"""A bundle of the default size with random weights, for a cell that has none.

Beside `measure` in the benchmark's line: what a network costs does not depend on what
it has learned; what it is worth does, so its rows have no fidelity.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ann_backend import bundle as file
from ann_backend.bundle import Bundle, Channel, Manifest, Readout, Sizes, Synapse
from ann_backend.manifest import Training

if TYPE_CHECKING:
    from ann_backend.train.cell import CellDescription

__all__ = ["untrained"]

SIZE = "M"
AP_MS, AP_DT_MS = 2.0, 0.025


def untrained(cell: CellDescription, seed: int) -> Bundle:
    """Make a network with random weights; it says so in its name.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    seed : int
    """
    import torch

    from ann_backend.train.cable import cable
    from ann_backend.train.export import sizes
    from ann_backend.train.model import Network
    from ann_backend.train.shape import SHAPES
    from ann_backend.train.tensors import tensors

    torch.manual_seed(seed)
    network = Network(cell, SHAPES[SIZE], cable(cell))
    wave = np.linspace(0.0, np.pi, round(AP_MS / AP_DT_MS))
    ap = cell.clip_mV + 80.0 * np.sin(wave)
    weights = {**tensors(network), "ap": ap.astype(np.float32)}
    checked = Sizes.model_validate(sizes(network))
    manifest = _manifest(cell, checked, seed, torch.__version__)
    with tempfile.TemporaryDirectory() as folder:
        path = file.save(Path(folder) / "untrained.safetensors", manifest, weights)
        return file.load(path)


def _manifest(
    cell: CellDescription, sizes: Sizes, seed: int, torch_version: str
) -> Manifest:
    from ann_backend.train.stock import fingerprint

    none = "none: random weights"
    return Manifest(
        name=f"{cell.name}, untrained",
        channels=[
            Channel(
                name=c.name,
                location=c.location,
                synapses=[Synapse(mechanism=m, parameters=p) for m, p in c.synapses],
                weight_uS=c.weight_uS,
                rate_Hz=(0.0, c.rate_Hz),
            )
            for c in cell.channels
        ],
        sizes=sizes,
        readout=Readout(
            threshold_mV=cell.threshold_mV,
            hazard_threshold=0.5,
            memory_ms=3.0,
            refractory_ms=2.0,
            clip_mV=cell.clip_mV,
            v_offset_mV=cell.v_init_mV,
            v_scale_mV=5.0,
            ap_start_ms=-AP_MS / 2,
            ap_dt_ms=AP_DT_MS,
        ),
        cell=fingerprint(cell),  # it may replace that cell
        training=Training(
            command=none,
            seeds={"weights": seed},
            sampler=none,
            ranges={},
            data_hours=0.0,
            training_hours=0.0,
            hardware=none,
            neuron_version=none,
            torch_version=torch_version,
        ),
        fidelity={},
        licence="none",
    )
