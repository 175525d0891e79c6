"""A command's result as text: scalars one a line, lists of records as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def render(result: Mapping[str, Any]) -> str:
    """Lay out a JSON-like result for a terminal.

    Scalars come first, aligned; then every list of records as a table whose
    columns are the keys of its first record.
    """
    flat = _flatten(result)
    width = max((len(key) for key in flat), default=0)
    lines = [f"{key:<{width}}  {_cell(value)}" for key, value in flat.items()]
    for key, value in result.items():
        if _is_table(value):
            lines += ["", f"{key}:", *_table(value)]
    return "\n".join(lines)


def _flatten(result: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in result.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        elif not _is_table(value):
            flat[prefix + key] = value
    return flat


def _is_table(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) > 0
        and all(isinstance(row, Mapping) for row in value)
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    header = list(rows[0])
    cells = [header, *([_cell(row.get(key)) for key in header] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return [
        "  ".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True))
        for row in cells
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
