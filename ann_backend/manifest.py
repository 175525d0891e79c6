"""What a bundle says about itself: the canonical JSON beside its tensors.

Units are in the names: ms, mV, uS, Hz. Dimension letters as in csrc/types.h.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

FORMAT: Final = "ann_backend.bundle"
VERSION: Final = 4

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
# A pair may be given as a list too; the two numbers stay strict.
Range = Annotated[tuple[float, float], Field(strict=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


class Synapse(_Strict):
    """A mechanism with its kinetics, as a channel accepts it."""

    mechanism: str
    parameters: dict[str, float]


class Channel(_Strict):
    """One input of the surrogate, and the ranges it was trained in."""

    name: str
    location: str
    synapses: list[Synapse] = Field(min_length=1)
    weight_uS: Range
    rate_Hz: Range


class Sizes(_Strict):
    """Dimensions of the network: C, G, K, W, N, U, P (0: no mix), H, L, M.

    ``parents[n]`` is the branch that branch n hangs on, an earlier one; -1 for the
    root, branch 0. Empty: branches are no tree. csrc/README.md tells what a tree does.
    With ``feedback`` the network hears its own spikes: the embedding has a row more.
    """

    channels: Count
    groups: Count
    kernels: Count
    taps: Count
    branches: Count
    units: Count
    mix: Annotated[int, Field(ge=0)]
    hidden: Count
    layers: Count
    head: Count
    parents: list[int]
    feedback: bool

    @model_validator(mode="after")
    def _branches_are_of_one_size(self) -> Sizes:
        if self.groups % self.branches:
            raise ValueError(
                f"expected groups in branches of one size, got {self.groups} groups "
                f"in {self.branches} branches"
            )
        return self

    @model_validator(mode="after")
    def _parents_are_a_tree(self) -> Sizes:
        if self.parents and len(self.parents) != self.branches:
            raise ValueError(
                f"expected a parent for each of {self.branches} branches, or none, "
                f"got {len(self.parents)}"
            )
        for n, parent in enumerate(self.parents):
            wanted = f"in 0 .. {n - 1}" if n else "-1"
            if not (0 <= parent < n if n else parent == -1):
                raise ValueError(
                    f"expected the parent of branch {n} to be {wanted}, got {parent}"
                )
        return self


class Readout(_Strict):
    """How outputs become spikes and a soma voltage."""

    threshold_mV: float
    hazard_threshold: Positive
    memory_ms: Positive
    refractory_ms: Annotated[float, Field(ge=0)]
    clip_mV: float
    v_offset_mV: float
    v_scale_mV: float
    ap_start_ms: float
    ap_dt_ms: Positive


class Training(_Strict):
    """Where the weights come from."""

    command: str
    seeds: dict[str, int]
    sampler: str
    ranges: dict[str, JsonValue]
    data_hours: float
    training_hours: float
    hardware: str
    neuron_version: str
    torch_version: str


class Manifest(_Strict):
    """Everything a bundle declares; `canonical` is its form in the file."""

    format: Literal["ann_backend.bundle"] = FORMAT
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION
    name: str
    bin_ms: Annotated[float, Field(ge=1, le=1)] = 1.0
    channels: list[Channel] = Field(min_length=1)
    sizes: Sizes
    readout: Readout
    cell: dict[str, JsonValue]
    training: Training
    fidelity: dict[str, JsonValue]
    licence: str
    tensors_sha256: str = ""
    manifest_sha256: str = ""

    @field_validator("cell")
    @classmethod
    def _is_a_fingerprint(cls, cell: dict[str, JsonValue]) -> dict[str, JsonValue]:
        missing = {"digest", "v_init_mV", "celsius"} - cell.keys()
        if missing:
            raise ValueError(f"a fingerprint lacks the keys {sorted(missing)}")
        return cell


def canonical(document: dict[str, Any]) -> str:
    """JSON with one spelling: sorted keys, no spaces, ASCII, finite numbers.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(document: dict[str, Any]) -> str:
    """SHA-256 of the manifest with its own ``manifest_sha256`` left empty."""
    blank = canonical({**document, "manifest_sha256": ""})
    return hashlib.sha256(blank.encode()).hexdigest()


def tensor_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a bundle but ``ap`` [A], by name."""
    G, K, W = sizes.groups, sizes.kernels, sizes.taps
    N, U, P, H, M = sizes.branches, sizes.units, sizes.mix, sizes.hidden, sizes.head
    branch_features = N if sizes.parents else N * U
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (sizes.channels + sizes.feedback, G),
        "tau": (G, K),
        "branch_w": (W, N, G // N * K, U),
        "branch_b": (N, U),
        "head_w1": (H, M),
        "head_b1": (M,),
        "head_w2": (M, 3),
        "head_b2": (3,),
    }
    if sizes.parents:
        shapes |= {"gate": (5, N, U), "reversal": (N, U), "cable": (4, N)}
    if P:
        shapes |= {"mix_w": (branch_features, P), "mix_b": (P,)}
    for layer in range(sizes.layers):
        features = H if layer else P or branch_features
        shapes[f"lstm{layer}_wx"] = (features, 4 * H)
        shapes[f"lstm{layer}_wh"] = (H, 4 * H)
        shapes[f"lstm{layer}_bias"] = (4 * H,)
    return shapes
