"""Node clients: kafkajs, @confluentinc/kafka-javascript."""

from pathlib import Path

import pytest

from harness import program

HERE = Path(__file__).resolve().parent
# librdkafka's refresh of metadata, now and then between two deletions of a topic, would create it again.
SETTINGS = {"auto.create.topics.enable": "false"}


@pytest.mark.parametrize("client", ["kafkajs", "confluent"])
def test_scenario_over_a_restart(broker, client):
    """Everything before the restart is there after it; each program checks every value itself."""
    program.run(["node", f"{client}.js", broker.bootstrap, "before"], cwd=HERE)
    broker.restart()
    program.run(["node", f"{client}.js", broker.bootstrap, "after"], cwd=HERE)


def test_transactions_of_kafkajs(broker):
    """Commits and aborts, with offsets of a group; the program checks what is read."""
    program.run(["node", "transactions.js", broker.bootstrap, "run"], cwd=HERE)
