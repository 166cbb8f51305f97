"""Kafka Streams applications: joins, windows, repartition and changelog topics, lost state; and streams groups (KIP-1071)."""

from harness import program
from harness.paths import java_classpath

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.streams.initial.rebalance.delay.ms": "100",
    "group.streams.min.session.timeout.ms": "2000",
    "group.streams.session.timeout.ms": "2000",
    "group.streams.min.heartbeat.interval.ms": "250",
    "group.streams.heartbeat.interval.ms": "250",
}


def run(name, *arguments):
    """The program checks everything itself."""
    program.run(["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", java_classpath(), name, *arguments], 150)


def test_joins_and_counts_survive_the_loss_of_local_state(broker, tmp_path):
    """Every record, every count and the purged repartition topic."""
    run("compat.Joins", broker.bootstrap, str(tmp_path / "state"))


def test_streams_groups_share_tasks_and_survive_a_killed_instance(broker, tmp_path):
    """Internal topics, standby tasks, endpoints, exactly once, a shutdown that a member asks for, what tools show."""
    run("compat.Tasks", broker.bootstrap, str(tmp_path / "state"))
