"""NEURON, imported here and nowhere else in the package."""

from neuron import h
from neuron import nrn as types

__all__ = ["h", "types", "version"]


def version() -> str:
    """Version of the running NEURON, for example ``"9.0.2"``."""
    return str(h.nrnversion(5)).split("-")[0]
