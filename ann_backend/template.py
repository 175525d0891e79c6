"""The user's cell as ann_backend sees it: sections, soma, and a fingerprint."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from ann_backend.errors import CellError
from ann_backend.nrn import h, types

Section = Any  # neuron's own types carry no annotations


def soma(cell: Any) -> Section:
    """The soma of a cell: ``cell.soma``, a section or a list of one.

    Raises
    ------
    CellError
        If there is none.
    """
    found: Any = getattr(cell, "soma", None)
    if isinstance(found, types.Section):
        return found
    try:
        first = found[0]
    except (TypeError, IndexError):
        first = None
    if isinstance(first, types.Section):
        return first
    raise CellError(
        f"{cell}: expected an attribute 'soma' that is a section or a list of "
        f"sections, got {found!r}; make the soma public in the template, or name it so"
    )


def sections(cell: Any) -> list[Section]:
    """Every section of the tree that holds the cell's soma, root first."""
    return list(h.SectionRef(sec=soma(cell)).root.wholetree())


def short_name(section: Section) -> str:
    """Name of a section within its cell: ``"dend[3]"`` for ``"L5PC[0].dend[3]"``."""
    return str(section.name()).rsplit(".", 1)[-1]


def locate(cell: Any, location: str) -> tuple[Section, float]:
    """Section and position of a channel's location such as ``"soma(0.5)"``.

    Raises
    ------
    CellError
        If the cell has no such section, or the location is written otherwise.
    """
    name, _, position = location.removesuffix(")").partition("(")
    try:
        x = float(position)
    except ValueError:
        x = -1.0
    if not 0.0 <= x <= 1.0:
        raise CellError(
            f"{cell}: expected a location such as 'soma(0.5)' or 'dend[3](0.1)', a "
            f"section and a position from 0 to 1 on it, got '{location}'"
        )
    if name == "soma":
        return soma(cell), x
    for section in sections(cell):
        if short_name(section) == name:
            return section, x
    raise CellError(f"{cell}: expected a section '{name}' for a channel, got none")


def fingerprint(cell: Any, v_init: float, celsius: float) -> dict[str, Any]:
    """What a surrogate was trained on: geometry, mechanisms, parameters, start state.

    Parameters
    ----------
    cell : object
        Instance of a hoc template or of a Python class, with an attribute ``soma``.
    v_init : float
        Voltage at ``finitialize``, mV.
    celsius : float
        Temperature, degrees C.

    Returns
    -------
    dict
        JSON-ready; ``digest`` is a SHA-256 over the sections, to 9 significant digits.
        Per-segment values that are equal are given once, others in brief.
    """
    described = {
        name: _describe(s)
        for name, s in zip(_unique_names(cell), sections(cell), strict=True)
    }
    text = json.dumps(described, sort_keys=True)
    return {
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "v_init_mV": float(v_init),
        "celsius": float(celsius),
        "sections": {
            name: {key: _brief(value) for key, value in entry.items()}
            for name, entry in described.items()
        },
    }


def _unique_names(cell: Any) -> list[str]:
    """Short names; sections of one name are numbered in tree order."""
    seen: dict[str, int] = {}
    names = []
    for section in sections(cell):
        name = short_name(section)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What differs between two fingerprints, one line a difference."""
    lines: list[str] = []
    want, have = expected.get("sections", {}), found.get("sections", {})
    lines += [f"section {n}: missing" for n in sorted(want.keys() - have.keys())]
    extra = sorted(have.keys() - want.keys())
    lines += [f"section {n}: not in the bundle's cell" for n in extra]
    for name in sorted(want.keys() & have.keys()):
        for key in sorted(want[name].keys() | have[name].keys()):
            a, b = want[name].get(key), have[name].get(key)
            if a != b:
                lines.append(f"{name} {key}: expected {_say(a)}, got {_say(b)}")
    return lines


def _say(value: Any) -> str:
    return "none" if value is None else json.dumps(value)


def _digits(value: float) -> float:
    return float(f"{value:.9g}")


def _brief(values: Any) -> Any:
    """One value for equal ones; mean and a short hash for the rest."""
    if not isinstance(values, list):
        return values
    if len(set(values)) == 1:
        return values[0]
    sha = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:8]
    return {"mean": _digits(sum(values) / len(values)), "n": len(values), "sha": sha}


def _describe(section: Section) -> dict[str, Any]:
    parent = section.parentseg()
    segments = list(section)
    entry: dict[str, Any] = {
        "parent": f"{short_name(parent.sec)}({parent.x:g})" if parent else "",
        "nseg": section.nseg,
        "L (um)": _digits(section.L),
        "Ra (ohm cm)": _digits(section.Ra),
        "diam (um)": [_digits(s.diam) for s in segments],
        "cm (uF/cm2)": [_digits(s.cm) for s in segments],
    }
    if parent and section.orientation():
        entry["connected end"] = section.orientation()
    for mechanism in segments[0]:
        name = mechanism.name()
        parameters = _ion if name.endswith("_ion") else _parameters
        entry |= {f"mechanism {name}": [1.0], **parameters(name, segments)}
    return entry


def _parameters(mechanism: str, segments: list[Any]) -> dict[str, list[float]]:
    return {
        name: [_digits(getattr(s, name)) for s in segments]
        for name in parameter_names(mechanism)
    }


def _ion(ion: str, segments: list[Any]) -> dict[str, list[float]]:
    """Its reversal potential; NEURON's default where a run computes it."""
    name = f"e{ion.removesuffix('_ion')}"
    style = int(h.ion_style(ion, sec=segments[0].sec))
    # NEURON computes it from concentrations (32, 64), or a mechanism writes it (16)
    if style & (16 + 32 + 64):
        return {name: [_default(ion, name)] * len(segments)}
    return {name: [_digits(getattr(s, name)) for s in segments]}


@cache
def _default(ion: str, name: str) -> float:
    section = h.Section(name="of_one_ion")
    section.insert(ion)
    return _digits(getattr(section, name))


_known_parameters: dict[str, list[str]] = {}


def parameter_names(mechanism: str) -> list[str]:
    """Scalar PARAMETER variables of a mechanism, as ``name_mechanism``."""
    if mechanism not in _known_parameters:
        standard = h.MechanismStandard(mechanism, 1)
        name = h.ref("")
        _known_parameters[mechanism] = [
            str(name[0])
            for i in range(int(standard.count()))
            if int(standard.name(name, i)) == 1
        ]
    return _known_parameters[mechanism]
