"""Sizes of the network that are a choice, and the named ones.

Beside `model` in the training line. Imports no torch.
"""

from __future__ import annotations

import dataclasses

__all__ = ["SHAPES", "UNIT_MV", "Shape"]

UNIT_MV = 10.0  # of a tree's voltages, from v_init


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of the network that are a choice; the cell gives the others.

    Parameters
    ----------
    places : int
        Groups, in a branch, of the channels of one kind: with 2, where on the branch
        an event arrives makes a difference.
    taps : int
        Bins that the branch units see.
    tree : bool
        Whether the units are the conductances of a tree, and the LSTM sees the
        voltages of its branches in place of the units; it hears its own spikes.
    units : int
        Rectified units of a branch; of a tree, the cell gives their number.
    mix : int
        Linear combinations x of all units or voltages, of which the LSTM sees
        x / sqrt(1 + |x|); 0: the units or voltages themselves.
    hidden, layers : int
        Of the LSTM.
    head : int
    """

    places: int = 1
    taps: int = 1
    tree: bool = True
    units: int = 0
    mix: int = 48
    hidden: int = 64
    layers: int = 2
    head: int = 32


SHAPES = {
    "point": Shape(taps=2, tree=False, units=32, mix=0, layers=1),
    "S": Shape(mix=32, hidden=32, layers=1, head=24),
    "M": Shape(),
    "L": Shape(mix=96, hidden=128, head=64),
}
