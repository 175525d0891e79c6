"""Trials on disk: npz shards with their provenance, made by worker processes.

Fifth in the training line. A shard's content depends only on the cell, the split,
the seed and its number, so an interrupted generation resumes to the same data. It
stores what the cell did, and the drives from which the input is drawn again.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ann_backend.errors import AnnBackendError
from ann_backend.train import build
from ann_backend.train.cell import CellDescription, refuse_step
from ann_backend.train.engine import Teacher, choose, statements
from ann_backend.train.sampling import NETWORK_SEEDS, SAMPLER
from ann_backend.train.shard import pack, unpack
from ann_backend.train.teacher import Trial, open_copies, simulate

__all__ = [
    "SPLITS",
    "Dataset",
    "Request",
    "generate",
    "join",
    "load",
    "refuse_mixture",
]

FORMAT = "ann_backend.trials"
VERSION = 2
HELD = ("train", "validation", "test")
SPLITS = (*HELD, "network")
SEEDS_PER_SPLIT = 1_000_000
ORIGIN = ("fingerprint", "mechanisms_sha256", "neuron_version", "teacher")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What to simulate.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    split : {"train", "validation", "test", "network"}
        Splits share no seed, hence no trial. "network": more for training, as a cell of
        a recurrent network has them (`sampling`).
    seed : int
    trials : int
        The first so many: shards are whole, so that more can be added later.
    duration_ms : int
        Of each trial.
    rows : int
        Trials in a shard, simulated together in one process.
    dt_ms : float, optional
        The cell's by default. At another step the trials have the same events, drawn
        from the drives that were found at the cell's.
    """

    cell: CellDescription
    split: str
    seed: int
    trials: int
    duration_ms: int
    rows: int = 8
    dt_ms: float | None = None

    def __post_init__(self) -> None:
        if not self.cell.resolved:
            raise AnnBackendError(
                f"{self.cell.name}: expected a resolved description; call "
                "ann_backend.train.resolve first"
            )
        refuse_step(self.cell.name, self.step_ms)

    @property
    def step_ms(self) -> float:
        """The teacher's step."""
        return self.dt_ms or self.cell.dt_ms

    @property
    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-self.trials // self.rows))

    def seeds(self, shard: int) -> list[int]:
        """Seeds of a shard's trials."""
        if self.split == "network":
            first = NETWORK_SEEDS + self.seed * SEEDS_PER_SPLIT
        else:
            first = (self.seed * len(HELD) + HELD.index(self.split)) * SEEDS_PER_SPLIT
        return [first + k for k in range(shard * self.rows, (shard + 1) * self.rows)]

    def path(self, folder: Path, shard: int) -> Path:
        """File of a shard."""
        kind = f"{self.split}-seed{self.seed}-{self.rows}x{self.duration_ms}ms"
        return folder / f"{kind}-dt{self.step_ms:g}" / f"{shard:05d}.npz"

    def identity(self, shard: int) -> dict[str, Any]:
        """Everything that must agree before a shard is used."""
        cell = json.loads(json.dumps(self.cell.to_json()))
        channels = json.dumps(cell.pop("channels"), sort_keys=True)
        return {
            "format": FORMAT,
            "version": VERSION,
            "sampler": SAMPLER,
            "cell": cell,
            "channels": hashlib.sha256(channels.encode()).hexdigest(),
            "split": self.split,
            "seeds": self.seeds(shard),
            "duration_ms": self.duration_ms,
            "dt_ms": self.step_ms,
        }


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Trials of one split, with the teacher's fingerprint and NEURON version."""

    trials: list[Trial]
    fingerprint: dict[str, Any]
    mechanisms_sha256: str
    neuron_version: str
    teacher: str
    events_sha256: str

    @property
    def cell(self) -> CellDescription:
        """What the trials are of, resolved."""
        return self.trials[0].cell

    @property
    def sha256(self) -> str:
        """Hash of all that the trials depend on: cell, teacher and events."""
        parts = [self.cell.to_json(), *(getattr(self, name) for name in ORIGIN)]
        text = json.dumps([*parts, self.events_sha256], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def hours(self) -> float:
        """Biological hours in all."""
        return sum(len(t.v) for t in self.trials) / 3.6e6

    def first(self, trials: int) -> Dataset:
        """The first trials alone."""
        return _together(self.trials[:trials], vars(self))


def refuse_mixture(*datasets: Dataset) -> None:
    """Refuse splits that were not made from the same cell by the same teacher.

    Raises
    ------
    AnnBackendError
    """
    for data in datasets[1:]:
        for name in ORIGIN:
            one, other = getattr(datasets[0], name), getattr(data, name)
            if one != other:
                raise AnnBackendError(
                    f"{data.cell.name}: expected splits with one {name}, got "
                    f"{_brief(one)} and {_brief(other)}; remove the older and generate "
                    "it anew"
                )


def join(parts: Sequence[Dataset]) -> Dataset:
    """One dataset of several, such as trials of several lengths.

    Raises
    ------
    AnnBackendError
        They were not made from the same cell by the same teacher.
    """
    refuse_mixture(*parts)
    trials = [t for part in parts for t in part.trials]
    return _together(trials, vars(parts[0]))


def _together(trials: list[Trial], made: Mapping[str, Any]) -> Dataset:
    digest = hashlib.sha256("".join(t.events_sha256 for t in trials).encode())
    return Dataset(
        trials=trials,
        **{name: made[name] for name in ORIGIN},
        events_sha256=digest.hexdigest(),
    )


def generate(
    request: Request, folder: Path, *, processes: int = 2, quiet: bool = False
) -> Dataset:
    """Simulate the shards that are missing, then load all of them.

    Parameters
    ----------
    request : Request
    folder : Path
        Existing shards of the same request are kept; others are refused.
    processes : int
        Worker processes, spawned, each with a NEURON of its own.
    quiet : bool
        No progress bar.
    """
    if request.step_ms != request.cell.dt_ms:  # its events need the drives
        usual = dataclasses.replace(request, dt_ms=None)
        generate(usual, folder, processes=processes, quiet=quiet)
    missing = [k for k in request.shards if not request.path(folder, k).exists()]
    if missing:
        teacher = choose(request.cell)
        _sweep(request.path(folder, 0).parent)
        with build.workers(max(1, min(processes, len(missing)))) as pool:
            jobs = [pool.submit(_make, request, folder, k, teacher) for k in missing]
            done = concurrent.futures.as_completed(jobs)
            label = f"{request.cell.name}, {request.split}, {teacher.name}"
            try:
                for job in tqdm(done, label, len(jobs), disable=quiet, unit="shard"):
                    job.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return load(request, folder)


def load(request: Request, folder: Path, *, partial: bool = False) -> Dataset:
    """Load a request's shards and refuse any that was made otherwise.

    Parameters
    ----------
    request : Request
    folder : Path
    partial : bool
        Load the shards that are there, while others are still being made.

    Raises
    ------
    AnnBackendError
        A shard is damaged, or comes from another cell, sampler, seed or teacher.
    """
    shards = [
        k for k in request.shards if not partial or request.path(folder, k).exists()
    ]
    if not shards:
        raise AnnBackendError(
            f"expected shards in {request.path(folder, 0).parent}, got none yet; "
            "generate them first"
        )
    parts = [_read(request, folder, k) for k in shards]
    first = parts[0][1]
    for k, (_, made) in zip(shards, parts, strict=True):
        for name in ORIGIN:
            if made[name] != first[name]:
                raise AnnBackendError(
                    f"{request.path(folder, k)}: expected {name} "
                    f"{_brief(first[name])} as in shard {shards[0]}, got "
                    f"{_brief(made[name])}; remove {folder} and generate anew"
                )
    now = statements(request.cell)
    if first["mechanisms_sha256"] != now:
        raise AnnBackendError(
            f"{request.path(folder, 0).parent}: expected trials of the mechanisms "
            f"{_brief(now)}, got {_brief(first['mechanisms_sha256'])}; remove the "
            "folder and generate anew"
        )
    trials = [t for trials, _ in parts for t in trials]
    return _together(trials[: request.trials], first)


def _sweep(folder: Path) -> None:
    """Remove what processes that are gone had begun to write."""
    for left in folder.glob("*.partial"):
        if not _alive(int(left.suffixes[-2][1:])):
            left.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _make(request: Request, folder: Path, shard: int, teacher: Teacher) -> None:
    """Simulate one shard; runs in a worker process."""
    copies = open_copies(request.cell, request.rows, fast=teacher.fast)
    drives = None
    if request.step_ms != request.cell.dt_ms:
        usual = dataclasses.replace(request, dt_ms=None)
        drives = [t.drives for t in _read(usual, folder, shard)[0]]
    trials = simulate(
        copies,
        request.seeds(shard),
        duration_ms=request.duration_ms,
        dt_ms=request.step_ms,
        drives=drives,
    )
    made = {
        "identity": request.identity(shard),
        "fingerprint": copies.fingerprint,
        "mechanisms_sha256": teacher.mechanisms_sha256,
        "neuron_version": copies.neuron_version,
        "teacher": teacher.name,
        "numpy_version": np.__version__,
    }
    path = request.path(folder, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        arrays = dict(pack(trials))
        np.savez(file, allow_pickle=False, made=json.dumps(made), **arrays)
    partial.replace(path)


def _read(
    request: Request, folder: Path, shard: int
) -> tuple[list[Trial], dict[str, Any]]:
    path = request.path(folder, shard)
    advice = f"remove {path} and generate it anew"
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        made: dict[str, Any] = json.loads(str(arrays.pop("made")))
    except Exception as error:
        raise AnnBackendError(
            f"{path}: expected a whole shard, got {error}; {advice}"
        ) from error
    for name, value in request.identity(shard).items():
        found = made["identity"].get(name)
        if found != value:
            raise AnnBackendError(
                f"{path}: expected {name} {_brief(value, found)}, got "
                f"{_brief(found, value)}; {advice}"
            )
    return unpack(request.cell, request.seeds(shard), arrays), made


def _brief(value: Any, other: Any = None) -> str:
    """A value for a message; of a record, what differs from the other one."""
    if isinstance(value, dict) and isinstance(other, dict):
        return str({k: v for k, v in value.items() if other.get(k) != v})
    if isinstance(value, dict) and "digest" in value:
        return str(value["digest"][:12])
    return str(value)
