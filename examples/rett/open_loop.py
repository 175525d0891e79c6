"""A network whose cells hear given spikes in place of each other's.

Beside `compare.py`: what a cell does with a network's input, without the network.
"""

from dataclasses import replace

import network
import numpy as np


def opened(net, trains):
    """The network without connections; what they bring, of given spikes, is played.

    Parameters
    ----------
    net : network.Network
    trains : list of array
        Spike times of each cell, ms.

    Returns
    -------
    network.Network
    """
    peaks = [plastic(train, **network.PLASTICITY) for train in trains]
    many = np.array([len(trains[k]) for k in net.pre], int)
    brought = net.weight.repeat(many) * joined(peaks, net.pre)
    given = {
        "cell": np.append(net.cell, net.post.repeat(many)),
        "place": np.append(net.place, net.site.repeat(many)),
        "weights": np.append(net.weights, brought),
        "t": np.append(net.t, joined(trains, net.pre) + network.DELAY_MS),
    }
    order = np.argsort(given["t"], kind="stable")
    none = {name: getattr(net, name)[:0] for name in ("pre", "post", "site", "weight")}
    return replace(net, **none, **{k: a[order] for k, a in given.items()})


def joined(parts, which):
    """Some of the arrays, one after the other."""
    return np.concatenate([np.empty(0), *(parts[k] for k in which)])


def plastic(train, U, tau_rec, tau_fac):
    """Share of its weight that each spike of a train brings (Tsodyks & Markram, 1998).

    As ``ann_AMPANMDA`` has it; times in ms.
    """
    found, last, u, used = np.empty(len(train)), 0.0, 0.0, 0.0
    for k, t in enumerate(train):
        u = U + u * (1 - U) * np.exp((last - t) / tau_fac)
        left = 1 - used * np.exp((last - t) / tau_rec)
        found[k], used, last = u * left, 1 - left * (1 - u), t
    return found
