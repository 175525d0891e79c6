"""Branch-ELM of the published shape, with random weights, in torch.

Spieler et al., The ELM Neuron, ICLR 2024 (arXiv 2306.16922); sizes of its best NeuronIO
model (github AaronSpieler/elmneuron, models/best_elm_neuron/model_config.json and
model_stats.json): 1,278 inputs, 45 branches of 100 synapses, 100 memory units with time
constants of 1 to 150 ms, one hidden layer of 200 (SiLU), synaptic time constants of 5
ms, 2 outputs; 54,002 trained parameters; 1 ms a step.

`BranchELM.forward` computes a sequence as published, with a trace for each of the 4,500
synapses. `Streamed` gives the same outputs for less: with one time constant for all
synapses, a branch needs only the trace of its sum, and only events add to it.
"""

from __future__ import annotations

import math
import time

import torch
from torch import nn

from .events import INPUTS, Events

BRANCHES, SYNAPSES, MEMORY, HIDDEN, OUTPUTS = 45, 100, 100, 200, 2
TAU_S_MS, TAU_M_MS, GAIN = 5.0, (1.0, 150.0), 5.0


class BranchELM(nn.Module):
    """The network; random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.w_s = nn.Parameter(torch.rand(BRANCHES * SYNAPSES))
        self.integrate = nn.Sequential(
            nn.Linear(BRANCHES + MEMORY, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, MEMORY)
        )
        self.readout = nn.Linear(MEMORY, OUTPUTS)
        low, high = map(math.log10, TAU_M_MS)
        self.kept = torch.exp(-1.0 / torch.logspace(low, high, MEMORY))
        self.kept_s = math.exp(-1.0 / TAU_S_MS)
        # excitatory and inhibitory inputs interleaved; each branch sees 100 neighbours
        # from every 29th on, so most inputs reach three or four branches
        mixed = torch.arange(INPUTS).view(2, -1).T.flatten()
        stride = math.ceil(INPUTS / BRANCHES)
        seen = torch.arange(BRANCHES)[:, None] * stride + torch.arange(SYNAPSES)
        self.there = (seen < INPUTS).flatten()
        self.source = mixed[seen.clamp(max=INPUTS - 1)].flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs, shape (B, T, 2), of inputs, shape (B, T, 1278), from rest."""
        s = x.new_zeros(len(x), BRANCHES * SYNAPSES)
        m, outputs = x.new_zeros(len(x), MEMORY), []
        for now in (x[..., self.source] * self.there).unbind(1):
            s = self.kept_s * s + self.w_s * now
            y, m = self.remember(s.view(-1, BRANCHES, SYNAPSES).sum(2), m)
            outputs.append(y)
        return torch.stack(outputs, 1)

    def remember(
        self, branch: torch.Tensor, m: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs and the next memory, from the branches' sums, shape (B, 45)."""
        m = self.kept * m
        new = 1.7159 * torch.tanh(self.integrate(torch.cat([branch, m], 1)) * 2 / 3)
        m = m + GAIN * (1.0 - self.kept) * new
        return self.readout(m), m


class Streamed:
    """Rows of the network, an ms at a time, with their state carried on."""

    def __init__(self, rows: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.net = BranchELM().eval()
        self.parameters = sum(p.numel() for p in self.net.parameters())
        routes = torch.zeros(INPUTS, BRANCHES)
        where = torch.arange(BRANCHES).repeat_interleave(SYNAPSES)
        amounts = self.net.w_s.detach() * self.net.there
        self.routes = routes.index_put_(
            (self.net.source, where), amounts, accumulate=True
        )
        self.branch, self.m = torch.zeros(rows, BRANCHES), torch.zeros(rows, MEMORY)

    def run(self, events: Events) -> float:
        """Advance through the events; return the seconds it took."""
        each = [tuple(map(torch.from_numpy, pair)) for pair in events.each]
        with torch.inference_mode():
            start = time.perf_counter()
            for row, synapse in each:
                self.step(row, synapse)
            return time.perf_counter() - start

    def step(self, row: torch.Tensor, synapse: torch.Tensor) -> torch.Tensor:
        """Take an ms's events in; return the outputs, shape (B, 2)."""
        self.branch = self.branch * self.net.kept_s
        self.branch.index_add_(0, row, self.routes[synapse])
        y, self.m = self.net.remember(self.branch, self.m)
        return y
