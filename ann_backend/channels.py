"""Which synapse of a cell is which input channel of the bundle, and why one is not."""

from __future__ import annotations

from typing import Any

from ann_backend.errors import AnnBackendError, CellError, UnsupportedError
from ann_backend.manifest import Manifest
from ann_backend.nrn import h
from ann_backend.template import locate

CLAMPS = {"IClamp", "SEClamp", "VClamp"}

# mechanism, {parameter: value}, index of the location, channel
Rule = tuple[str, dict[str, float], int, int]


def locations(manifest: Manifest) -> list[str]:
    """Distinct locations of the channels, in order."""
    return list(dict.fromkeys(c.location for c in manifest.channels))


def places(cell: Any, manifest: Manifest) -> list[tuple[Any, float]]:
    """Section and position of each of `locations` on this cell."""
    return [locate(cell, location) for location in locations(manifest)]


def rules(manifest: Manifest) -> list[Rule]:
    """Every mechanism that a channel accepts, with its kinetics and location."""
    order = locations(manifest)
    return [
        (s.mechanism, dict(s.parameters), order.index(channel.location), index)
        for index, channel in enumerate(manifest.channels)
        for s in channel.synapses
    ]


def refusal(stranger: Any, manifest: Manifest) -> AnnBackendError:
    """The error for a point process on a replaced cell that no channel takes.

    Parameters
    ----------
    stranger : _neuron.Stranger
        The point process.
    manifest : Manifest
        Of the bundle that replaces its cell.
    """
    what = f"{stranger.object} on {stranger.section}"
    declared = [s for c in manifest.channels for s in c.synapses]
    same = [s for s in declared if s.mechanism == stranger.mechanism]
    if stranger.mechanism in CLAMPS and not same:
        return UnsupportedError(
            f"{what}: a current or voltage clamp is no input of bundle "
            f"'{manifest.name}'; remove it, or keep this cell biophysical"
        )
    if _is_gap(stranger.mechanism):
        return UnsupportedError(
            f"{what}: gap junctions need the membrane of the cell itself; keep it "
            "biophysical"
        )
    if not same:
        names = ", ".join(sorted({s.mechanism for s in declared}))
        return CellError(
            f"{what}: bundle '{manifest.name}' takes {names}, and no "
            f"{stranger.mechanism}; use one of these, or train a bundle with it"
        )
    return _wrong_kinetics(stranger, same, manifest, what)


def _wrong_kinetics(
    stranger: Any, accepted: list[Any], manifest: Manifest, what: str
) -> CellError:
    point = _object(stranger.mechanism, stranger.object)
    problems = [
        f"{name} = {getattr(point, name):g} (expected {value:g})"
        for name, value in accepted[0].parameters.items()
        if abs(getattr(point, name) - value) > 1e-6 * max(abs(value), 1e-3)
    ]
    if problems:
        return CellError(
            f"{what}: {', '.join(problems)} in bundle '{manifest.name}'; kinetics that "
            "it was not trained with are refused: set these, or train a bundle"
        )
    return CellError(
        f"{what}: bundle '{manifest.name}' has channels for {stranger.mechanism} at "
        f"{_some_places(stranger.mechanism, manifest)} only; move it, or train a "
        "bundle with a channel there"
    )


def _some_places(mechanism: str, manifest: Manifest, few: int = 5) -> str:
    at = [
        c.location
        for c in manifest.channels
        if any(s.mechanism == mechanism for s in c.synapses)
    ]
    more = f" and {len(at) - few} more places" if len(at) > few else ""
    return ", ".join(at[:few]) + more


def _object(mechanism: str, name: str) -> Any:
    return next(o for o in h.List(mechanism) if o.hname() == name)


def _is_gap(mechanism: str) -> bool:
    standard, name = h.MechanismStandard(mechanism, 0), h.ref("")
    names = []
    for i in range(int(standard.count())):
        standard.name(name, i)
        names.append(str(name[0]).lower())
    return "gap" in mechanism.lower() or "vgap" in names
