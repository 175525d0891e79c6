"""The model in torch and numpy, from its definition, and events to run it on."""

import numpy as np
import torch

torch.set_num_threads(1)  # a pool only gets in the way of networks this small


def trials(B, T, C=3, per_bin=1.5, seed=1):
    """Events of T bins: for each bin the arrays row, channel, weight, t."""
    rng = np.random.default_rng(seed)
    bins = []
    for t0 in range(T):
        n = rng.poisson(per_bin * B)
        row = rng.integers(0, B, n, np.int32)
        channel = rng.integers(0, C, n, np.int32)
        weight = rng.uniform(0.001, 0.04, n)
        t = t0 + rng.random(n)
        if n > 3:  # ties, as synchronous volleys make them
            t[1] = t[0]
            row[1], channel[1] = row[0], channel[0]
        bins.append((row, channel, weight, t))
    return bins


def run(surrogate, bins):
    """Outputs [T, B, 3], voltages [T, B], spikes as a sorted list of (row, t)."""
    outputs, voltages, spikes = [], [], []
    for t0, events in enumerate(bins):
        v, row, t = surrogate.step(float(t0), *events)
        outputs.append(surrogate.outputs)
        voltages.append(v)
        spikes += zip(row.tolist(), t.tolist(), strict=True)
    return np.array(outputs), np.array(voltages), sorted(spikes)


def reference_traces(named, B, bins):
    """Traces [T, B, G*K] in float64, straight from their definition."""
    embedding, tau = named["embedding"].astype(float), named["tau"].astype(float)
    a = np.zeros((B, *tau.shape))
    traces = []
    for t0, (row, channel, weight, t) in enumerate(bins):
        a = a * np.exp(-1 / tau)
        age = (t0 + 1 - t)[:, None, None]
        size = embedding[channel][:, :, None] * weight[:, None, None]
        np.add.at(a, row, size * np.exp(-age / tau))
        traces.append(a.reshape(B, -1))
    return np.array(traces)


def reference_tree(named, parents, u):
    """Voltages [B, T, N] of a tree with the units u [B, T, N, U], in float64."""
    slope, bias, rate, slope_m, bias_m = named["gate"].astype(float)
    kept, own, axial, current = named["cable"].astype(float)
    reversal = named["reversal"].astype(float)
    n, p = np.arange(1, u.shape[2]), parents[1:]
    fixed = np.diag(own)
    np.add.at(fixed, (n, n), axial[1:])
    np.add.at(fixed, (p, p), axial[1:])
    fixed[n, p] = fixed[p, n] = -axial[1:]
    v, gate = np.zeros((len(u), u.shape[2])), 1 / (1 + np.exp(-bias))
    voltages = []
    for t in range(u.shape[1]):
        gate = gate + rate * (1 / (1 + np.exp(-slope * v[..., None] - bias)) - gate)
        g = u[:, t] * gate / (1 + np.exp(-slope_m * v[..., None] - bias_m))
        system = fixed + g.sum(2)[..., None] * np.eye(len(own))
        inflow = kept * v + current + (g * reversal).sum(2)
        v = np.linalg.solve(system, inflow[..., None])[..., 0]
        voltages.append(v)
    return np.stack(voltages, 1)


def reference_outputs(named, traces, parents=()):
    """The model in torch (float32): outputs [T, B, 3]."""
    w = {name: torch.tensor(tensor) for name, tensor in named.items()}
    W, N = w["branch_w"].shape[:2]
    a = torch.tensor(traces.astype(np.float32)).permute(1, 0, 2)  # [B, T, G*K]
    a = torch.nn.functional.pad(a, (0, 0, W - 1, 0)).unflatten(2, (N, -1))
    T = len(traces)
    u = w["branch_b"] + sum(
        torch.einsum("btni,niu->btnu", a[:, W - 1 - j : W - 1 - j + T], kernel)
        for j, kernel in enumerate(w["branch_w"])
    )
    u = torch.relu(u)
    if len(parents):
        x = torch.tensor(reference_tree(named, np.array(parents), u.numpy())).float()
    else:
        x = u.flatten(2)
    if "mix_w" in w:
        x = x @ w["mix_w"] + w["mix_b"]
        x = x / torch.sqrt(1 + x.abs())
    layer = 0
    while f"lstm{layer}_wx" in w:
        wx, wh = w[f"lstm{layer}_wx"], w[f"lstm{layer}_wh"]
        lstm = torch.nn.LSTM(wx.shape[0], wh.shape[0], batch_first=True)
        lstm.weight_ih_l0.data = wx.T.contiguous()
        lstm.weight_hh_l0.data = wh.T.contiguous()
        lstm.bias_ih_l0.data = w[f"lstm{layer}_bias"]
        lstm.bias_hh_l0.data.zero_()
        x = lstm(x)[0]
        layer += 1
    y = torch.relu(x @ w["head_w1"] + w["head_b1"]) @ w["head_w2"] + w["head_b2"]
    return y.detach().numpy().transpose(1, 0, 2)


def reference_spikes(outputs, readout):
    """Sorted list of (row, t): spikes of gathered hazard, which take 1 each, or all."""
    kept = np.exp(-1.0 / readout["memory_ms"])
    p, offset = 1 / (1 + np.exp(-outputs[..., :2].astype(float))).transpose(2, 0, 1)
    spikes = []
    for row in range(outputs.shape[1]):
        gathered, last = 0.0, -1e9
        for t0 in range(len(outputs)):
            t = t0 + offset[t0, row]
            gathered = gathered * kept + p[t0, row]
            enough = gathered >= readout["hazard_threshold"]
            if enough and t - last >= readout["refractory_ms"]:
                spikes.append((row, t))
                gathered, last = min(gathered - 1.0, 0.0), t
    return sorted(spikes)
