"""AxoSim's own networks, from its package, with random weights.

axosim 0.1.0 (Apache-2.0), Wiest & Schäfer, AxoSim, technical report, Axym Labs 2026.
The sizes are the package's: the profile "axosim-gru-medium", and that of the million
neurons for Lite; 1,278 inputs.
"""

from __future__ import annotations

import time

import torch
from axosim import AXOSIM_POPULATION_PROFILE, AxoSimLite, create_axosim_profile
from axosim.support_surrogate import SupportP4Config

from .events import INPUTS, Events


class Gru:
    """Rows of AxoSim-GRU Medium, by its dense step of 1 ms.

    Its step that takes events was ten times as slow on a CPU.
    """

    def __init__(self, rows: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.net = create_axosim_profile("axosim-gru-medium", use_pytorch_fallback=True)
        self.net.eval()
        self.parameters = sum(p.numel() for p in self.net.parameters())
        self.state = self.net.allocate_streaming_state(rows)
        self.kind = torch.zeros(rows, dtype=torch.long)

    def run(self, events: Events) -> float:
        """Advance through the events; return the seconds it took."""
        each = [tuple(map(torch.from_numpy, pair)) for pair in events.each]
        with torch.inference_mode():
            start = time.perf_counter()
            for row, synapse in each:
                x = torch.zeros(len(self.kind), INPUTS)
                x.view(-1).index_add_(0, row * INPUTS + synapse, torch.ones(len(row)))
                self.net.streaming_step(x, self.state, morphology_indices=self.kind)
            return time.perf_counter() - start


class Lite:
    """Rows of AxoSim-Lite, a step each 4 ms, with an adaptation for each row."""

    def __init__(self, rows: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        width = AXOSIM_POPULATION_PROFILE
        config = SupportP4Config(
            token_dim=width.support_token_width,
            state_dim=width.support_state_width,
            morphology_ids=("one",),
        )
        routes = torch.rand(1, INPUTS, config.route_feature_dim) / INPUTS
        self.net = AxoSimLite(config, routes).eval()
        self.parameters = sum(p.numel() for p in self.net.parameters())
        self.routes, self.ms = routes[0], config.patch_size
        with torch.inference_mode():
            bank = self.net.behavior_adaptation_bank.expand(rows, -1)
            self.adaptation = self.net.compile_adaptation(bank)
        self.state = torch.zeros(rows, config.state_dim)
        self.patch = torch.zeros(rows, self.ms, config.route_feature_dim)
        self.t = 0

    def run(self, events: Events) -> float:
        """Advance through the events; return the seconds it took."""
        each = [tuple(map(torch.from_numpy, pair)) for pair in events.each]
        with torch.inference_mode():
            start = time.perf_counter()
            for row, synapse in each:
                flat = self.patch.view(-1, self.patch.shape[2])
                where = row * self.ms + self.t % self.ms
                flat.index_add_(0, where, self.routes[synapse])
                self.t += 1
                if self.t % self.ms == 0:
                    _, self.state = self.net.step_p4(
                        self.patch, self.state, adaptation_cache=self.adaptation
                    )
                    self.patch.zero_()
            return time.perf_counter() - start
