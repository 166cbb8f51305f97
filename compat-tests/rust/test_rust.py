"""The Rust client: rdkafka (librdkafka)."""

from harness import program
from harness.paths import BUILT


def test_scenario_over_a_restart(broker):
    """Everything before the restart is there after it; the program checks every value itself."""
    binary = str(BUILT / "rust" / "debug" / "compat-rdkafka")
    program.run([binary, broker.bootstrap, "before"])
    broker.restart()
    program.run([binary, broker.bootstrap, "after"])
