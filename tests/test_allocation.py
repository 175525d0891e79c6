"""A step of the engine takes no memory."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent

STEPS = """
import ctypes, sys
sys.path.insert(0, sys.argv[2])
from random_network import engine
library = ctypes.CDLL(sys.argv[1])
pointer = ctypes.pythonapi.PyCapsule_GetPointer
pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
library.allocations_of_steps.argtypes = [ctypes.c_void_p, ctypes.c_int]
before = library.allocations()
surrogates = [engine(100, threads=threads) for threads in (1, 2)]
print(library.allocations() - before)
for surrogate in surrogates:
    population = pointer(surrogate.population, b"ann_backend.population")
    print(library.allocations_of_steps(population, 100))
"""


def test_a_step_allocates_nothing(tmp_path):
    library = tmp_path / "count_new.so"
    flags = ["-O1", "-shared", "-fPIC", "-std=c++17", f"-I{TESTS.parent / 'csrc'}"]
    source = str(TESTS / "count_new.cpp")
    subprocess.run(["g++", *flags, source, "-o", str(library)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(library), str(TESTS)],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=True,
    )
    started, *steps = map(int, done.stdout.split())
    assert started > 0  # it counts
    assert steps == [0, 0]
