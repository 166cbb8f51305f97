"""Python clients: confluent-kafka (librdkafka), kafka-python, aiokafka."""

import sys
from pathlib import Path

import pytest

from harness import program

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("client", ["confluent", "kafka_python", "aio"])
def test_scenario_over_a_restart(broker, client):
    """Everything before the restart is there after it; each program checks every value itself."""
    program.run([sys.executable, f"{client}.py", broker.bootstrap, "before"], cwd=HERE)
    broker.restart()
    program.run([sys.executable, f"{client}.py", broker.bootstrap, "after"], cwd=HERE)


def test_transactions_of_librdkafka(broker):
    """Reads, processes and writes in transactions; a second producer of the same id fences the first."""
    program.run([sys.executable, "transactions.py", broker.bootstrap], cwd=HERE)
