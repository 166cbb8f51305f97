"""Many records wait for their time (docs/QUEUES.md): what that takes of memory, that those which are due come in time meanwhile, and that
it outlives kill -9. $WAITING says how many: 1000000 is what the page promises, and takes about two minutes.
"""

import os
import random
import re
import time
from pathlib import Path

import pytest
from confluent_kafka import AcknowledgeType, Producer, ShareConsumer

from harness.deadline import Deadline
from queues.account import tool
from queues.test_account import SETTINGS as ALONE

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="Apache Kafka has no times of delivery")
WAITING = int(os.environ.get("WAITING", "50000"))
LIMIT_S = 300
# One in so many of those that were there before the worker is due when it comes.
DUE_EVERY = 100
TIMELY = 500
# The promise for a million is 64 MB; beside few of them the broker's own ups and downs count.
MEMORY_BYTES = max((64 << 20) * WAITING // 1_000_000, 12 << 20)
LATE_MS = 1500
SETTINGS = ALONE
GROUP, TOPIC = "sleepers", "alarms"


def now_ms():
    return int(time.time() * 1000)


def memory_bytes(broker):
    """What is the process's own."""
    return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{broker.process.pid}/status").read_text())[1]) * 1024


class Alarms:
    """The topic, and what has come of it."""

    def __init__(self, broker):
        self.broker, self.random = broker, random.Random(7)
        self.due, self.came = {}, {}
        settings = {"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
        self.producer = Producer(settings)
        self.consumer = None

    def set(self, count, earliest_ms, latest_ms, size=0):
        """Writes records that are due between two times from now on; those within a minute are to come."""
        for _ in range(count):
            wait_ms = self.random.randint(earliest_ms, latest_ms)
            due = now_ms() + wait_ms
            name = f"{len(self.due)}" if wait_ms < 60_000 else "later"
            if name != "later":
                self.due[name] = due
            self.producer.produce(TOPIC, name.ljust(size), headers=[("barnabas-deliver-at", str(due).encode())])
            self.producer.poll(0)

    def written(self):
        """All of them are in the log."""
        assert self.producer.flush(60) == 0

    def work(self):
        """Takes what comes until all has come that is to come."""
        if self.consumer is None:
            settings = {"bootstrap.servers": self.broker.bootstrap, "group.id": GROUP, "share.acknowledgement.mode": "explicit"}
            self.consumer = ShareConsumer({**settings, "reconnect.backoff.max.ms": 200})
            self.consumer.subscribe([TOPIC])
        deadline = Deadline("what is due", 120)
        while len(self.came) < len(self.due):
            tasks = self.consumer.poll(deadline.left(0.2, seen=f"{len(self.came)} of {len(self.due)}"))
            for task in tasks:
                name = task.value().decode().strip()
                assert name not in self.came, f"{name} came twice"
                assert name in self.due, "what is not due came"
                self.came[name] = now_ms()
                self.consumer.acknowledge(task, AcknowledgeType.ACCEPT)
            if tasks:
                self.consumer.commit_sync()

    def late_ms(self, since=0):
        """How late those came that were due since then, in order; none before its time."""
        late = sorted(self.came[name] - due for name, due in self.due.items() if due >= since)
        assert late[0] >= 0, f"{-late[0]} ms too early"
        return late


def test_those_that_wait_hold_nobody_back(broker):
    tool(broker.bootstrap, "topics", "--create", "--topic", TOPIC, "--partitions", "1")
    given = "share.auto.offset.reset=earliest,barnabas.share.deliver.at.enable=true"
    tool(broker.bootstrap, "configs", "--alter", "--entity-type", "groups", "--entity-name", GROUP, "--add-config", given)
    alarms = Alarms(broker)
    for _ in range(WAITING // DUE_EVERY):
        alarms.set(DUE_EVERY - 1, 3_600_000, 7_200_000)
        alarms.set(1, 0, 100)
    alarms.written()
    before = memory_bytes(broker)
    began = time.monotonic()
    alarms.work()
    looked_s, taken = time.monotonic() - began, memory_bytes(broker) - before

    since = now_ms()
    alarms.set(TIMELY, 500, 4000)
    alarms.written()
    alarms.work()
    late = alarms.late_ms(since)

    broker.kill()
    broker.start()
    before = memory_bytes(broker)
    began = time.monotonic()
    alarms.set(TIMELY, 0, 100)
    alarms.written()
    alarms.work()
    again_s, again = time.monotonic() - began, memory_bytes(broker) - before
    print(
        f"{WAITING} wait: looked at in {looked_s:.1f} s, {taken >> 20} MB; others up to {late[-1]} ms late, half of them {late[len(late) // 2]} ms;"
        f" after kill -9 {again_s:.1f} s, {again >> 20} MB"
    )
    assert max(taken, again) <= MEMORY_BYTES, (taken, again)
    assert late[-1] <= LATE_MS, late[-10:]
