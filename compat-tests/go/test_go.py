"""Go clients: franz-go, sarama, kafka-go."""

import pytest

from harness import program
from harness.paths import BUILT


@pytest.mark.parametrize("client", ["franz", "sarama", "segmentio"])
def test_scenario_over_a_restart(broker, client):
    """Everything before the restart is there after it; each program checks every value itself."""
    program.run([str(BUILT / "go" / client), broker.bootstrap, "before"])
    broker.restart()
    program.run([str(BUILT / "go" / client), broker.bootstrap, "after"])


def test_transactions(broker):
    """Loops that read, process and write in transactions, of franz-go and sarama."""
    program.run([str(BUILT / "go" / "transactions"), broker.bootstrap])


def test_share_groups_over_a_kill(broker):
    """franz-go's share group: accepted, released, rejected and renewed; nothing of it comes again after kill -9."""
    program.run([str(BUILT / "go" / "share"), broker.bootstrap, "before"])
    broker.restart(hard=True)
    program.run([str(BUILT / "go" / "share"), broker.bootstrap, "after"])
