"""Training: truncated backpropagation through time with carried state.

Seventh in the training line: trials go in, a `Network` comes out. Rows stream whole
trials, from zero state at `finitialize`; a window is backpropagated at a time.
Progress is saved after each group of trials; a resumed run repeats the rest exactly.
After each epoch the network runs freely over the validation trials; the best one
there, by its spikes, is kept.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ann_backend import bundle
from ann_backend.errors import AnnBackendError
from ann_backend.train.axon import heard
from ann_backend.train.cable import cable
from ann_backend.train.calibrate import COARSE, calibrate
from ann_backend.train.cell import CellDescription
from ann_backend.train.checkpoint import Run
from ann_backend.train.dataset import Dataset
from ann_backend.train.export import Spiking
from ann_backend.train.input import Input
from ann_backend.train.listen import listen
from ann_backend.train.loss import NAMES, losses, targets
from ann_backend.train.model import Network, State
from ann_backend.train.shape import Shape
from ann_backend.train.teacher import Trial
from ann_backend.train.tensors import take

__all__ = ["Fit", "fit", "hardware", "torch_version"]

Heard = tuple[Trial, list[float]]  # with the spikes that the network hears
CACHED_ROWS = 8  # of a part on the CPU: 500 bins of their traces stay in its cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit:
    """How to train.

    Parameters
    ----------
    shape : Shape
    epochs : int
    rate : float
        Peak learning rate; warm-up, then a cosine to zero.
    batch : int
        Rows, that is trials at a time.
    window : int
        Bins of 1 ms that are backpropagated at a time; at least 500.
    patience : int
        Epochs without a better score on the validation trials before training stops.
    seed : int
    threads : int
        On the CPU: rows are shared out among them.
    device : str
        ``"cpu"``, or ``"cuda"``, there with matrix products in bfloat16.
    init_from : str
        A bundle of the same channels whose tensors to begin with: all of them where
        the shape is as wide or wider, else the embedding, the branch units and their
        tree. Empty: random ones.
    freeze : {"", "front"}
        What stays as it was: embedding, branch units and mix.
    """

    shape: Shape = dataclasses.field(default_factory=Shape)
    epochs: int = 10
    rate: float = 4e-3
    batch: int = 64
    window: int = 500
    patience: int = 10
    seed: int = 1
    threads: int = 2
    device: str = "cpu"
    init_from: str = ""
    freeze: str = ""

    def __post_init__(self) -> None:
        expected = {
            "epochs": ("1 or more", self.epochs >= 1),
            "rate": ("above 0", self.rate > 0.0),
            "batch": ("1 trial or more", self.batch >= 1),
            "window": ("500 ms or more", self.window >= 500),
            "patience": ("1 epoch or more", self.patience >= 1),
            "threads": ("1 or more", self.threads >= 1),
            "device": ("'cpu' or 'cuda'", self.device in ("cpu", "cuda")),
            "freeze": ("'' or 'front'", self.freeze in ("", "front")),
            "init_from": (
                "to be the bundle whose front to freeze",
                bool(self.init_from or not self.freeze),
            ),
        }
        for name, (what, right) in expected.items():
            if not right:
                raise AnnBackendError(
                    f"expected {name} {what}, got {getattr(self, name)!r}"
                )
        if self.device == "cuda" and not torch.cuda.is_available():
            raise AnnBackendError(
                "expected a GPU and a torch that uses it for device 'cuda', got none; "
                "train with device 'cpu'"
            )


def fit(
    data: Dataset,
    validation: Dataset,
    options: Fit,
    folder: Path,
    *,
    quiet: bool = False,
) -> Network:
    """Train a network on the trials of a dataset.

    Parameters
    ----------
    data, validation : Dataset
        The training and the validation split, of a resolved cell.
    options : Fit
    folder : Path
        For ``checkpoint.pt`` and ``log.jsonl``; a checkpoint of the same options
        and data is resumed.
    quiet : bool
        No progress bar.

    Returns
    -------
    Network
        On the CPU; the one of the epoch with the best validation score.

    Raises
    ------
    AnnBackendError
        The loss is no longer finite, or the checkpoint is of another run.
    """
    torch.set_num_threads(1)  # rows are shared out among threads instead
    torch.manual_seed(options.seed)
    branches = cable(data.cell) if options.shape.tree else None
    network = Network(data.cell, options.shape, branches)
    network.normalise(Input.of([t.events for t in data.trials[:16]], 0, 2000))
    begun = bundle.load(options.init_from) if options.init_from else None
    whole = begun is not None and take(network, begun, data.cell)
    if options.freeze and begun is not None:
        if not whole or begun.manifest.sizes.mix != options.shape.mix:
            sizes = begun.manifest.sizes
            raise AnnBackendError(
                f"{options.init_from}: expected, to freeze its front, a bundle with a "
                f"mix of {options.shape.mix} and an LSTM of {options.shape.hidden} or "
                f"narrower, got {sizes.mix} and {sizes.hidden}; choose its own size, "
                "or freeze nothing"
            )
        network.freeze_front()
    elif begun is not None and options.shape.tree:
        network.tree.revive()
    network.to(options.device)
    made_of = [data.sha256, validation.sha256]
    if begun is not None:
        made_of.append(begun.manifest.manifest_sha256)
    rng = np.random.default_rng(options.seed)
    once = _groups(data.trials, options.batch, rng)
    bins = [len(data.trials[rows[0]].v) for rows in once]
    steps = options.epochs * sum(-(-n // options.window) for n in bins)
    run = Run(options, made_of, folder, network, steps)
    if begun is not None and whole and not run.spiking:
        said = begun.manifest.readout
        run.spiking = said.hazard_threshold, said.memory_ms, said.refractory_ms
    groups, total = len(once), options.epochs * len(once)
    bar = tqdm(total=total, desc="fit", disable=quiet, unit="group")
    bar.update(run.group)
    while run.group < total and run.stale < options.patience:
        epoch, place = divmod(run.group, groups)
        rng = np.random.default_rng([options.seed, epoch])
        rows = _groups(data.trials, options.batch, rng)[place]
        started = time.perf_counter()
        if place == 0:
            run.heard = listen(
                network, data.trials, run.calibrated, rng, options.threads
            )
        some = [(data.trials[k], run.heard[k]) for k in rows]
        found = _stream(run, some, data.cell)
        run.group += 1
        entry = {"group": run.group, "epoch": epoch, **found}
        if place == groups - 1:
            entry["validation_score"] = run.judge(*_calibrated(run, validation))
        run.seconds += time.perf_counter() - started
        run.save({**entry, "skipped": run.skipped, "seconds": run.seconds})
        bar.update()
        bar.set_postfix({k: f"{v:.4f}" for k, v in found.items()})
    bar.close()
    network.load_state_dict(run.best)
    return network.cpu()


def _groups(
    trials: Sequence[Trial], batch: int, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Trials that are streamed together, of one length each, in random order."""
    length = np.array([len(t.v) for t in trials])
    found: list[NDArray[np.intp]] = []
    for bins in np.unique(length):
        mine = rng.permutation(np.flatnonzero(length == bins))
        found += np.array_split(mine, -(-len(mine) // batch))
    return [found[k] for k in rng.permutation(len(found))]


def hardware(options: Fit) -> str:
    """What trains, in words."""
    if options.device == "cuda":
        return torch.cuda.get_device_name()
    return f"{options.threads} CPU core(s), {platform.machine()}"


def torch_version() -> str:
    """Version of the torch that trains."""
    return str(torch.__version__)


def _calibrated(run: Run, validation: Dataset) -> tuple[Spiking, float]:
    return calibrate(
        run.network, validation.trials, COARSE, threads=run.options.threads
    )


class _Part:
    """Some rows of a group of trials, streamed by one thread."""

    def __init__(
        self, network: Network, some: Sequence[Heard], cell: CellDescription
    ) -> None:
        self.network, self.rows = network, len(some)
        self.device = network.branch_b.device
        self.events = [t.events for t, _ in some]
        if network.shape.tree:
            self.events = [heard(cell, t.events, spikes) for t, spikes in some]
        self.targets = targets(cell, [t for t, _ in some])
        self.state: State = network.start(self.rows)

    def gradients(
        self, start: int, stop: int
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Losses over a window and the gradients of their sum; carries the state."""
        x = Input.of(self.events, start, stop).to(self.device)
        part = {n: t[start:stop].to(self.device) for n, t in self.targets.items()}
        with _precision(self.device):
            y, state = self.network(x, self.state)
        self.state = state.detach()
        found = losses(y.float(), part)
        gradients = torch.autograd.grad(found.sum(), self.network.trained())
        return found.detach().cpu(), gradients


def _precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


def _stream(run: Run, trials: list[Heard], cell: CellDescription) -> dict[str, float]:
    """Run one group of trials from start to end; returns its mean losses.

    The parts share the parameters and take turns in none: a thread each, summed in
    order, so the result does not depend on which one was first.
    """
    options, network = run.options, run.network
    threads, count = options.threads, 1
    if options.device == "cpu":
        count = min(max(threads, len(trials) // CACHED_ROWS), len(trials))
    some = [trials[k::count] for k in range(count)]
    parts = [_Part(network, rows, cell) for rows in some]
    bins = len(trials[0][0].v)
    starts = range(0, bins, options.window)
    share = [p.rows / len(trials) for p in parts]
    sums: NDArray[np.float64] = np.zeros(len(NAMES))
    # a silent trace decays into subnormal numbers, each a hundred cycles slow: no more
    # than zero to the engine, and here
    with concurrent.futures.ThreadPoolExecutor(
        threads, initializer=torch.set_flush_denormal, initargs=(True,)
    ) as pool:
        for k, start in enumerate(starts):
            stop = min(start + options.window, bins)
            jobs = [pool.submit(p.gradients, start, stop) for p in parts]
            done = [job.result() for job in jobs]
            found = sum(w * d[0].numpy() for w, d in zip(share, done, strict=True))
            if not np.isfinite(found).all():
                raise AnnBackendError(
                    f"expected a finite loss, got {found} in group {run.group}, "
                    f"window {k}; lower the learning rate ({options.rate:g}) and train "
                    "in a new folder, or find what is not finite in the data"
                )
            for n, parameter in enumerate(network.trained()):
                parameter.grad = sum(
                    (w * d[1][n] for w, d in zip(share, done, strict=True)),
                    start=torch.zeros_like(parameter),
                )
            run.optimise()
            sums += found
    return dict(zip(NAMES, (sums / len(starts)).tolist(), strict=True))
