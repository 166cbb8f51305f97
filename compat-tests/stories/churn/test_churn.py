"""Members come, go and are killed at random under load, in the consumer protocol and over a rolling change of protocols.

Whatever happens: every record is processed at least once and in order, committed offsets never move backwards, and no two
members own a partition at a time (by the members' own logs).
"""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.deadline import Deadline, until

SETTINGS = {
    "group.consumer.min.session.timeout.ms": "6000", "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "500", "group.consumer.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
}
PARTITIONS = 8
HERE = Path(__file__).resolve().parent
SETTLE_S = 90
LIMIT_S = 600


class Load:
    """Records that count up in every partition, until it is stopped."""

    def __init__(self, bootstrap, topic):
        self.counts = [0] * PARTITIONS
        self.stopping = threading.Event()
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
        self.thread = threading.Thread(target=self.run, args=(topic,), daemon=True)
        self.thread.start()

    def run(self, topic):
        deadline = Deadline("end of the test", LIMIT_S)
        while not self.stopping.is_set() and deadline.left():
            for partition in range(PARTITIONS):
                self.producer.produce(topic, str(self.counts[partition]), partition=partition)
                self.counts[partition] += 1
            self.producer.poll(0.02)

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        assert not self.thread.is_alive(), "the producer hangs"
        assert self.producer.flush(30) == 0


class Offsets:
    """Watches the group's committed offsets: they only go up."""

    def __init__(self, bootstrap, group):
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.group, self.seen = group, {}

    def look(self):
        asked = [ConsumerGroupTopicPartitions(self.group)]
        answer = self.admin.list_consumer_group_offsets(asked)[self.group].result(30)
        for place in answer.topic_partitions:
            before = self.seen.get(place.partition, -1)
            assert place.offset >= before, f"partition {place.partition} went from {before} to {place.offset}"
            self.seen[place.partition] = place.offset
        return self.seen


class Members:
    def __init__(self, folder, bootstrap, topic, group):
        self.folder, self.arguments = folder, [bootstrap, topic, group]
        self.running, self.all = [], []

    def start(self, protocol):
        log = self.folder / f"member-{len(self.all)}.log"
        with log.open("wb") as out:
            command = [sys.executable, str(HERE / "member.py"), *self.arguments, protocol]
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        member = {"log": log, "process": process, "killed_ns": None}
        self.all.append(member)
        self.running.append(member)

    def end(self, member, hard):
        self.running.remove(member)
        if hard:
            member["process"].kill()
            member["killed_ns"] = time.monotonic_ns()
        else:
            member["process"].terminate()

    def wait_for_leavers(self):
        for member in self.all:
            if member not in self.running:
                member["process"].wait(60)

    def close(self):
        for member in self.all:
            if member["process"].poll() is None:
                member["process"].kill()
                member["process"].wait(30)


def lines(member):
    for line in member["log"].read_text().splitlines():
        at, _, rest = line.partition(" ")
        if at.isdigit():
            yield int(at), rest.split()


def check(members, counts):
    """Goes through the members' logs."""
    processed, holdings = set(), []
    for member in members.all:
        holds, last, next_offset = {}, 0, {}
        for at, words in lines(member):
            last = at
            if words[0] == "assigned":
                for p in map(int, words[1:]):
                    holds[p], next_offset[p] = at, -1
            elif words[0] in ("revoked", "lost"):
                for p in map(int, words[1:]):
                    begin = holds.pop(p, None)
                    # Whoever was fenced learns of it late.
                    if begin is not None and words[0] == "revoked":
                        holdings.append((p, begin, at, member["log"].name))
            elif words[0] == "record":
                p, offset, value = map(int, words[1:])
                assert p in holds, f"{member['log'].name} read partition {p} without owning it"
                assert offset == value and offset > next_offset[p], f"{member['log'].name}: {p} {offset} after {next_offset[p]}"
                next_offset[p] = offset
                processed.add((p, offset))
        holdings += [(p, begin, member["killed_ns"] or last, member["log"].name) for p, begin in holds.items()]
    missing = [(p, o) for p, count in enumerate(counts) for o in range(count) if (p, o) not in processed]
    assert not missing, f"{len(missing)} records were skipped, such as {missing[:5]}"
    holdings.sort()
    for (p, _, end, one), (q, begin, _, other) in zip(holdings, holdings[1:]):
        assert p != q or begin >= end, f"{one} and {other} both had partition {p} for {(end - begin) / 1e6} ms"


@pytest.fixture
def stage(broker, tmp_path, request):
    name = request.node.name.replace("[", "-").replace("]", "")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    members = Members(tmp_path, broker.bootstrap, name, f"{name}-group")
    offsets = Offsets(broker.bootstrap, f"{name}-group")
    load = Load(broker.bootstrap, name)
    yield members, offsets, load
    load.stop()
    members.close()


def finish(members, offsets, load):
    load.stop()
    until("commit of everything", lambda: [offsets.look().get(p) for p in range(PARTITIONS)] == load.counts, SETTLE_S)
    for member in list(members.running):
        members.end(member, hard=False)
    members.wait_for_leavers()
    check(members, load.counts)


def test_members_come_and_go(stage):
    members, offsets, load = stage
    dice = random.Random(20)
    for _ in range(4):
        members.start("consumer")
    for _ in range(24):
        what = dice.random()
        if what < 0.5 and len(members.running) < 20 or not members.running:
            members.start("consumer")
        else:
            members.end(dice.choice(members.running), hard=what > 0.85)
        time.sleep(dice.random())
        offsets.look()
    if len(members.running) < 2:
        members.start("consumer")
        members.start("consumer")
    finish(members, offsets, load)


def test_rolling_change_of_protocols_and_back(stage):
    members, offsets, load = stage
    for _ in range(3):
        members.start("classic")
    until("first commits", lambda: len(offsets.look()) == PARTITIONS, SETTLE_S)
    for protocol in ("consumer", "classic"):
        for old in list(members.running):
            members.end(old, hard=False)
            members.start(protocol)
            before = dict(offsets.look())
            # The group goes on: what stays is read on, and so is what changes hands.
            until("progress", lambda before=before: all(offsets.look()[p] > before[p] for p in before), SETTLE_S)
    finish(members, offsets, load)


def test_consumer_group_by_expression(broker):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for name in ("seen-1", "seen-2", "unseen"):
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for name in ("seen-1", "seen-2", "unseen"):
        producer.produce(name, name)
    assert producer.flush(30) == 0
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "expression", "group.protocol": "consumer",
                         "auto.offset.reset": "earliest"})
    consumer.subscribe(["^seen-.*"])
    seen = set()
    deadline = time.monotonic() + 30
    while len(seen) < 2 and time.monotonic() < deadline:
        record = consumer.poll(0.5)
        if record is not None and not record.error():
            seen.add(record.value().decode())
    assert seen == {"seen-1", "seen-2"}
    assert consumer.committed([TopicPartition("unseen", 0)], 10)[0].offset < 0
    consumer.close()
