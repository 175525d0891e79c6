"""Intrinsic conductances that draw the currents of a cell under a space clamp.

Beside `cable` in the training line, which asks for them. Each branch gets a few,
whatever the channels of the cell are: what the network's tree begins with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ann_backend.train.clamp import BACK_MS, BACK_MV, HELD_MS, HELD_MV, Currents

__all__ = ["ALWAYS", "Intrinsic", "intrinsic"]

# Places to begin from. The gate's slope, 1/mV, half, mV, and time constant, ms; the
# activation's slope and half (slope 0: there is none); reversal potential, mV. Ih after
# Kole et al. 2006; M after Adams et al. 1982; a calcium current that inactivates and a
# delayed rectifier, after Hay et al. 2011.
KINDS = (
    (-0.103, -108.0, 45.0, 0.0, 0.0, -45.0),
    (0.1, -33.0, 60.0, 0.0, 0.0, -90.0),
    (-0.15, -55.0, 20.0, 0.15, -32.0, 120.0),
    (0.12, -25.0, 2.0, 0.0, 0.0, -90.0),
)
BEGIN = (1.0, 1.0, 0.1, 1.0)  # of the leak
ALWAYS = 30.0  # bias of an activation that is always there
STEPS = 2000
RATES = {"slope": 3e-3, "half": 0.03, "log": 0.03, "constant": 0.3}
EARLY = {2.0: 0.1, 4.0: 0.5}  # weights: a bin of 1 ms cannot follow spikes
SPIKING, SPIKING_MV = 0.02, 4000.0  # weight of currents beyond so much of the leak
# of the inward conductance where there are spikes: their sodium is the axon's, and all
# of it would lock up here; the rest lets the soma stay up for a plateau
SHARE = 0.1
TAU_MS = (0.2, 2000.0)  # what a bin of 1 ms can follow, and what 300 ms tell


class Intrinsic(NamedTuple):
    """Conductances of N branches, K of each; potentials in mV, times in ms.

    Attributes
    ----------
    slope, half, tau : array of float32, shape (N, K)
        Of the gates.
    slope_m, half_m : array of float32, shape (N, K)
        Of the activation; a slope of 0 means that there is none.
    reversal : array of float32, shape (N, K)
        Potential at which a conductance draws nothing.
    nS : array of float32, shape (N, K)
        Each conductance, all open.
    leak_nS : array of float32, shape (N,)
    constant_pA : array of float32, shape (N,)
        What flows out at the cell's ``v_init`` through the leak.
    """

    slope: NDArray[np.float32]
    half: NDArray[np.float32]
    tau: NDArray[np.float32]
    slope_m: NDArray[np.float32]
    half_m: NDArray[np.float32]
    reversal: NDArray[np.float32]
    nS: NDArray[np.float32]
    leak_nS: NDArray[np.float32]
    constant_pA: NDArray[np.float32]


def intrinsic(
    found: Currents, leak_nS: NDArray[np.float64], v_init_mV: float
) -> Intrinsic:
    """Fit each branch's currents.

    Parameters
    ----------
    found : Currents
    leak_nS : array, shape (N,)
        To begin with.
    v_init_mV : float

    Returns
    -------
    Intrinsic
    """
    held, back = (torch.from_numpy(x).float() for x in found)
    model = _Model(held, torch.from_numpy(leak_nS).float(), v_init_mV)
    weights = _weights(held, HELD_MS, model.leak), _weights(back, BACK_MS, model.leak)
    optimiser = torch.optim.Adam(model.groups())
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = torch.zeros(())
        for drawn, wanted, weight in zip(
            model.currents(), (held, back), weights, strict=True
        ):
            scale = 1.5 * model.leak + 0.15 * wanted.abs()
            error = functional.huber_loss(
                drawn / scale, wanted / scale, reduction="none", delta=30.0
            )
            loss = loss + (error * weight).sum() / weight.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cosine.step()
    return model.result()


def _weights(
    wanted: torch.Tensor, times: tuple[float, ...], leak: torch.Tensor
) -> torch.Tensor:
    """Of the currents, shape (V, T, N)."""
    early = torch.tensor([EARLY.get(t, 1.0) for t in times])
    spikes = wanted.abs().amax(1, keepdim=True) > SPIKING_MV * leak
    return early[:, None] * torch.where(spikes, SPIKING, 1.0)


class _Model:
    """Currents that first-order gates, instant activations and a leak draw."""

    def __init__(
        self, held: torch.Tensor, leak: torch.Tensor, v_init_mV: float
    ) -> None:
        branches, self.leak, self.v_init = len(leak), leak, v_init_mV
        kinds = torch.tensor(KINDS).repeat(branches, 1, 1)  # (N, K, 6)
        slope, half, tau, slope_m, half_m, self.reversal = kinds.unbind(2)
        # an inward current as large as the largest of the three highest voltages
        # after 8 ms, 95 mV or so from its reversal
        inward = (-held[-3:, 2].amin(0)).clamp_min(0.0) / 95.0
        self.spikes = held.abs().amax((0, 1)) > SPIKING_MV * leak
        begin = leak[:, None] * torch.tensor(BEGIN)
        begin[:, 2] = torch.maximum(begin[:, 2], inward)
        self.instant = slope_m != 0.0
        self.p = {
            "slope": [slope.clone(), slope_m.clone()],
            "half": [half / 10.0, half_m / 10.0],
            "log": [tau.log(), begin.log(), leak.log()],
            "constant": [torch.zeros(branches)],
        }
        for some in self.p.values():
            for x in some:
                x.requires_grad_()

    def groups(self) -> list[dict[str, object]]:
        return [{"params": some, "lr": RATES[name]} for name, some in self.p.items()]

    def currents(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Held, then back, shapes (V, T, N) and (V, T', N)."""
        begin = torch.full((1, 1, 1), self.v_init)
        v = torch.tensor(HELD_MV)[:, None, None]
        gate = self._relax(self._open(begin), v, HELD_MS)
        held = self._draw(gate, v)
        back_v = torch.full((1, 1, 1), BACK_MV)
        return held, self._draw(self._relax(gate[:, -1], back_v, BACK_MS), back_v)

    def _open(self, v: torch.Tensor) -> torch.Tensor:
        slope, half = self.p["slope"][0], 10.0 * self.p["half"][0]
        return torch.sigmoid(slope * (v - half))

    def _relax(
        self, begin: torch.Tensor, v: torch.Tensor, times: tuple[float, ...]
    ) -> torch.Tensor:
        """Gates (V, T, N, K) that go from `begin` (V, N, K) to what v wants."""
        wanted = self._open(v)
        gone = torch.tensor(times)[:, None, None] / self.p["log"][0].exp()
        return wanted[:, None] + (begin - wanted)[:, None] * torch.exp(-gone)

    def _draw(self, gate: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        slope, half = self.p["slope"][1], 10.0 * self.p["half"][1]
        on = torch.sigmoid(slope * (v - half))
        open_ = gate * torch.where(self.instant, on, torch.ones(()))[:, None]
        nS, leak = self.p["log"][1].exp(), self.p["log"][2].exp()
        leaking = leak * (v[..., 0] - self.v_init) + self.p["constant"][0]
        force = (v - self.reversal)[:, None]
        return leaking[:, None] + (open_ * nS * force).sum(-1)

    def result(self) -> Intrinsic:
        """What was found, as arrays."""
        (slope, slope_m), (half, half_m) = self.p["slope"], self.p["half"]
        tau, nS, leak = (x.exp() for x in self.p["log"])
        tau, leak = tau.clamp(*TAU_MS), torch.maximum(leak, 1e-2 * self.leak)
        slope_m = torch.where(self.instant, slope_m, torch.zeros(()))
        nS = torch.where(self.spikes[:, None] & self.instant, SHARE * nS, nS)
        some = slope, 10.0 * half, tau, slope_m, 10.0 * half_m, self.reversal, nS, leak
        return Intrinsic(*(x.detach().numpy() for x in (*some, self.p["constant"][0])))
