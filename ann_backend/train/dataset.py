"""Trials on disk: npz shards with their provenance, made by worker processes.

Fourth in the training line. A shard's content depends only on the cell, the split,
the seed and its number, so an interrupted generation resumes to the same data.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription
from ann_backend.train.sampling import SAMPLER, Events
from ann_backend.train.teacher import Trial, open_copies, simulate

__all__ = ["SPLITS", "Dataset", "Request", "generate", "load"]

FORMAT = "ann_backend.trials"
VERSION = 1
SPLITS = ("train", "validation", "test")
SEEDS_PER_SPLIT = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What to simulate.

    Parameters
    ----------
    cell : CellDescription
    split : {"train", "validation", "test"}
        Splits share no seed, hence no trial.
    seed : int
    trials : int
    duration_ms : int
        Of each trial.
    rows : int
        Trials in a shard, simulated together in one process.
    dt_ms : float
        The teacher's step.
    """

    cell: CellDescription
    split: str
    seed: int
    trials: int
    duration_ms: int
    rows: int = 32
    dt_ms: float = 0.025

    def seeds(self, shard: int) -> list[int]:
        """Seeds of a shard's trials."""
        first = (self.seed * len(SPLITS) + SPLITS.index(self.split)) * SEEDS_PER_SPLIT
        stop = min((shard + 1) * self.rows, self.trials)
        return [first + k for k in range(shard * self.rows, stop)]

    def path(self, folder: Path, shard: int) -> Path:
        """File of a shard."""
        kind = f"{self.split}-{self.duration_ms}ms-dt{self.dt_ms:g}"
        return folder / kind / f"{shard:05d}.npz"

    def identity(self, shard: int) -> dict[str, Any]:
        """Everything that must agree before a shard is used."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "sampler": SAMPLER,
            "cell": json.loads(json.dumps(self.cell.to_json())),
            "split": self.split,
            "seeds": self.seeds(shard),
            "duration_ms": self.duration_ms,
            "dt_ms": self.dt_ms,
        }


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Trials of one split, with the teacher's fingerprint and NEURON version."""

    trials: list[Trial]
    fingerprint: dict[str, Any]
    neuron_version: str
    events_sha256: str

    @property
    def hours(self) -> float:
        """Biological hours in all."""
        return sum(len(t.v) for t in self.trials) / 3.6e6


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
    shards = range(-(-request.trials // request.rows))
    missing = [k for k in shards if not request.path(folder, k).exists()]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        max(1, min(processes, len(missing))), mp_context=context
    ) as pool:
        jobs = [pool.submit(_make, request, folder, k) for k in missing]
        done = concurrent.futures.as_completed(jobs)
        label = f"teacher, {request.split}"
        for job in tqdm(done, label, len(jobs), disable=quiet, unit="shard"):
            job.result()
    return load(request, folder)


def load(request: Request, folder: Path) -> Dataset:
    """Load a request's shards and refuse any that was made otherwise.

    Raises
    ------
    AnnBackendError
        A shard is damaged, or comes from another cell, sampler, seed or NEURON.
    """
    parts = [
        _read(request, folder, k) for k in range(-(-request.trials // request.rows))
    ]
    first = parts[0][1]
    for path_k, (_, made) in enumerate(parts):
        for name in ("fingerprint", "neuron_version"):
            if made[name] != first[name]:
                raise AnnBackendError(
                    f"{request.path(folder, path_k)}: expected {name} {first[name]} as "
                    f"in shard 0, got {made[name]}; remove {folder} and generate anew"
                )
    digest = hashlib.sha256("".join(m["events_sha256"] for _, m in parts).encode())
    return Dataset(
        trials=[t for trials, _ in parts for t in trials],
        fingerprint=first["fingerprint"],
        neuron_version=first["neuron_version"],
        events_sha256=digest.hexdigest(),
    )


def _make(request: Request, folder: Path, shard: int) -> None:
    """Simulate one shard; runs in a worker process."""
    copies = open_copies(request.cell, request.rows)
    seeds = request.seeds(shard)
    trials = simulate(
        copies, seeds, duration_ms=request.duration_ms, dt_ms=request.dt_ms
    )
    arrays = dict(_pack(trials))
    made = {
        "identity": request.identity(shard),
        "fingerprint": copies.fingerprint,
        "neuron_version": copies.neuron_version,
        "events_sha256": _digest(arrays),
    }
    path = request.path(folder, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, made=json.dumps(made), **arrays)
    partial.replace(path)


def _pack(trials: list[Trial]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Ragged trials as flat arrays with counts."""
    yield "event_count", np.array([len(t.events.t) for t in trials])
    yield "event_t", np.concatenate([t.events.t for t in trials])
    yield "event_channel", np.concatenate([t.events.channel for t in trials])
    yield "event_weight", np.concatenate([t.events.weight for t in trials])
    yield "spike_count", np.array([len(t.spikes) for t in trials])
    yield "spikes", np.concatenate([t.spikes for t in trials])
    yield "v", np.stack([t.v for t in trials])
    yield "ap_sum", np.stack([t.ap_sum for t in trials])
    yield "ap_count", np.array([t.ap_count for t in trials])


def _digest(arrays: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in ("event_count", "event_t", "event_channel", "event_weight"):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


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
    expected = request.identity(shard)
    for name, value in expected.items():
        if made["identity"].get(name) != value:
            raise AnnBackendError(
                f"{path}: expected {name} {value}, got "
                f"{made['identity'].get(name)}; {advice}"
            )
    if made["events_sha256"] != _digest(arrays):
        raise AnnBackendError(f"{path}: its events do not match their hash; {advice}")
    return _unpack(arrays), made


def _unpack(a: dict[str, NDArray[Any]]) -> list[Trial]:
    event = np.concatenate([[0], np.cumsum(a["event_count"])])
    spike = np.concatenate([[0], np.cumsum(a["spike_count"])])
    trials = []
    for k in range(len(a["v"])):
        cut = slice(event[k], event[k + 1])
        events = Events(
            a["event_t"][cut], a["event_channel"][cut], a["event_weight"][cut]
        )
        trials.append(
            Trial(
                events=events,
                v=a["v"][k],
                spikes=a["spikes"][spike[k] : spike[k + 1]],
                ap_sum=a["ap_sum"][k],
                ap_count=int(a["ap_count"][k]),
            )
        )
    return trials
