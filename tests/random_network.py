"""A network with random weights, an engine for it, and a manifest that fits it."""

import numpy as np
import pytest

from ann_backend import _engine
from ann_backend.bundle import Channel, Manifest, Readout, Sizes, Synapse, Training

READOUT = {
    "threshold_mV": -20.0,
    "hazard_threshold": 0.9,
    "memory_ms": 2.0,
    "refractory_ms": 2.0,
    "clip_mV": -55.0,
    "v_offset_mV": -65.0,
    "v_scale_mV": 5.0,
    "ap_start_ms": -0.2,
    "ap_dt_ms": 0.05,
}

NO_GPU = _engine.cuda_refusal()


ON_GPU = (
    pytest.mark.cuda,
    pytest.mark.skipif(bool(NO_GPU), reason=f"no CUDA device: {NO_GPU}"),
)


def on_gpu(test):
    """Mark a test that needs a CUDA device and a build with CUDA."""
    for mark in ON_GPU:
        test = mark(test)
    return test


def on_gpus(*names):
    """Variants of the CUDA engine as parameters, as far as this build has them."""
    return [pytest.param(n, marks=ON_GPU) for n in names if n in _engine.cuda_variants]


# Variants that compute in float32: the CPU's, the CUDA step on the host, and on a GPU.
VARIANTS = [*_engine.cpu_variants, "float32-host", *on_gpus("float32")]


# Parents of branches: none, and a tree with a fork at the root and one further out.
NO_TREE, TREE = (), (-1, 0, 1, 1, 0, 4)
networks = pytest.mark.parametrize("parents", [NO_TREE, TREE], ids=["plain", "tree"])


def tensors(
    C=3, G=6, K=4, W=3, N=3, U=5, P=10, H=24, L=2, M=16, A=40, seed=1, parents=NO_TREE
):
    """Tensors of a bundle, float32, scaled so that activity stays in range."""
    rng = np.random.default_rng(seed)
    N = len(parents) or N

    def matrix(*shape):
        fan_in = shape[-2] if len(shape) > 1 else 100
        return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)

    named = {
        "embedding": rng.uniform(5, 20, (C, G)).astype(np.float32),
        "tau": np.geomspace(0.5, 20, K * G, dtype=np.float32).reshape(K, G).T.copy(),
        "branch_w": matrix(W, N, G // N * K, U),
        "branch_b": matrix(N, U),
        "head_w1": 2 * matrix(H, M),
        "head_b1": matrix(M),
        "head_w2": 3 * matrix(M, 3),
        "head_b2": matrix(3),
        "ap": np.linspace(-50, 20, A, dtype=np.float32),
    }
    D = N if parents else N * U
    if P:
        named |= {"mix_w": matrix(D, P), "mix_b": matrix(P)}
    for layer in range(L):
        named[f"lstm{layer}_wx"] = 2 * matrix(H if layer else P or D, 4 * H)
        named[f"lstm{layer}_wh"] = matrix(H, 4 * H)
        named[f"lstm{layer}_bias"] = matrix(4 * H)
    # a hazard that rises and falls, a voltage on both sides of the clip
    named["head_w2"] *= np.float32([8, 1, 10])
    named["head_b2"] = np.float32([9, 0, 16] if parents else [10, 0, 6])
    named["embedding"][rng.random((C, G)) < 0.4] = 0
    return named | (_cable(rng, N, U) if parents else {})


def _cable(rng, N, U):
    """Tensors of a tree: voltages of about 1, gates that follow them."""
    gate = rng.uniform([[[-2]], [[-1]], [[0.1]]], [[[2]], [[1]], [[1]]], (3, N, U))
    cable = rng.uniform([[0], [1], [0], [-1]], [[1], [2], [3], [1]], (4, N))
    cable[2, 0] = 0
    named = {"reversal": rng.uniform(-3, 3, (N, U)), "cable": cable}
    activation = rng.uniform([[[-1]], [[2]]], [[[1]], [[4]]], (2, N, U))
    named["gate"] = np.concatenate([gate, activation])
    return {name: tensor.astype(np.float32) for name, tensor in named.items()}


def engine(
    rows=1,
    named=None,
    *,
    variant="",
    threads=1,
    parents=NO_TREE,
    feedback=False,
    **readout,
):
    """The engine of a random network, or of one with the tensors `named`.

    With feedback the last of its four channels is the rows' own.
    """
    named = tensors(C=3 + feedback, parents=parents) if named is None else named
    readout = {**READOUT, **readout}
    cuda = variant in [*_engine.cuda_variants, *_engine.cuda_host_variants]
    backend = "cuda" if cuda else "cpu"
    return _engine.Engine(
        named, readout, backend, rows, threads, variant, parents, feedback
    )


NONE = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


def event(channel=0, weight=0.01, t=0.5, row=0):
    """One event, as the arrays that step takes."""
    return (
        np.array([row], np.int32),
        np.array([channel], np.int32),
        np.array([weight], np.float64),
        np.array([t], np.float64),
    )


def manifest(
    C=3,
    G=6,
    K=4,
    W=3,
    N=3,
    U=5,
    P=10,
    H=24,
    L=2,
    M=16,
    parents=NO_TREE,
    feedback=False,
):
    """A manifest that fits `tensors` of the same sizes."""
    channels = [
        Channel(
            name=f"channel{c}",
            location="soma(0.5)",
            synapses=[Synapse(mechanism="ExpSyn", parameters={"tau": 2.0, "e": 0.0})],
            weight_uS=(0.001, 0.04),
            rate_Hz=(0.0, 500.0),
        )
        for c in range(C)
    ]
    return Manifest(
        name="random",
        channels=channels,
        sizes=Sizes(
            channels=C,
            groups=G,
            kernels=K,
            taps=W,
            branches=len(parents) or N,
            units=U,
            mix=P,
            hidden=H,
            layers=L,
            head=M,
            parents=list(parents),
            feedback=feedback,
        ),
        readout=Readout(**READOUT),
        cell={"digest": "0", "v_init_mV": -65.0, "celsius": 6.3, "µ": [1, 2.5, None]},
        training=Training(
            command="none",
            seeds={"weights": 0},
            sampler="none",
            ranges={},
            data_hours=0.0,
            training_hours=0.0,
            hardware="none",
            neuron_version="9.0.2",
            torch_version="2.13.0",
        ),
        fidelity={},
        licence="BSD-3-Clause",
    )
