"""Clients of every age: kafka-clients 0.11, 1.1, 2.0 and 2.8, and librdkafka 0.11. The newest ones are in java/ and rust/."""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from harness import program
from harness.deadline import until
from harness.paths import BUILT

AGES = BUILT / "ages"


def over_a_restart(broker, *command):
    """Everything before the restart is there after it; the program checks every value itself."""
    program.run([*command, "before"])
    broker.restart()
    program.run([*command, "after"])


@pytest.mark.parametrize("version", ["0.11.0.3", "1.1.1", "2.0.1", "2.8.2"])
def test_kafka_clients(broker, version):
    classpath = f"{AGES / version / 'classes'}:{(AGES / version / 'classpath.txt').read_text().strip()}"
    java = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath]
    over_a_restart(broker, *java, "ages.Client", broker.bootstrap, f"ages-{version}")


def test_librdkafka_0_11(broker):
    topic = "ages-librdkafka"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    until("topic", lambda: topic in admin.list_topics(timeout=10).topics, 30)
    over_a_restart(broker, str(AGES / "rust" / "debug" / "compat-ages"), broker.bootstrap, topic)
