"""kill -9 at random moments while a broker appends, rolls, compacts and drops segments: nothing acknowledged is lost that the
topics' settings keep, nothing is there twice or out of order, and `barnabas log verify` finds no fault in the files.

ROUNDS says how often it is killed, SEED when.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness import paths, program

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SEED = int(os.environ.get("SEED", "1"))
PARTITIONS = 2
SETTINGS = {
    "log.cleaner.backoff.ms": "100",
    "log.retention.check.interval.ms": "300",
    "log.segment.delete.delay.ms": "100",
    "log.flush.offset.checkpoint.interval.ms": "500",
}
# Segments of 1 MiB, the least a topic may have.
SMALL = {"segment.bytes": "1048576"}
TOPICS = {
    "kept": SMALL,
    "latest": {**SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"},
    "short": {**SMALL, "retention.bytes": "2097152"},
}


def read(bootstrap, topic):
    """{partition: [(offset, key, number)]} from the beginning to the end."""
    settings = {"group.id": "reader", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", **settings})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, ended = {partition: [] for partition in range(PARTITIONS)}, set()
    while len(ended) < PARTITIONS:
        for message in consumer.consume(500, 1):
            if not message.error():
                number = int(message.value().split(b" ", 1)[0])
                found[message.partition()].append((message.offset(), message.key().decode(), number))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise AssertionError(message.error())
    consumer.close()
    return found


def acknowledged(lines):
    """{topic: {partition: {offset: (key, number)}}}"""
    found = {topic: {partition: {} for partition in range(PARTITIONS)} for topic in TOPICS}
    for line in lines:
        kind, *rest = line.split()
        assert kind == "acked", line
        topic, partition, offset, key, number = rest
        assert int(offset) not in found[topic][int(partition)], f"an offset was given twice: {line}"
        found[topic][int(partition)][int(offset)] = (key, int(number))
    return found


@pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="verifies barnabas' own files")
def test_what_was_acknowledged_outlives_kills(broker, tmp_path):
    chance = random.Random(SEED)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for answer in admin.create_topics([NewTopic(t, PARTITIONS, 1, config=c) for t, c in TOPICS.items()]).values():
        answer.result(30)
    command = [sys.executable, "load.py", broker.bootstrap, *TOPICS]
    with program.Running("load", command, tmp_path, cwd=HERE) as load:
        for _ in range(ROUNDS):
            wanted = len(load.lines()) + chance.randrange(200, 3000)
            load.wait_for(lambda lines: len(lines) >= wanted, f"{wanted} acknowledged records")
            broker.restart(hard=True)
        wanted = len(load.lines()) + 500
        load.wait_for(lambda lines: len(lines) >= wanted, "the producer goes on")
        load.kill()
        acked = acknowledged(load.lines())
    broker.restart(hard=True)
    found = {topic: read(broker.bootstrap, topic) for topic in TOPICS}
    broker.stop()
    verified = subprocess.run(
        [paths.barnabas_binary(), "log", "verify", broker.folder / "data"], capture_output=True, text=True, timeout=300
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr

    for topic, partitions in found.items():
        for partition, records in partitions.items():
            told = acked[topic][partition]
            numbers = [number for _, _, number in records]
            assert numbers == sorted(set(numbers)), f"{topic}-{partition}: twice or out of order"
            for offset, key, number in records:
                assert told.get(offset, (key, number)) == (key, number), f"{topic}-{partition} at {offset}"
            there = {offset for offset, _, _ in records}
            if topic == "latest":
                last = {key: number for _, key, number in records}
                for key, number in told.values():
                    assert last[key] >= number, f"{topic}-{partition}: {key} has lost {number}"
                assert len(records) < len(told), "nothing was compacted"
            else:
                first = min(there)
                assert (first > 0) == (topic == "short"), f"{topic}-{partition} begins at {first}"
                assert {offset for offset in told if offset >= first} <= there, f"{topic}-{partition}: records are missing"
