"""What the network hears of its own spikes: events in an axon and in every branch.

Beside `model` in the training line. A network that does not know when it fired last
cannot fire regularly, and what its dendrites do next begins with the action potential
that runs back into them. Whose spikes it hears in training, `listen` says. A bundle has
all of it as one channel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cable import Cable
from ann_backend.train.cell import CellDescription, ChannelDescription
from ann_backend.train.events import Events
from ann_backend.train.intrinsic import Intrinsic

__all__ = ["channels", "grown", "heard", "told"]

DELAY_MS = 1.0  # of the engine's feedback: a spike is known when its bin is over
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
            role="spikes",
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
    """Events of a trial and spikes, as the network in training hears them."""
    first, count = len(cell.channels), len(cell.branch_parents)
    return _among(events, spikes, np.arange(first, first + count))


def told(cell: CellDescription, events: Events, spikes: Sequence[float]) -> Events:
    """The same for a bundle, where they are one channel behind the cell's own."""
    return _among(events, spikes, np.array([len(cell.channels)]))


def _among(events: Events, spikes: Sequence[float], own: NDArray[np.int64]) -> Events:
    """Spikes in some channels, as the engine feeds them back."""
    t = np.concatenate([events.t, np.repeat(np.array(spikes) + DELAY_MS, len(own))])
    order = np.argsort(t, kind="stable")
    which = np.tile(own.astype(events.channel.dtype), len(spikes))
    ones = np.ones(len(which), np.float32)
    return dataclasses.replace(
        events,
        t=t[order],
        channel=np.concatenate([events.channel, which])[order],
        weight=np.concatenate([events.weight, ones])[order],
    )
