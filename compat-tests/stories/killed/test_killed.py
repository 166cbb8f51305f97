"""kill -9 at random moments while a broker appends, rolls, compacts and drops segments and moves partitions between its folders:
nothing acknowledged is lost that the topics' settings keep, nothing is there twice or out of order, every partition lies in one
folder, and `barnabas log verify` finds no fault in the files.

ROUNDS says how often it is killed, SEED when.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaAdminClient
from kafka.errors import KafkaTimeoutError, RetriableError

from harness import paths, program
from harness.deadline import Deadline

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SEED = int(os.environ.get("SEED", "1"))
LIMIT_S = 300 + 30 * ROUNDS
READ_S = 120
PARTITIONS = 2
ROOT = Path(tempfile.mkdtemp(prefix="killed-"))
FOLDERS = [str(ROOT / "first"), str(ROOT / "second")]
# A partition that has not arrived after this time gets another way.
MOVE_S = 1.5
SETTINGS = {
    "log.dirs": ",".join(FOLDERS),
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


@pytest.fixture(scope="module", autouse=True)
def folders():
    yield
    shutil.rmtree(ROOT)


class Moves(threading.Thread):
    """Moves random partitions to random folders, a few at once, for as long as it is not stopped."""

    def __init__(self, bootstrap):
        super().__init__(daemon=True)
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap, reconnect_backoff_max_ms=100, request_timeout_ms=3000)
        self.chance = random.Random(SEED)
        self.stopped = threading.Event()
        self.arrived = 0
        self.failure = None

    def run(self):
        places = [(topic, partition) for topic in TOPICS for partition in range(PARTITIONS)]
        deadline = Deadline("end of the story", LIMIT_S)
        while not self.stopped.is_set() and deadline.left():
            chosen = {place: self.chance.choice(FOLDERS) for place in self.chance.sample(places, self.chance.randint(1, 3))}
            try:
                self.move(chosen)
            except (KafkaTimeoutError, RetriableError):
                # The broker was killed.
                self.stopped.wait(0.01)
            except Exception as failure:
                self.failure = failure
                return

    def move(self, chosen):
        before = self.places(chosen)
        self.admin.alter_replica_log_dirs({(*place, 1): folder for place, folder in chosen.items()})
        waiting = {place: [(folder, False)] for place, folder in chosen.items() if before[place] != [(folder, False)]}
        deadline = time.monotonic() + MOVE_S
        while waiting and time.monotonic() < deadline and not self.stopped.wait(0.005):
            there = self.places(waiting)
            left = {place: wanted for place, wanted in waiting.items() if there[place] != wanted}
            self.arrived += len(waiting) - len(left)
            waiting = left

    def places(self, places):
        """{(topic, partition): [(folder, whether it is a copy on its way)]}"""
        asked = {topic: [p for t, p in places if t == topic] for topic, _ in places}
        found = {place: [] for place in places}
        [described] = self.admin.describe_log_dirs(asked, brokers=[1])
        for folder in described["log_dirs"]:
            for topic in folder["topics"]:
                for row in topic["partitions"]:
                    found[topic["name"], row["partition_index"]].append((folder["log_dir"], row["is_future_key"]))
        return found

    def end(self):
        """Stops; answers how many moves came to their end."""
        self.stopped.set()
        self.join(30)
        assert not self.is_alive() and self.failure is None, self.failure
        self.admin.close()
        return self.arrived


def read(bootstrap, topic):
    """{partition: [(offset, key, number)]} from the beginning to the end."""
    settings = {"group.id": "reader", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", **settings})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, ended = {partition: [] for partition in range(PARTITIONS)}, set()
    deadline = Deadline(f"end of {topic}", READ_S)
    while len(ended) < PARTITIONS:
        for message in consumer.consume(500, deadline.left(1, seen=f"only partitions {ended} have been read")):
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
    moves = Moves(broker.bootstrap)
    with program.Running("load", command, tmp_path, cwd=HERE) as load:
        moves.start()
        for _ in range(ROUNDS):
            wanted = len(load.lines()) + chance.randrange(200, 3000)
            load.wait_for(lambda lines: len(lines) >= wanted, f"{wanted} acknowledged records")
            broker.restart(hard=True)
        wanted = len(load.lines()) + 500
        load.wait_for(lambda lines: len(lines) >= wanted, "the producer goes on")
        load.kill()
        acked = acknowledged(load.lines())
    arrived = moves.end()
    print(f"{arrived} moves, {sum(len(told) for topic in acked.values() for told in topic.values())} records acknowledged")
    assert arrived > 0, "no partition has moved"
    broker.restart(hard=True)
    found = {topic: read(broker.bootstrap, topic) for topic in TOPICS}
    broker.stop()
    for folder in FOLDERS:
        command = [paths.barnabas_binary(), "log", "verify", folder]
        verified = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    for topic in TOPICS:
        for partition in range(PARTITIONS):
            there = [folder for folder in FOLDERS if (Path(folder) / f"{topic}-{partition}").exists()]
            assert len(there) == 1, f"{topic}-{partition} lies in {there}"

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
