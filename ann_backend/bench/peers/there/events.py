"""The peers' input: Poisson events, spread evenly over 1,278 synapses.

As many as the benchmark's `drive` gives a cell, drawn before the clock starts; 1,278 is
the number of synapses of NeuronIO (Beniaguev et al. 2021), for which both Branch-ELM
and AxoSim are published.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

INPUTS = 1278


class Events(NamedTuple):
    """Events of some rows.

    Attributes
    ----------
    bins : int
        Of 1 ms.
    each : list of (array, array)
        Rows and synapses of each bin's events.
    """

    bins: int
    each: list[tuple[NDArray[Any], NDArray[Any]]]

    @classmethod
    def drawn(
        cls, rows: int, start: int, bins: int, per_ms: float, seed: int
    ) -> Events:
        """Draw the events of ``bins`` ms from ``start``; ``per_ms`` of each row."""
        rng = np.random.default_rng([seed, rows, start])
        counts = rng.poisson(per_ms * rows, bins).tolist()
        each = [
            (rng.integers(rows, size=n), rng.integers(INPUTS, size=n)) for n in counts
        ]
        return cls(bins, each)
