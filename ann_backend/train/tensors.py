"""The tensors of a network, as a bundle has them, and back.

Between `model` and `export` in the training line.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ann_backend.bundle import Bundle
from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription
from ann_backend.train.model import MIX_GAIN, Network

__all__ = ["take", "tensors"]

BEHIND = ("mix", "lstm", "head")  # the branch units and their tree


def tensors(network: Network) -> dict[str, NDArray[np.float32]]:
    """Weights by their names in the bundle, the traces' scale and the gain folded in.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict of str to array
        Everything but ``ap``.
    """
    groups, lstm = len(network.tau), network.lstm
    rows = _rows(network)
    embedding = np.zeros((rows.max() + 1, groups), np.float32)
    started = network.log_embedding.detach().exp()
    embedding[rows, network.of.cpu().numpy()] = started.cpu().numpy()
    found = {"embedding": embedding, "tau": network.tau.cpu().numpy()}
    scale = network.scale.reshape(1, network.branches, -1, 1)
    named = {"branch_w": network.branch_w / scale, "branch_b": network.biases()}
    if network.shape.tree:
        named |= network.tree.tensors()
    if network.shape.mix:
        named["mix_w"] = MIX_GAIN * network.mix.weight.T
        named["mix_b"] = MIX_GAIN * network.mix.bias
    for k in range(network.shape.layers):
        named[f"lstm{k}_wx"] = getattr(lstm, f"weight_ih_l{k}").T
        named[f"lstm{k}_wh"] = getattr(lstm, f"weight_hh_l{k}").T
        named[f"lstm{k}_bias"] = getattr(lstm, f"bias_ih_l{k}") + getattr(
            lstm, f"bias_hh_l{k}"
        )
    for k, head in ((1, network.head1), (2, network.head2)):
        named[f"head_w{k}"], named[f"head_b{k}"] = head.weight.T, head.bias
    found |= {name: t.detach().cpu().numpy() for name, t in named.items()}
    return {k: np.ascontiguousarray(v, np.float32) for k, v in found.items()}


def _rows(network: Network) -> NDArray[np.int64]:
    """Of the embedding, by channel, (C, 1): those of own spikes share the last."""
    return np.minimum(np.arange(len(network.of)), network.channels)[:, None]


def take(network: Network, bundle: Bundle, cell: CellDescription) -> bool:
    """Let a network begin with a bundle's tensors.

    A wider one begins as the bundle is: what it has beyond that is heard by nothing
    that was there (after Chen et al., ICLR 2016, Net2Net). One that is narrower
    somewhere, or has other layers, takes the front: embedding, branch units, tree.

    Parameters
    ----------
    network : Network
    bundle : Bundle
    cell : CellDescription
        What the network is of.

    Returns
    -------
    bool
        Whether it took all of them. Else mix, LSTM and head stay as they are.

    Raises
    ------
    AnnBackendError
        Channels, groups or branch units are others.
    """
    made = tensors(network)
    theirs_too = [c.name for c in bundle.manifest.channels]
    grouped = bundle.tensors["embedding"] != 0
    if theirs_too != [c.name for c in cell.channels] or not np.array_equal(
        grouped, made["embedding"] != 0
    ):
        raise AnnBackendError(
            f"{bundle.manifest.name}: expected a bundle of {cell.name}'s channels, in "
            "the same branches, to begin with; this one has others"
        )
    wanted, got = ({n: a.shape for n, a in x.items()} for x in (made, bundle.tensors))
    names = sorted(made.keys() | bundle.tensors.keys() - {"ap"})
    differ = [n for n in names if wanted.get(n) != got.get(n)]
    for name in differ:
        if not name.startswith(BEHIND):
            raise AnnBackendError(
                f"{bundle.manifest.name}: expected '{name}' of shape "
                f"{wanted.get(name)} to begin with, got {got.get(name)}; use a bundle "
                "whose branch units are of that shape"
            )
    whole = wanted.keys() == got.keys() - {"ap"} and all(
        a >= b for n in differ for a, b in zip(wanted[n], got[n], strict=True)
    )
    given = {name: torch.from_numpy(a.copy()) for name, a in bundle.tensors.items()}
    with torch.no_grad():
        _take_front(network, given)
        if whole:
            _take_behind(network, given)
    return whole


def _take_front(network: Network, given: dict[str, torch.Tensor]) -> None:
    scale = network.scale.reshape(1, network.branches, -1, 1)
    rows = torch.from_numpy(_rows(network))
    network.tau.copy_(given["tau"])
    network.log_embedding.copy_(given["embedding"][rows, network.of].log())
    network.branch_w.copy_(given["branch_w"] * scale)
    network.branch_b.copy_(given["branch_b"][:, : network.branch_b.shape[1]])
    if network.shape.tree:
        network.tree.take(given)


def _take_behind(network: Network, given: dict[str, torch.Tensor]) -> None:
    lstm = network.lstm
    if network.shape.mix:
        _put(network.mix.weight, given["mix_w"].T / MIX_GAIN)
        _put(network.mix.bias, given["mix_b"] / MIX_GAIN)
    for k in range(network.shape.layers):
        bias = given[f"lstm{k}_bias"]
        _put(getattr(lstm, f"weight_ih_l{k}"), given[f"lstm{k}_wx"].T, 4)
        _put(getattr(lstm, f"weight_hh_l{k}"), given[f"lstm{k}_wh"].T, 4)
        _put(getattr(lstm, f"bias_ih_l{k}"), bias, 4)
        _put(getattr(lstm, f"bias_hh_l{k}"), torch.zeros_like(bias), 4)
    for k, head in ((1, network.head1), (2, network.head2)):
        _put(head.weight, given[f"head_w{k}"].T)
        _put(head.bias, given[f"head_b{k}"])


def _put(layer: torch.Tensor, given: torch.Tensor, gates: int = 1) -> None:
    """Weights or biases of a layer into one that may be wider, gate by gate."""
    within = layer.view(gates, len(layer) // gates, -1)
    part = given.reshape(gates, len(given) // gates, -1)
    _, units, inputs = part.shape
    within[:, :units] = 0.0  # they do not hear inputs that are new
    within[:, :units, :inputs] = part
