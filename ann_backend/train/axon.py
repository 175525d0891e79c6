"""What the network hears of its own spikes: events in an axon and in every branch.

Beside `model` in the training line. A network that does not know when it fired last
cannot fire regularly, and what its dendrites do next begins with the action potential
that runs back into them. Whose spikes it hears in training, `listen` says. A bundle has
all of it as one channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ann_backend.train.cable import Cable
from ann_backend.train.cell import HEARD, CellDescription, ChannelDescription
from ann_backend.train.events import Events
from ann_backend.train.intrinsic import Intrinsic

__all__ = ["channels", "grown", "heard"]

TAU_MS = (0.5, 150.0)  # of the traces, from an action potential to its longest wake
UNIT_US = 0.1  # a spike's traces are 10: a weight of 1 in them is 10 nS
CAPACITANCE_PF, AXIAL_NS = 5.0, 500.0


def channels(cell: CellDescription) -> tuple[ChannelDescription, ...]:
    """The cell's channels, then one of its own spikes in each branch but the soma."""
    taus = np.geomspace(*TAU_MS, len(cell.channels[0].tau_ms))
    axon = len(cell.branch_parents)
    own = [
        ChannelDescription(
            name="own spikes",
            location="axon" if branch == axon else "dendrite",
            synapses=(),
            role=HEARD,
            unit_uS=UNIT_US,
            rate_Hz=0.0,
            tau_ms=tuple(taus.tolist()),
            branch=branch,
        )
        for branch in range(1, axon + 1)
    ]
    return *cell.channels, *own


def grown(cable: Cable) -> Cable:
    """The cable with an axon at its root: a place to begin from, small and near."""
    found = Intrinsic(*(np.append(x, x[:1], 0) for x in cable.intrinsic))
    share = CAPACITANCE_PF / cable.capacitance_pF[0]
    for x in (found.nS, found.leak_nS, found.constant_pA):
        x[-1] *= share
    return Cable(
        np.append(cable.capacitance_pF, CAPACITANCE_PF),
        np.append(cable.axial_nS, AXIAL_NS),
        (*cable.parents, 0),
        cable.sites,
        found,
    )


def heard(cell: CellDescription, events: Events, spikes: Sequence[float]) -> Events:
    """Events of a trial with spikes among them, as the engine feeds them back."""
    first, count = len(cell.channels), len(cell.branch_parents)
    return events.with_spikes(spikes, np.arange(first, first + count))
