"""Clients of the registry that nobody here wrote, in Node and Go, against a broker; outside CI, where Python's are (test_python.py).

    cd compat-tests && ../target/compat/venv/bin/python -m registry.clients
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import http
from harness.paths import BUILT

HERE = Path(__file__).resolve().parent
BUILD_S, RUN_S = 900, 60


def node():
    """Confluent's client for Node, and that of kafkajs."""
    folder = BUILT / "registry" / "node"
    shutil.copytree(HERE / "node", folder, dirs_exist_ok=True)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=BUILD_S)
    return ["node", str(folder / "serializers.js")]


def go():
    """franz-go's client, Confluent's with its serializers, and srclient."""
    program = BUILT / "registry" / "clients"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "go", check=True, timeout=BUILD_S)
    return [str(program)]


def main():
    for built in (node, go):
        command = built()
        with tempfile.TemporaryDirectory() as folder:
            asked = http.started(Path(folder))
            try:
                subprocess.run([*command, f"http://127.0.0.1:{asked.port}"], check=True, timeout=RUN_S)
                print(f"{built.__name__}: {built.__doc__}")
            finally:
                asked.broker.close()


if __name__ == "__main__":
    main()
