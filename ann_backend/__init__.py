"""Trained networks in place of detailed cells in a running NEURON script.

Read in this order: `run.swap` and `run.population` (the verbs), `run.prepare` (what a
finitialize does), ``csrc/neuron/`` (the coupling), ``csrc/README.md`` (one step of the
engine), `train`.
"""

from ann_backend.bundle import Bundle
from ann_backend.errors import (
    AnnBackendError,
    ApproximationWarning,
    BundleError,
    CellError,
    NeuronLayoutError,
    StateError,
    UnsupportedError,
)
from ann_backend.run.catalogue import register
from ann_backend.run.population import Population, population
from ann_backend.run.report import report
from ann_backend.run.shipped import load
from ann_backend.run.state import load_state, save_state
from ann_backend.run.swap import replace, restore, use
from ann_backend.run.wiring import connect

__all__ = [
    "AnnBackendError",
    "ApproximationWarning",
    "Bundle",
    "BundleError",
    "CellError",
    "NeuronLayoutError",
    "Population",
    "StateError",
    "UnsupportedError",
    "connect",
    "load",
    "load_state",
    "population",
    "register",
    "replace",
    "report",
    "restore",
    "save_state",
    "train",
    "use",
]


def __getattr__(name: str) -> object:
    """Import the training line, and with it torch, when it is first asked for."""
    if name == "train":
        from ann_backend.train import train

        return train
    raise AttributeError(f"module 'ann_backend' has no attribute '{name}'")
