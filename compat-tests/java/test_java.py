"""The Java client: producer, consumer and Admin of kafka-clients."""

from harness import program
from harness.paths import java_classpath


def scenario(broker, phase):
    program.run(["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", java_classpath(), "compat.Scenario", broker.bootstrap, phase])


def test_scenario_over_a_restart(broker):
    """Everything before the restart is there after it; the program checks every value itself."""
    scenario(broker, "before")
    broker.restart()
    scenario(broker, "after")
