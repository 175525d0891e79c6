"""One replaced cell: which bundle runs it, and whether the user still has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ann_backend import _neuron, channels
from ann_backend.bundle import Bundle
from ann_backend.nrn import h
from ann_backend.template import soma


def address(section: Any) -> int:
    """Where NEURON keeps this section; two handles on one section agree."""
    section.push()
    try:
        return int(_neuron.accessed_section())
    finally:
        h.pop_section()


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A replaced cell. Holds no reference to it: the user may delete it.

    Attributes
    ----------
    name : str
        The cell's own name.
    bundle : Bundle
        What runs it.
    soma : int
        Address of its soma, for `restore`.
    root : h.SectionRef
        Where its tree begins.
    handle : _neuron.CellHandle
        The cell's sections; ``alive`` until the user deletes them.
    """

    name: str
    bundle: Bundle
    soma: int
    root: Any
    handle: Any

    @property
    def changed(self) -> bool:
        """Whether geometry or parameters are no longer those of `replace`."""
        return bool(self.handle.changed or self.root.has_parent())


def surrogate(cell: Any, bundle: Bundle) -> Surrogate:
    """Describe `cell`, to be run by `bundle`."""
    body = soma(cell)
    root = h.SectionRef(sec=h.SectionRef(sec=body).root)
    places = [(address(s), x) for s, x in channels.places(cell, bundle.manifest)]
    handle = _neuron.CellHandle(
        root=address(root.sec), soma=address(body), locations=places
    )
    return Surrogate(str(cell), bundle, address(body), root, handle)
