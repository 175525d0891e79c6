"""A validation as one self-contained HTML page: tables, figures, definitions."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p.lead { color: #555; margin-top: .2rem; }
table { margin-bottom: 1.2rem; border-collapse: collapse;
  font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; }
th, td { border-bottom: 1px solid #e5e5e5; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
th { font-weight: 600; } .wide { overflow-x: auto; }
td small { color: #777; white-space: nowrap; }
img { width: 100%; height: auto; } figure { margin: .5rem 0 1.5rem; }
figcaption { color: #555; font-size: .9rem; }
dt { font-weight: 600; margin-top: .4rem; } dd { margin: 0; color: #444; }
"""

METRICS = {
    "auc": "ROC AUC, 1 ms bins",
    "f1_0.5ms": "F1@0.5 ms",
    "f1_1ms": "F1@1 ms",
    "f1_2ms": "F1@2 ms",
    "f1_5ms": "F1@5 ms",
    "vm_rmse_mV": "Vm RMSE, clipped (mV)",
    "variance_explained": "variance explained",
    "rate_error": "rate error, pooled",
    "precision_10ms": "precision, window of 10 ms",
    "recall_10ms": "recall, window of 10 ms",
    "f1_1ms_median_trial": "F1@1 ms, the median trial",
    "vm_rmse_near_spikes_mV": "Vm RMSE within 5 ms of spikes, unclipped (mV)",
    "isi_ks": "interspike intervals, KS distance",
    "burst_fraction": "burst fraction",
    "burst_fraction_teacher": "burst fraction of the reference",
}

PARTS = dict(list(METRICS.items())[:10])  # those that are sums over trials

DEFINITIONS = {
    "floor": "The teacher against itself at half its time step, on the same events: "
    "no surrogate can be told from the teacher beyond it. Beside stock NEURON, the "
    "floor is the teacher against stock NEURON.",
    "ROC AUC": "All 1 ms bins pooled. The floor has no hazard: its bins are scored by "
    "their nearness to a spike, so a surrogate that knows its doubt can exceed it.",
    "F1@d": "One-to-one matches of spikes within d ms either way, pooled: "
    "2 pairs / (found + true). The threshold is the bundle's, from validation data.",
    "Vm": "Soma voltage at the ends of 1 ms bins, both clipped from above at the "
    "bundle's clip. Variance explained: one less the mean square error over the "
    "teacher's variance.",
    "told the teacher's spikes": "The network hears the teacher's spikes, 1 ms late, "
    "in place of its own; threshold and refractory time still follow its own. What it "
    "gains over running freely is at most what its own spikes, heard, cost it.",
    "rate error": "(found - true) / true spikes of all trials. By trial: the share "
    "whose rate is right within so many per cent or 0.1 Hz.",
    "precision, recall": "With the 10 ms window of Oláh et al., eLife 11:e79535 "
    "(2022): a pair is within 5 ms either way.",
    "burst fraction": "Spikes with a neighbour closer than 20 ms.",
    "synchrony": "Variance over mean of a trial's events in windows of 5 ms; 1 for "
    "Poisson input.",
    "small print": "95 % confidence intervals, by bootstrap over whole trials.",
}


def page(result: Mapping[str, Any], figures: Mapping[str, tuple[str, str]]) -> str:
    """Lay a validation out as HTML that refers to nothing outside itself.

    Parameters
    ----------
    result : dict
        Of the command `validate`.
    figures : dict of str to (caption, SVG)
    """
    title = f"{escape(result['bundle'])} against {escape(result['cell'])}"
    parts = [
        f"<h1>{title}</h1>",
        f"<p class=lead>{_lead(result)}</p>",
        "<h2>Free running, beside the floor</h2>",
        _metrics(_whole(result), METRICS),
        _within(result),
        _failures(result["breaks_down_at"]),
        "<h2>Parts: the start, usual rates, where the teacher is sure of itself</h2>",
        _metrics(_parts(result), PARTS),
        *(_figure(name, *drawn) for name, drawn in figures.items()),
        _network(result["network"]),
        _notes(result),
        "<h2>By what the trials are like</h2>",
        *(_bins(name, records) for name, records in result["breakdown"].items()),
        "<h2>Definitions</h2><dl>",
        *(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in DEFINITIONS.items()),
        "</dl>",
    ]
    return "\n".join([_head(title), *parts, "</body></html>\n"])


def _head(title: str) -> str:
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
    )


def _lead(result: Mapping[str, Any]) -> str:
    low, high = result["rate_Hz"]
    return escape(
        f"{result['trials']} unseen trials of {result['seconds_per_trial']:g} s, "
        f"{result['spikes']} spikes, {low:.2g} to {high:.2g} Hz. Teacher: "
        f"{result['teacher']}. Manifest {result['manifest_sha256'][:12]}."
    )


Columns = list[tuple[str, Mapping[str, Any]]]


def _whole(result: Mapping[str, Any]) -> Columns:
    """Return all trials: against the teacher, against stock NEURON, floors beside."""
    columns: Columns = [("surrogate", result), ("floor", result["floor"])]
    stock = result["stock_neuron"]
    if isinstance(stock, Mapping):
        name = f"against stock NEURON<br>{stock['spikes']} spikes"
        columns += [(name, stock), ("its floor", stock["floor"])]
    return columns


def _parts(result: Mapping[str, Any]) -> Columns:
    """Return parts of the trials, and what it does told the teacher's spikes."""
    first, sure = result["first_300ms"], result["where_the_teacher_is_sure"]
    name = f"first 300 ms<br>{first['spikes']} spikes"
    columns: Columns = [(name, first), ("its floor", first["floor"])]
    usual = result["at_usual_rates"]
    if usual["trials"]:
        low, high = usual["range_Hz"]
        name = f"{usual['trials']} trials of {low:g} to {high:g} Hz"
        columns += [(name, usual), ("their floor", usual["floor"])]
    if sure["trials"]:
        name = f"{sure['trials']} trials with F1@1 ms &ge; .95<br>at half the step"
        columns += [(name, sure), ("their floor", sure["floor"])]
    told = result["told_the_teachers_spikes"]
    if told is not None:
        columns += [("all, told the teacher's spikes", told)]
        if usual["trials"]:
            columns += [("those of usual rates, told", told["at_usual_rates"])]
    return columns


def _metrics(columns: Columns, labels: Mapping[str, str]) -> str:
    rows = [
        f"<tr><td>{label}</td>{''.join(_value(side, key) for _, side in columns)}</tr>"
        for key, label in labels.items()
    ]
    heads = "".join(f"<th>{name}</th>" for name, _ in columns)
    return _table(f"<tr><th></th>{heads}</tr>", rows)


def _value(side: Mapping[str, Any], key: str) -> str:
    if side.get(key) is None:
        return "<td>&ndash;</td>"
    bounds = side.get("confidence_95", {}).get(key)
    text = _number(side[key])
    if bounds is not None and None not in bounds:
        text += f"<br><small>{_number(bounds[0])} to {_number(bounds[1])}</small>"
    return f"<td>{text}</td>"


def _number(value: float | None) -> str:
    if value is None:
        return "&ndash;"
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:.3f}"


def _within(result: Mapping[str, Any]) -> str:
    shares = [
        f"{100 * share:.0f} % within {bar}"
        for bar, share in result["rate_trials_within"].items()
    ]
    return f"<p>Rates by trial, or within 0.1 Hz: {', '.join(shares)}.</p>"


def _failures(where: Sequence[str]) -> str:
    if not where:
        return (
            "<p>No bin of 50 spikes or more has an F1@2 ms below 90 % of its floor.</p>"
        )
    items = "".join(f"<li>{escape(line)}</li>" for line in where)
    return f"<p>Below 90 % of the floor's F1@2 ms:</p><ul>{items}</ul>"


def _figure(name: str, caption: str, svg: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return (
        f"<h2>{escape(name)}</h2><figure><img alt='{escape(name)}' "
        f"src='data:image/svg+xml;base64,{data}'>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


NETWORK = {
    "rate_Hz": "rate (Hz)",
    "cv": "CV of the interspike intervals",
    "correlation": "correlation of counts in 20 ms, mean over pairs",
    "rate_error": "rate error",
    "psth_correlation": "correlation of PSTHs, 50 ms",
}


def _network(network: Mapping[str, Any] | None) -> str:
    if network is None:
        return ""
    sides = ("surrogate", "neuron", "half_step")
    rows = [
        f"<tr><td>{label}</td>"
        + "".join(f"<td>{_number(network[key].get(side))}</td>" for side in sides)
        + "</tr>"
        for key, label in NETWORK.items()
    ]
    said = (
        f"{network['cells']} cells, {network['synapses']} synapses between them, "
        f"{network['seconds']:g} s, {network['spikes']} spikes: the same graph, "
        "weights, delays and background in stock NEURON, and there at half its step."
    )
    heads = "<tr><th></th><th>surrogate</th><th>NEURON</th><th>half step</th></tr>"
    return f"<h2>Network</h2>{_table(heads, rows)}<p>{said}</p>"


def _notes(result: Mapping[str, Any]) -> str:
    """What has no figure of its own, in sentences."""
    lines = []
    ap = result["action_potential"]
    if ap is not None:
        lines.append(
            f"Action potential: peak {_number(ap['peak_mV'])} mV (teacher "
            f"{_number(ap['peak_mV_teacher'])}), width at half height "
            f"{_number(ap['width_ms'])} ms (teacher {_number(ap['width_ms_teacher'])})."
        )
    for name, key in (("Stock NEURON", "stock_neuron"), ("f-I curve", "current_steps")):
        if isinstance(result[key], str):
            lines.append(f"{name}: {result[key]}.")
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _bins(name: str, records: Sequence[Mapping[str, Any]]) -> str:
    if not records:
        return ""
    keys = ("auc", "f1_2ms", "vm_rmse_mV", "rate_error")
    heads = "".join(f"<th>{METRICS[key]}</th><th>floor</th>" for key in keys)
    rows = []
    for r in records:
        cells = "".join(
            f"<td>{_number(r[key])}</td><td>{_number(r[f'floor_{key}'])}</td>"
            for key in keys
        )
        rows.append(
            f"<tr><td>{r['low']:.4g} to {r['high']:.4g}</td><td>{r['trials']}</td>"
            f"<td>{r['spikes']}</td>{cells}</tr>"
        )
    label = escape(name.replace("_", " "))
    return _table(
        f"<tr><th>{label}</th><th>trials</th><th>spikes</th>{heads}</tr>", rows
    )


def _table(head: str, rows: Sequence[str]) -> str:
    return f"<div class=wide><table>{head}{''.join(rows)}</table></div>"
