"""What a replaced cell cannot do: refused by name, or said once with a count."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import dataclass
from typing import Any

from ann_backend import _neuron
from ann_backend.channels import CLAMPS
from ann_backend.errors import ApproximationWarning, CellError, UnsupportedError
from ann_backend.nrn import h
from ann_backend.run.surrogate import Surrogate

_said: set[str] = set()


@dataclass(frozen=True)
class Approximation:
    """One kind of thing that a replaced cell keeps only approximately."""

    kind: str
    count: int
    text: str


def refuse_features() -> None:
    """Refuse what NEURON is set to that replaced cells cannot run under.

    Raises
    ------
    UnsupportedError
        Naming the feature and what to do instead.
    """
    on = _neuron.features()
    if on["nthread"] > 1:
        raise UnsupportedError(
            f"ParallelContext.nthread({on['nthread']}): replaced cells need nthread(1)"
            "; use MPI ranks for more cores"
        )
    if on["cvode"]:
        raise UnsupportedError(
            "CVode.active(1): replaced cells need the fixed step; use CVode().active(0)"
        )
    if on["multisplit"]:
        raise UnsupportedError(
            "ParallelContext.multisplit: replaced cells need whole cells; do not split"
        )
    coreneuron = sys.modules.get("neuron.coreneuron")
    if coreneuron is not None and coreneuron.enable:
        raise UnsupportedError(
            "coreneuron.enable = True: CoreNEURON runs a copy of the model without the "
            "surrogates; set coreneuron.enable = False"
        )


def refuse_celsius(cells: list[Any]) -> None:
    """Refuse a temperature that a bundle was not trained at."""
    for cell in cells:
        expected = cell.bundle.manifest.cell["celsius"]
        if abs(expected - h.celsius) > 1e-9:
            raise CellError(
                f"{cell.name}: bundle '{cell.bundle.manifest.name}' was trained at "
                f"celsius = {expected:g}, got {h.celsius:g}; set h.celsius = "
                f"{expected:g}"
            )


def refuse_changes(cells: list[Surrogate]) -> None:
    """Refuse a cell that is no longer the one its bundle was checked against."""
    for cell in cells:
        if cell.changed:
            raise CellError(
                f"{cell.name}: its geometry or parameters were changed after replace();"
                " change them before, or call replace(cell) again: it says what differs"
            )


def refuse_v_init(cells: list[Any]) -> None:
    """Refuse a start voltage that a bundle was not trained from."""
    voltage = _neuron.start_voltage()
    for cell in cells:
        expected = cell.bundle.manifest.cell["v_init_mV"]
        if not abs(voltage - expected) <= 1e-9:
            said = f"finitialize({voltage:g})"
            if math.isnan(voltage):
                said = "finitialize() without a voltage"
            raise CellError(
                f"{cell.name}: bundle '{cell.bundle.manifest.name}' starts from v_init "
                f"= {expected:g} mV, got {said}; use h.v_init = {expected:g} or "
                f"h.finitialize({expected:g})"
            )


def refuse_extracellular(cells: list[Any], counts: list[Any]) -> None:
    """Refuse the mechanism ``extracellular`` on a replaced cell."""
    for cell, count in zip(cells, counts, strict=True):
        if count.extracellular:
            raise UnsupportedError(
                f"{cell.name}: extracellular is inserted in {count.extracellular} of "
                "its sections; a surrogate has no extracellular potential: uninsert "
                "it, or keep this cell biophysical"
            )


def approximations(cells: list[Surrogate], counts: list[Any]) -> list[Approximation]:
    """What is only approximate on these cells, one entry a kind."""
    delays = sum(c.short_delays for c in counts)
    late = sum(c.lateness for c in counts) / delays if delays else 0.0
    imem = len(counts) if _neuron.features()["fast_imem"] else 0
    kinds = [
        Approximation(
            "delays",
            delays,
            f"{delays} NetCons from replaced cells have a delay below 1 ms: their "
            f"events are delivered {late:.3g} ms late on average; recorded spike times "
            "are exact",
        ),
        Approximation(
            "sources",
            n := sum(c.sources_off_soma for c in counts),
            f"{n} spike sources of replaced cells are not on the soma's voltage: they "
            "fire with the soma",
        ),
        Approximation(
            "thresholds",
            n := sum(c.thresholds for c in counts),
            f"{n} spike sources of replaced cells have another threshold than their "
            "bundle: spikes come at the bundle's threshold",
        ),
        Approximation(
            "counters",
            n := sum(c.counters_off for c in counts),
            f"{n} APCounts of replaced cells are off the soma or have another "
            "threshold than their bundle: they count the soma's spikes at the bundle's",
        ),
        Approximation(
            "recordings",
            n := sum(c.recordings_stale for c in counts),
            f"{n} recordings are of parked sections or point processes of replaced "
            "cells: they stay constant; only the soma's voltage is computed",
        ),
        _weights(cells, counts),
        Approximation(
            "i_membrane",
            imem,
            "use_fast_imem is on: i_membrane_ of "
            f"{imem} replaced cells is not computed: an LFP lacks them",
        ),
    ]
    return [k for k in kinds if k.count]


def _weights(cells: list[Surrogate], counts: list[Any]) -> Approximation:
    """The weights outside their range, and which is the first of them."""
    strange = [(c, k) for c, k in zip(cells, counts, strict=True) if k.outside_weights]
    if not strange:
        return Approximation("weights", 0, "")
    cell, first = strange[0]
    channel = cell.bundle.manifest.channels[first.outside_channel]
    low, high = channel.weight_uS
    n, one = sum(k.outside_weights for _, k in strange), f"{first.outside_uS:g} uS"
    return Approximation(
        f"weights, {one}",  # another one is said again
        n,
        f"{n} NetCons onto replaced cells have a weight outside the range that their "
        f"bundle was trained in, such as {one} on '{channel.name}' of {cell.name} "
        f"(trained: {low:g} to {high:g} uS): fidelity there is unknown",
    )


def loads(cells: list[Surrogate]) -> list[Approximation]:
    """Inputs of the present run that were outside the bundles' training ranges.

    Parameters
    ----------
    cells : list of Surrogate
        As they were prepared.

    Returns
    -------
    list of Approximation
        Rates that exceed the range by more than four standard deviations of a Poisson
        count, and weights that changed during the run.
    """
    seconds = _neuron.stepped() / 1000
    fast = outside = 0
    for cell, channel, events, strange in _neuron.loads():
        described = cells[cell].bundle.manifest.channels[channel]
        high = described.rate_Hz[1] * seconds
        if described.synapses[0].mechanism not in CLAMPS:  # theirs follow the step
            fast += events > high + 4 * math.sqrt(high) + 4
        outside += strange
    kinds = [
        Approximation(
            "rates",
            fast,
            f"{fast} channels of replaced cells received events at a higher rate than "
            "their bundle was trained at: fidelity there is unknown",
        ),
        Approximation(
            "event weights",
            outside,
            f"{outside} events onto replaced cells had a weight outside the range that "
            "their bundle was trained in: fidelity there is unknown",
        ),
    ]
    return [k for k in kinds if k.count]


def warn_once(found: list[Approximation]) -> None:
    """Warn of each kind the first time it is met."""
    for item in found:
        if item.kind not in _said:
            _said.add(item.kind)
            warnings.warn(item.text, ApproximationWarning, stacklevel=2)


def forget() -> None:
    """Let every kind be said again."""
    _said.clear()
