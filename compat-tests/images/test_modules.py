"""Testcontainers' own modules with this image in place of theirs."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import paths

HERE = Path(__file__).resolve().parent
# The first start of a JVM on a busy machine.
DEADLINE_S = 150

VARIABLES = {
    # There is nothing to clean up after, and no image to do it with.
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_HOST_OVERRIDE": "localhost",
    "TESTCONTAINERS_CHECKS_DISABLE": "true",
}


def run(engine, command, cwd=HERE):
    environment = {**engine.environment, **VARIABLES}
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and done.stdout.endswith("ok\n"), done.stdout[-4000:] + done.stderr[-4000:]


@pytest.fixture(scope="module")
def tagged(engine):
    """The image under a version, which modules read out of the name."""

    def tag(version: str) -> str:
        engine.run("tag", "barnabas:latest", f"barnabas:{version}")
        return f"barnabas:{version}"

    return tag


@pytest.mark.parametrize("module", ["kafka", "kafka-kraft", "redpanda"])
def test_python(engine, tagged, module):
    run(engine, [sys.executable, "python/modules.py", tagged("8.0.0"), module])


@pytest.mark.parametrize("module", ["zookeeper", "kraft"])
def test_node(engine, tagged, module):
    run(engine, ["node", "modules.js", tagged("7.4.0"), module], HERE / "node")


@pytest.mark.parametrize("module", ["apache", "confluent", "old", "redpanda"])
def test_java(engine, tagged, module):
    classpath = (paths.BUILT / "images.classpath").read_text().strip()
    run(engine, ["java", "-Dapi.version=1.41", "-cp", classpath, "java/Modules.java", tagged("7.4.0"), module])
