"""NEURON, imported here and nowhere else in the package."""

import os
import sys

# Where there is no display NEURON says so, on stderr, whenever it is imported.
if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")

from neuron import coreneuron, h
from neuron import nrn as types

__all__ = ["coreneuron", "h", "types", "version"]


def version() -> str:
    """Version of the running NEURON, for example ``"9.0.2"``."""
    return str(h.nrnversion(5)).split("-")[0]
