"""Formatting, both ways: what Apache Kafka's StorageTool has formatted we start on, and it accepts what we have formatted."""

import os
import shutil
import subprocess

import pytest

from files.kafka import barnabas
from harness import apache_kafka, java_tools, program
from harness.broker import Barnabas, free_port

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="about barnabas and its files")

STORAGE_TOOL = "kafka.tools.StorageTool"
USER = "SCRAM-SHA-256=[name=alice,password=alice-secret]"
STATIC = {"controller.quorum.voters": "1@127.0.0.1:{port}"}
CHOSEN = ["--release-version", "4.0", "--feature", "group.version=0", "--add-scram", USER]


def prepare(tmp_path, quorum):
    """A node's settings, its flags for `format`, and its log directory; of a broker that isn't started yet."""
    broker = Barnabas(tmp_path)
    controller = free_port()
    more = {name: value.format(port=controller) for name, value in quorum.items()}
    broker.settings = apache_kafka.settings(broker.port, controller, tmp_path / "data", more)
    properties = apache_kafka.write(tmp_path, broker.settings)
    alone = [] if quorum else ["--standalone"]
    return broker, ["-c", str(properties), *alone, "-t", apache_kafka.CLUSTER_ID, *CHOSEN]


@pytest.mark.parametrize("quorum", [STATIC, {}], ids=["static", "dynamic"])
def test_a_folder_of_kafkas_tool_is_started_on(tmp_path, quorum):
    broker, flags = prepare(tmp_path, quorum)
    program.run(java_tools.java(STORAGE_TOOL, "format", *flags), 60)
    try:
        broker.start()
        features = java_tools.tool(broker, java_tools.TOOLS + "FeatureCommand", "describe")
        lines = [line.split() for line in features.splitlines() if "FinalizedVersionLevel:" in line]
        levels = {line[1]: line[line.index("FinalizedVersionLevel:") + 1] for line in lines}
        chosen = [levels[f"{name}.version"] for name in ("metadata", "group", "transaction", "kraft")]
        assert chosen == ["4.0-IV3", "0", "2", "0" if quorum else "1"]
        users = java_tools.tool(broker, java_tools.TOOLS + "ConfigCommand", "--describe", "--entity-type", "users")
        assert "user-principal 'alice' are SCRAM-SHA-256=iterations=4096" in users
        broker.stop()
    finally:
        broker.close()


@pytest.mark.parametrize("quorum", [STATIC, {}], ids=["static", "dynamic"])
def test_kafkas_tool_accepts_what_we_formatted(tmp_path, quorum):
    broker, flags = prepare(tmp_path, quorum)
    told = barnabas("format", *flags)
    info = program.run(java_tools.java(STORAGE_TOOL, "info", *flags[:2]), 60)
    assert info == barnabas("info", *flags[:2])
    again = subprocess.run(java_tools.java(STORAGE_TOOL, "format", *flags), capture_output=True, text=True, timeout=60)
    assert (again.returncode, again.stderr) == (1, barnabas("format", *flags, code=1))
    shutil.rmtree(tmp_path / "data")
    theirs = program.run(java_tools.java(STORAGE_TOOL, "format", *flags), 60)
    assert told.splitlines()[1:] == theirs.splitlines()[1:], "the first line has salt and keys"
    broker.close()
