"""Every numbered example runs as its first lines say, in a folder of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(command, folder):
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_readme_script_runs(tmp_path):
    text = (EXAMPLES.parent / "README.md").read_text()
    script = tmp_path / "script.py"
    script.write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    printed = run([sys.executable, script], tmp_path)
    assert float(printed.split(" spikes")[0]) > 10


def spikes(line, text):
    return int(re.search(rf"{line}: +(\d+) spikes", text)[1])


@pytest.mark.slow
def test_example_01_replaces_a_cell_and_gives_it_back(tmp_path):
    text = run([sys.executable, EXAMPLES / "01_replace_a_cell.py"], tmp_path)
    assert spikes("surrogate", text) == pytest.approx(spikes("NEURON", text), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", [["nrniv"], ["nrniv", "-python"]])
def test_example_02_runs_from_hoc(tmp_path, interpreter):
    program = Path(sys.executable).with_name(interpreter[0])
    script = EXAMPLES / "02_from_hoc.hoc"
    text = run([program, *interpreter[1:], "-nogui", script], tmp_path)
    assert spikes("surrogate", text) == pytest.approx(spikes("NEURON", text), rel=0.1)


@pytest.mark.slow
def test_example_03_trains_a_surrogate(tmp_path):
    run([sys.executable, EXAMPLES / "03_train_your_own.py"], tmp_path)


@pytest.mark.slow
def test_example_04_compares_both_backends(tmp_path):
    text = run([sys.executable, EXAMPLES / "04_compare_both_backends.py"], tmp_path)
    scores = [float(f1) for f1 in re.findall(r"F1 at 2 ms ([\d.]+)", text)]
    assert len(scores) == 5
    assert sum(scores) / 5 > 0.2  # spikes of the same rates by chance: 0.04


# Three standard deviations of the difference of NEURON runs of 2 s with two seeds, from
# six seeds: sqrt(2) times 2.6 % of the pyramids' rate, 0.9 % of the interneurons'.
# NEURON at half its step is 3.8 % (rms of three seeds) off the pyramids' rate.
FLOOR_PERCENT = {"pyramids": 10.9, "interneurons": 3.8, "inhibition": 3.8}


def test_example_05_keeps_rates_and_balance(tmp_path):
    example = [sys.executable, EXAMPLES / "05_mixed_network.py", "--seconds", "2"]
    text = run([*example, "--plot", "rates.png"], tmp_path)
    rows = re.findall(
        r"^(\w+).*? ([\d.]+) +([\d.]+) +([-+][\d.]+)%$", text, re.MULTILINE
    )
    found = {name: [float(x) for x in numbers] for name, *numbers in rows}
    for name, bound in FLOOR_PERCENT.items():
        neuron, mixed, error = found[name]
        assert neuron > 0.1
        assert mixed != neuron
        assert abs(error) < bound, text
    assert (tmp_path / "rates.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_the_rett_study_s_script_is_a_point_of_its_map(tmp_path):
    small = ["--cell", "HH", "--cells", "10"]
    command = [sys.executable, EXAMPLES / "rett" / "map.py", *small, "--points", "2"]
    command += ["--graphs", "1", "--out", "map.json", "--plot", "map.png"]
    run(command, tmp_path)
    assert (tmp_path / "map.png").exists()
    found = json.loads((tmp_path / "map.json").read_text())["networks"][-1]
    for backend, same in (("surrogate", True), ("neuron", False)):
        command = [sys.executable, EXAMPLES / "rett" / "script.py", *small]
        command += ["--connectivity", str(found["connectivity"]), "--backend", backend]
        command += ["--drive", str(found["drive_Hz"]), "--seed", str(found["seed"])]
        text = run(command, tmp_path)
        assert (json.loads(text)["digest"] == found["digest"]) == same
