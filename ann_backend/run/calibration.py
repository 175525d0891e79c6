"""First use: find the fields of NEURON's own objects, and test the coupling once."""

from __future__ import annotations

from typing import Any

from ann_backend import _neuron
from ann_backend.errors import NeuronLayoutError
from ann_backend.nrn import h, version
from ann_backend.run import selftest

_anchor: Any = None
_calibrated = False


def ready() -> Any:
    """The hidden section that keeps NEURON's solver from being empty; calibrated.

    It stays, parked, for as long as the process: where it is NEURON's default section,
    recordings of t are tied to it.

    Raises
    ------
    NeuronLayoutError
        If this NEURON keeps its objects otherwise than any 9.x that was met.
    """
    global _anchor
    if not _calibrated:
        selftest.once()
    if _anchor is None or not _alive(_anchor):
        _anchor = h.Section(name="ann_anchor_")
    if not _calibrated:
        calibrate(_anchor)
    return _anchor


def anchor() -> Any:
    """That section, if the user has not deleted it; None before the first use."""
    return _anchor if _anchor is not None and _alive(_anchor) else None


def _alive(section: Any) -> bool:
    """False after the user's ``forall delete_section()``."""
    try:
        return bool(section.nseg)
    except ReferenceError:
        return False


def calibrate(section: Any) -> None:
    """Find the fields, with objects made on this section and removed again.

    Raises
    ------
    NeuronLayoutError
        If one is not found.
    """
    global _calibrated
    v = section(0.5)._ref_v
    spikes, ids = h.Vector(), h.Vector()
    target = h.IntFire1()
    switches = [h.NetCon(None, target) for _ in range(2)]
    switches[1].active(0)
    detector = h.NetCon(v, None, sec=section)
    detector.record(spikes, ids, _neuron.probe_record_id)
    _neuron.set_up_structure()
    times = h.Vector([0])
    probes = [h.Vector() for _ in range(3)]
    probes[0].record(v)
    probes[1].record(v, _neuron.probe_sample_dt)
    probes[2].record(v, times)
    section.push()
    try:
        found = _neuron.calibrate()
    finally:
        h.pop_section()
    for probe in probes:
        probe.play_remove()
    if not found:
        raise NeuronLayoutError(
            f"NEURON {version()}: expected the object layout of NEURON 9 (built with "
            f"{_neuron.built_with}), got another; build ann_backend against it: "
            "pip install --no-build-isolation --force-reinstall ann_backend"
        )
    _calibrated = True
