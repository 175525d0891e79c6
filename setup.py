"""Forward to pip, for tools that still call ``python setup.py``.

The build is described in pyproject.toml and csrc/CMakeLists.txt.
"""

import subprocess
import sys

FORWARD = {
    "install": ["install", "."],
    "develop": ["install", "-e", "."],
    "bdist_wheel": ["wheel", "--no-deps", "-w", "dist", "."],
}

if __name__ == "__main__":
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in FORWARD:
        sys.exit(
            f"setup.py: expected one of {sorted(FORWARD)}, got {sys.argv[1:]}; "
            "use `pip install .` instead"
        )
    sys.exit(subprocess.call([sys.executable, "-m", "pip", *FORWARD[verb]]))
