"""Faults on request (docs/FAULTS.md), seen by the Java client."""

from harness import program
from harness.paths import java_classpath

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.heartbeat.interval.ms": "300",
    "group.consumer.heartbeat.interval.ms": "300",
}


def test_java_client(broker):
    """The program sets the rules itself, and checks what it sees."""
    flags = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    program.run(["java", *flags, "-cp", java_classpath(), "compat.Faults", broker.bootstrap], 90)
