"""A log that cannot be cleaned is named and left alone; the others are cleaned."""

import re

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from harness.deadline import until

SETTINGS = {"log.cleaner.backoff.ms": "100", "log.cleaner.min.cleanable.ratio": "0.001"}


def test_a_corrupt_log_does_not_keep_others_from_being_cleaned(broker):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    config = {"cleanup.policy": "compact", "segment.bytes": "1048576", "min.compaction.lag.ms": "3600000"}
    for topic in ("spoiled", "sound"):
        for future in admin.create_topics([NewTopic(topic, 1, 1, config=config)]).values():
            future.result(60)
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        for number in range(400):
            producer.produce(topic, bytes(10_000), f"key-{number % 10}")
            producer.flush(60)
    log = broker.folder / "data" / "spoiled-0" / "00000000000000000000.log"
    before = log.read_bytes()
    with log.open("r+b") as file:
        file.seek(500_000)
        file.write(b"spoiled")
    at_once = ConfigEntry("min.compaction.lag.ms", "0", incremental_operation=AlterConfigOpType.SET)
    for topic in ("spoiled", "sound"):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[at_once])
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(60)
    checkpoint = broker.folder / "data" / "cleaner-offset-checkpoint"
    until("mark on the log", lambda: "marked uncleanable" in broker.log.read_text() and checkpoint.exists(), 60)
    named = [line for line in broker.log.read_text().splitlines() if "marked uncleanable" in line]
    assert len(named) == 1 and "spoiled-0/00000000000000000000.log is corrupt at byte" in named[0], named
    assert re.search(r"^sound 0 [1-9]\d*$", checkpoint.read_text(), re.MULTILINE)
    assert "spoiled" not in checkpoint.read_text()
    assert len(log.read_bytes()) == len(before), "what cannot be read is not thrown away"
    staged = [path.name for path in log.parent.iterdir() if path.suffix in (".cleaned", ".swap")]
    assert staged == []
