"""What the network hears of its own spikes: events of one more channel, on an axon.

Beside `model` in the training line. A network that does not know when it fired last
cannot fire regularly. In training it hears the teacher's spikes or, of trials that it
has run freely, its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ann_backend.train.cable import Cable
from ann_backend.train.cell import CellDescription, ChannelDescription
from ann_backend.train.events import Events
from ann_backend.train.intrinsic import Intrinsic

__all__ = ["channels", "grown", "heard"]

DELAY_MS = 1.0  # of the engine's feedback: a spike is known when its bin is over
TAU_MS = (0.5, 150.0)  # of the traces, from an action potential to its longest wake
CAPACITANCE_PF, AXIAL_NS = 5.0, 500.0


def channels(cell: CellDescription) -> tuple[ChannelDescription, ...]:
    """The cell's channels, and last the one of its own spikes."""
    taus = np.geomspace(*TAU_MS, len(cell.channels[0].tau_ms))
    own = ChannelDescription(
        name="own spikes",
        location="axon",
        synapses=(),
        role="spikes",
        unit_uS=1.0,
        rate_Hz=0.0,
        tau_ms=tuple(taus.tolist()),
        branch=len(cell.branch_parents),
    )
    return *cell.channels, own


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


def heard(events: Events, spikes: Sequence[float], channel: int) -> Events:
    """Events of a trial with spikes among them, as the engine feeds them back."""
    t = np.concatenate([events.t, np.array(spikes) + DELAY_MS])
    order = np.argsort(t, kind="stable")
    own = np.full(len(spikes), channel, events.channel.dtype)
    return dataclasses.replace(
        events,
        t=t[order],
        channel=np.concatenate([events.channel, own])[order],
        weight=np.concatenate([events.weight, np.ones_like(own, np.float32)])[order],
    )
