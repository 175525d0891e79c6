"""Where a training run stands: parameters, optimiser and the best epoch, on disk."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ann_backend.errors import AnnBackendError
from ann_backend.train.export import Spiking
from ann_backend.train.model import Network
from ann_backend.train.muon import Muon

if TYPE_CHECKING:
    from ann_backend.train.fit import Fit

__all__ = ["Run"]

SAVED = (
    "group",
    "step",
    "skipped",
    "seconds",
    "best",
    "best_score",
    "stale",
    "heard",
    "spiking",
)


class Run:
    """A training run, saved after each group of trials.

    Parameters
    ----------
    options : Fit
    made_of : list of str
        Hashes of the training data, the validation data, the bundle to begin with.
    folder : Path
        Where ``checkpoint.pt`` is resumed from, and ``log.jsonl`` grows.
    network : Network
    steps : int
        Of the optimiser, in all: the learning rate falls to zero with them.
    """

    def __init__(
        self,
        options: Fit,
        made_of: list[str],
        folder: Path,
        network: Network,
        steps: int,
    ) -> None:
        self.options, self.network, self.folder = options, network, folder
        self.steps = steps
        self.group, self.step, self.skipped, self.seconds = 0, 0, 0, 0.0
        self.best_score, self.stale = -1.0, 0
        self.spiking: tuple[float, ...] = ()
        self.heard: list[list[float]] = []
        self.best = _copied(network.state_dict())
        self.optimisers = _optimisers(network, options.rate)
        self.identity = json.dumps(
            {"made_of": made_of, **dataclasses.asdict(options)}, sort_keys=True
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "checkpoint.pt"
        if self.path.exists():
            self._resume()

    def _resume(self) -> None:
        saved = torch.load(self.path, weights_only=True)
        if saved["identity"] != self.identity:
            raise AnnBackendError(
                f"{self.path}: expected a checkpoint of {self.identity}, got one of "
                f"{saved['identity']}; train in another folder, or remove it"
            )
        if not {"optimisers", *SAVED} <= saved.keys():
            raise AnnBackendError(
                f"{self.path}: expected a checkpoint of this version, got one of an "
                "older one; train in another folder, or remove it"
            )
        for name in SAVED:
            setattr(self, name, saved[name])
        self.network.load_state_dict(saved["network"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)

    def optimise(self) -> None:
        """One step: warm-up, then a cosine to zero.

        Gradients through 500 bins overflow at times: such a window teaches nothing.
        """
        warm = min(1.0, (self.step + 1) / min(100.0, 0.1 * self.steps + 1.0))
        cosine = 0.5 * (1.0 + math.cos(math.pi * self.step / self.steps))
        norm = torch.nn.utils.clip_grad_norm_(self.network.trained(), 1.0)
        self.step += 1
        if not torch.isfinite(norm):
            self.skipped += 1
            return
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = self.options.rate * warm * cosine
            optimiser.step()

    @property
    def calibrated(self) -> Spiking | None:
        """After the last epoch."""
        return Spiking(*self.spiking) if self.spiking else None

    def judge(self, spiking: Spiking, score: float) -> float:
        """Keep the network if its validation score is the best so far."""
        self.stale += 1
        self.spiking = tuple(spiking)
        if score > self.best_score:
            self.best_score, self.stale = score, 0
            self.best = _copied(self.network.state_dict())
        return score

    def save(self, entry: dict[str, Any]) -> None:
        """Save all of it, and a line of the log."""
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        state = {
            "network": self.network.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
        }
        for name in ("identity", *SAVED):
            state[name] = getattr(self, name)
        torch.save(state, partial)
        partial.replace(self.path)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")


def _optimisers(network: Network, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between layers, AdamW for the rest."""
    names = ("mix.weight", "lstm.weight", "head1.weight")
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    matrices = [p for n, p in named if n.startswith(names)]
    others = [p for n, p in named if not n.startswith(names)]
    return [
        Muon(matrices, rate),
        torch.optim.AdamW(others, rate, weight_decay=1e-4),
    ]


def _copied(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}
