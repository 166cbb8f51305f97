"""A Kafka Streams application without transactions: joins, windows, repartition and changelog topics, lost state."""

from harness import program
from harness.paths import java_classpath

SETTINGS = {"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "4"}


def test_joins_and_counts_survive_the_loss_of_local_state(broker, tmp_path):
    """The program checks every record, every count and the purged repartition topic itself."""
    program.run(["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", java_classpath(), "compat.Joins",
                 broker.bootstrap, str(tmp_path / "state")], 150)
