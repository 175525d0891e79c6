"""What the network's tree of conductances begins with: the cell's own cable.

Beside `model` in the training line. Capacitance and axial conductance of each branch
are measured on the cell, its intrinsic conductances fitted to what it does under a
space clamp, kinetics and reversal potentials are those of its synapses; training
changes all of them. Letters as in `model`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend.train import build
from ann_backend.train.cell import HEARD, CellDescription, ChannelDescription
from ann_backend.train.groups import Groups
from ann_backend.train.intrinsic import ALWAYS, Intrinsic, intrinsic
from ann_backend.train.measure import measure
from ann_backend.train.shape import UNIT_MV

__all__ = ["Cable", "Units", "cable", "units"]

REVERSAL_MV = {"excitatory": 0.0, "slow": 0.0, "inhibitory": -80.0}
SPIKE = ((50.0, 0, 400.0), (-90.0, 1, 20.0), (-90.0, 3, 0.5))  # mV, kernel, nS
FAR_MV = 1000.0  # a conductance with its reversal potential so far is a current
NMDA = (0.062, -20.5)  # Jahr & Stevens 1990, 1 mM Mg: slope, 1/mV, and half, mV


class Cable(NamedTuple):
    """Properties of each branch, shape (N,).

    Attributes
    ----------
    capacitance_pF : array of float64
    axial_nS : array of float64
        From the branch's middle to its parent's; 0 for branch 0.
    parents : tuple of int
    sites : tuple of int
        Branches of the cell's sites.
    intrinsic : Intrinsic
    """

    capacitance_pF: NDArray[np.float64]
    axial_nS: NDArray[np.float64]
    parents: tuple[int, ...]
    sites: tuple[int, ...]
    intrinsic: Intrinsic


class Units(NamedTuple):
    """Conductances of the branches, U of each; the last ones are intrinsic.

    Attributes
    ----------
    weight : array of float32, shape (N, R * K, U)
        nS for a trace of 1.
    intrinsic : array of float32, shape (N, intrinsic ones)
        nS.
    gate : array of float32, shape (5, N, U)
        Slope and bias of the gate, its rate; slope and bias of the activation.
    reversal : array of float32, shape (N, U)
        In units of `UNIT_MV`.
    """

    weight: NDArray[np.float32]
    intrinsic: NDArray[np.float32]
    gate: NDArray[np.float32]
    reversal: NDArray[np.float32]


def cable(cell: CellDescription) -> Cable:
    """Measure a resolved cell, in a process of its own, and fit its conductances."""
    found = build.apart(measure, cell)
    fitted = intrinsic(found.currents, found.leak_nS, cell.v_init_mV)
    parents, sites = cell.branch_parents, found.sites
    return Cable(found.capacitance_pF, found.axial_nS, parents, sites, fitted)


def units(
    cell: CellDescription,
    channels: Sequence[ChannelDescription],
    groups: Groups,
    found: Intrinsic,
) -> Units:
    """Conductances to begin with: those of the synapses, and the intrinsic ones.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    channels : sequence of ChannelDescription
        Its own, and those of its spikes.
    groups : Groups
        Of these channels.
    found : Intrinsic
    """
    count, kernels = groups.tau.shape
    per_branch = count // groups.branches
    first = {g: c for c, of in zip(channels, groups.of, strict=True) for g in of}
    synapses: list[list[tuple[int, NDArray[np.float32], float, bool]]] = [
        [] for _ in range(groups.branches)
    ]
    for g, channel in sorted(first.items()):
        branch, slot = divmod(int(g), per_branch)
        synapses[branch] += [(slot, *one) for one in _conductances(channel)]
    most = max(len(some) for some in synapses)
    shape = groups.branches, most + found.nS.shape[1]
    weight = np.zeros((shape[0], per_branch * kernels, shape[1]), np.float32)
    gate = np.zeros((5, *shape), np.float32)
    gate[2], gate[4] = 0.5, ALWAYS
    reversal = np.zeros(shape, np.float32)

    def voltage(mV: Any) -> Any:
        return (mV - cell.v_init_mV) / UNIT_MV

    def sigmoid(slope: Any, half: Any) -> tuple[Any, Any]:
        return slope * UNIT_MV, -slope * UNIT_MV * voltage(half)

    for n, some in enumerate(synapses):
        for k, (slot, course, mV, blocked) in enumerate(some):
            # a gate that does nothing stands half open
            weight[n, slot * kernels : (slot + 1) * kernels, k] = course
            reversal[n, k] = voltage(mV)
            if blocked:
                gate[:3, n, k] = *sigmoid(*NMDA), 0.9
    gate[:2, :, most:] = sigmoid(found.slope, found.half)
    gate[2, :, most:] = -np.expm1(-1.0 / found.tau)
    slope_m, bias_m = sigmoid(found.slope_m, found.half_m)
    gate[3, :, most:] = slope_m
    gate[4, :, most:] = np.where(found.slope_m == 0.0, ALWAYS, bias_m)
    reversal[:, most:] = voltage(found.reversal)
    return Units(weight, found.nS, gate, reversal)


def _conductances(
    c: ChannelDescription,
) -> Iterator[tuple[NDArray[np.float32], float, bool]]:
    """Of a channel: weights of its kernels, reversal potential in mV, Mg block."""
    if c.role == HEARD:  # the action potential, and what follows it
        for mV, k, nS in SPIKE if c.location == "axon" else ():
            course = np.zeros(len(c.tau_ms), np.float32)
            course[min(k, len(course) - 1)] = c.unit_uS * nS
            yield 2 * course, mV, False
        return
    mechanism, parameters = c.synapses[0]
    if c.role == "current":
        # events of one charge in each bin, at its middle, add up to the current
        k = min(1, len(c.tau_ms) - 1)
        bins = 1.0 / c.tau_ms[k]
        inward = np.zeros(len(c.tau_ms), np.float32)
        inward[k] = (
            2e3 * c.unit_uS / FAR_MV * (np.exp(0.5 * bins) - np.exp(-0.5 * bins))
        )
        yield inward, FAR_MV, False
        yield -inward, -FAR_MV, False
        return
    taus = sorted(v for name, v in parameters.items() if name.startswith("tau"))
    given = [v for name, v in parameters.items() if name[0] in "eE"]
    mV = given[0] if given else REVERSAL_MV[c.role]
    unit_nS, rises = 1e3 * c.unit_uS, len(taus) > 1
    blocked = "NMDA" in mechanism
    # with both receptors' time constants, the slower ones are NMDA's
    if blocked and len(taus) > 2:
        yield 2 * unit_nS * _course(c, taus[-2], rises), mV, False
        unit_nS *= parameters.get("ratio", 1.0)
    scale = 1 if blocked else 2
    decay = taus[-1] if taus else c.tau_ms[-1]
    yield scale * unit_nS * _course(c, decay, rises), mV, blocked


def _course(c: ChannelDescription, decay: float, rises: bool) -> NDArray[np.float32]:
    """Weights of the kernels, (K,), whose sum falls with `decay` from a peak of 1."""
    weights = np.zeros(len(c.tau_ms), np.float32)
    nearest = int(np.abs(np.log(np.array(c.tau_ms) / decay)).argmin())
    weights[nearest] = 1.0
    if nearest and rises:
        rise, fall = c.tau_ms[0], c.tau_ms[nearest]
        peak = rise * fall / (fall - rise) * np.log(fall / rise)  # ms
        weights[0] = -1.0
        weights /= np.exp(-peak / fall) - np.exp(-peak / rise)
    return weights
