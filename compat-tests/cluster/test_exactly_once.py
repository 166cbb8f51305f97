"""Records are copied in transactions, offsets among them, while every node is killed in turn: each copy is there once."""

import os
import sys

from cluster import judged
from harness import program, topics
from harness.deadline import until

LIMIT_S = 420
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500", "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000"}


def numbers_of(records):
    return [int(value.split(" ", 1)[0]) for _, value in records]


def test_every_record_is_copied_once(cluster, tmp_path):
    for topic in ("source", "copies"):
        judged.create(cluster, topic)
        judged.wait_for_isr(cluster, topic)
    copy = [sys.executable, "transactions.py", cluster.bootstrap, "source", "copies", "copier"]
    with judged.Load(cluster, "source", tmp_path, rate=150) as load, program.Running("copy", copy, tmp_path, cwd=judged.HERE) as copying:

        def committed(lines):
            return sum(len(line.split()) - 1 for line in lines if line.startswith("committed"))

        for kill in range(ROUNDS):
            node = cluster.nodes[kill % 3 + 1]
            done = committed(copying.lines())
            copying.wait_for(lambda lines: committed(lines) >= done + 100, "copies go on", 120)
            node.kill()
            done = committed(copying.lines())
            copying.wait_for(lambda lines: committed(lines) >= done + 100, f"copies go on without node {node.node_id}", 120)
            node.start()
            for topic in ("source", "copies", "__consumer_offsets", "__transaction_state"):
                judged.wait_for_isr(cluster, topic)
        load.kill()
        judged.judge(cluster, load)
        wanted = numbers_of(topics.read(cluster.bootstrap, "source"))
        until("every record is copied", lambda: len(topics.read(cluster.bootstrap, "copies")) >= len(wanted), 120, pause_s=0.5)
        copying.kill()
    copies = numbers_of(topics.read(cluster.bootstrap, "copies"))
    assert sorted(copies) == sorted(wanted)
    until("no transaction is open", lambda: topics.open_transactions(cluster.bootstrap) == [], 60, pause_s=0.5)
    for topic in ("source", "copies", "__consumer_offsets", "__transaction_state"):
        judged.wait_for_equal_replicas(cluster, topic)
