"""Who may import whom: what ruff's TID251 cannot say by folder."""

import ast
from pathlib import Path

import ann_backend

PACKAGE = Path(ann_backend.__file__).parent


def imports(folder):
    """Pairs (file name, imported module) of a folder of the package."""
    for file in sorted((PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                yield file.name, node.module or ""
                for alias in node.names:
                    yield file.name, f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield file.name, alias.name


def test_run_imports_neither_torch_nor_train():
    banned = ("torch", "ann_backend.train")
    assert [pair for pair in imports("run") if pair[1].startswith(banned)] == []


def test_only_validate_crosses_from_train_to_run():
    crossing = {f for f, module in imports("train") if "ann_backend.run" in module}
    assert crossing <= {"validate.py"}


def test_what_runs_in_the_peers_environment_imports_nothing_of_ours():
    banned = ("ann_backend", "neuron")
    there = imports("bench/peers/there")
    assert [pair for pair in there if pair[1].startswith(banned)] == []
