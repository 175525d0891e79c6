"""Training: truncated backpropagation through time with carried state.

Sixth in the training line: trials go in, a `Network` comes out. Rows stream whole
trials, from zero state at `finitialize`; a window is backpropagated at a time.
Progress is saved after each group of trials; a resumed run repeats the rest exactly.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription
from ann_backend.train.dataset import Dataset
from ann_backend.train.model import V_SCALE_MV, Network, Shape, traces

__all__ = ["Fit", "fit", "outputs", "torch_version"]

OFFSET_NEIGHBOUR = 0.3  # weight of the bins beside a spike in the offset loss
HAZARD_WEIGHT, OFFSET_WEIGHT, V_WEIGHT = 30.0, 0.5, 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit:
    """How to train.

    Parameters
    ----------
    shape : Shape
    epochs : int
    rate : float
        AdamW's peak learning rate; warm-up, then a cosine to zero.
    batch : int
        Rows, that is trials at a time.
    window : int
        Bins of 1 ms that are backpropagated at a time; at least 500.
    seed : int
    threads : int
    """

    shape: Shape = dataclasses.field(default_factory=Shape)
    epochs: int = 10
    rate: float = 4e-3
    batch: int = 64
    window: int = 500
    seed: int = 1
    threads: int = 2


def fit(
    cell: CellDescription,
    data: Dataset,
    options: Fit,
    folder: Path,
    *,
    quiet: bool = False,
) -> Network:
    """Train a network on the trials of a dataset.

    Parameters
    ----------
    cell : CellDescription
    data : Dataset
        The training split.
    options : Fit
    folder : Path
        For ``checkpoint.pt`` and ``log.jsonl``; a checkpoint of the same options
        and data is resumed.
    quiet : bool
        No progress bar.

    Raises
    ------
    AnnBackendError
        The loss is no longer finite, or the checkpoint is of another run.
    """
    torch.set_num_threads(1)  # rows are shared out among threads instead
    torch.manual_seed(options.seed)
    x, targets = _tensors(cell, data)
    network = Network(x.shape[-1], options.shape)
    network.scale.copy_(x.pow(2).mean((0, 1)).sqrt().clamp_min(1e-3))
    run = _Run(options, data.events_sha256, folder, network)
    groups = -(-len(data.trials) // options.batch)
    total = options.epochs * groups
    bar = tqdm(total=total, desc="fit", disable=quiet, unit="group")
    bar.update(run.group)
    while run.group < total:
        epoch, place = divmod(run.group, groups)
        order = np.random.default_rng([options.seed, epoch]).permutation(x.shape[1])
        rows = torch.from_numpy(np.array_split(order, groups)[place])
        started = time.perf_counter()
        split = [r for r in rows.tensor_split(options.threads) if len(r)]
        parts = [_Part(x, targets, r) for r in split]
        loss = _stream(run, parts, options, len(x), total)
        run.group += 1
        run.seconds += time.perf_counter() - started
        run.save({"group": run.group, "epoch": epoch, "seconds": run.seconds, **loss})
        bar.update()
        bar.set_postfix({k: f"{v:.4f}" for k, v in loss.items()})
    bar.close()
    return network


def outputs(
    cell: CellDescription, network: Network, data: Dataset, rows: int = 64
) -> NDArray[np.float32]:
    """Raw outputs of the free-running network, shape (trials, T, 3)."""
    parts = []
    for first in range(0, len(data.trials), rows):
        some = data.trials[first : first + rows]
        x = torch.from_numpy(traces(cell, [t.events for t in some], len(some[0].v)))
        with torch.no_grad():
            history = _padded(x, len(x) + network.shape.taps - 1)
            parts.append(network(history)[0].numpy())
    return np.concatenate(parts, axis=1).swapaxes(0, 1)


def torch_version() -> str:
    """Version of the torch that trains."""
    return str(torch.__version__)


class _Run:
    """Where a training run stands, on disk and here."""

    def __init__(
        self,
        options: Fit,
        events_sha256: str,
        folder: Path,
        network: Network,
    ) -> None:
        self.group, self.seconds = 0, 0.0
        self.network = network
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=options.rate, weight_decay=1e-4
        )
        self.identity = json.dumps(
            {"events": events_sha256, **dataclasses.asdict(options)}, sort_keys=True
        )
        self.folder = folder
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
        self.group, self.seconds = saved["group"], saved["seconds"]
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])

    def optimise(self, options: Fit, step: int, steps: int) -> None:
        """One step of AdamW: warm-up, then a cosine to zero."""
        warm = min(1.0, (step + 1) / min(100.0, 0.1 * steps + 1.0))
        cosine = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        self.optimiser.param_groups[0]["lr"] = options.rate * warm * cosine
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()

    def save(self, entry: dict[str, Any]) -> None:
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        state = {
            "identity": self.identity,
            "group": self.group,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, partial)
        partial.replace(self.path)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")


def _tensors(
    cell: CellDescription, data: Dataset
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Traces (T, B, G*K) and targets (T, B) of all trials."""
    bins = len(data.trials[0].v)
    x = torch.from_numpy(traces(cell, [t.events for t in data.trials], bins))
    spike = np.zeros((bins, len(data.trials)), np.float32)
    offset = np.zeros_like(spike)
    weight = np.zeros_like(spike)
    for row, trial in enumerate(data.trials):
        n = np.minimum(trial.spikes.astype(np.int64), bins - 1)
        before, behind = np.maximum(n - 1, 0), np.minimum(n + 1, bins - 1)
        weight[before, row] = weight[behind, row] = OFFSET_NEIGHBOUR
        offset[before, row], offset[behind, row] = 1.0, 0.0
        spike[n, row], weight[n, row] = 1.0, 1.0
        offset[n, row] = trial.spikes - n
    v: NDArray[Any] = np.stack([t.v for t in data.trials], axis=1)
    v = (np.minimum(v, cell.clip_mV) - cell.v_init_mV) / V_SCALE_MV
    found = {"spike": spike, "offset": offset, "weight": weight, "v": v}
    found["clipped"] = (v >= (cell.clip_mV - cell.v_init_mV) / V_SCALE_MV).astype("f4")
    return x, {name: torch.from_numpy(array) for name, array in found.items()}


def _padded(x: torch.Tensor, length: int) -> torch.Tensor:
    """Zeros in front: there is nothing before a trial's start."""
    return functional.pad(x, (0, 0, 0, 0, length - len(x), 0))


class _Part:
    """Some rows of a group of trials, streamed by one thread."""

    def __init__(
        self, x: torch.Tensor, targets: dict[str, torch.Tensor], rows: torch.Tensor
    ) -> None:
        self.x = x[:, rows]
        self.targets = {name: target[:, rows] for name, target in targets.items()}
        self.state: tuple[torch.Tensor, torch.Tensor] | None = None

    def gradients(
        self, network: Network, start: int, stop: int
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Losses over a window and the gradients of their sum; carries the state."""
        before = network.shape.taps - 1
        history = self.x[max(0, start - before) : stop]
        history = _padded(history, stop - start + before)
        y, state = network(history, self.state)
        self.state = (state[0].detach(), state[1].detach())
        part = {name: target[start:stop] for name, target in self.targets.items()}
        losses = _losses(y, part)
        found = torch.autograd.grad(losses.sum(), list(network.parameters()))
        return losses.detach(), found


def _stream(
    run: _Run, parts: list[_Part], options: Fit, bins: int, total: int
) -> dict[str, float]:
    """Run one group of trials from start to end; returns its mean losses.

    The parts share the parameters and take turns in none: a thread each, summed in
    order, so the result does not depend on which one was first.
    """
    starts = range(0, bins, options.window)
    sums: NDArray[np.float64] = np.zeros(3)
    rows = sum(p.x.shape[1] for p in parts)
    share = [p.x.shape[1] / rows for p in parts]
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        for k, start in enumerate(starts):
            stop = min(start + options.window, bins)
            jobs = [pool.submit(p.gradients, run.network, start, stop) for p in parts]
            done = [job.result() for job in jobs]
            losses = sum(w * d[0].numpy() for w, d in zip(share, done, strict=True))
            if not np.isfinite(losses).all():
                raise AnnBackendError(
                    f"expected a finite loss, got {losses} in group {run.group}, "
                    f"window {k}; lower the learning rate ({options.rate:g}) and train "
                    "in a new folder, or find what is not finite in the data"
                )
            for n, parameter in enumerate(run.network.parameters()):
                parameter.grad = sum(
                    (w * d[1][n] for w, d in zip(share, done, strict=True)),
                    start=torch.zeros_like(parameter),
                )
            run.optimise(options, run.group * len(starts) + k, total * len(starts))
            sums += losses
    names = ("hazard", "offset", "v")
    return dict(zip(names, (sums / len(starts)).tolist(), strict=True))


def _losses(y: torch.Tensor, target: dict[str, torch.Tensor]) -> torch.Tensor:
    """Hazard, offset and Vm losses, weighted."""
    hazard = functional.binary_cross_entropy_with_logits(y[..., 0], target["spike"])
    near = target["weight"]
    offset = functional.binary_cross_entropy_with_logits(
        y[..., 1], target["offset"], weight=near, reduction="sum"
    ) / (near.sum() + 1.0)
    # the readout clips: above the clip any value is right
    excess = functional.relu(y[..., 2] - target["v"]) * target["clipped"]
    v = functional.smooth_l1_loss(y[..., 2] - excess, target["v"])
    return torch.stack([HAZARD_WEIGHT * hazard, OFFSET_WEIGHT * offset, V_WEIGHT * v])
