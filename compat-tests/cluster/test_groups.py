"""Members of a group while the coordinator's node is killed: what was committed stays, and the group goes on at another node."""

import sys

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from cluster import judged
from harness import program
from harness.deadline import until

LIMIT_S = 240
SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500", "group.initial.rebalance.delay.ms": "0"}


def coordinator(cluster, group):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    [described] = admin.describe_consumer_groups([group], request_timeout=judged.REQUEST_S).values()
    return described.result(judged.REQUEST_S).coordinator.id


def committed(cluster, group, topic):
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": group})
    try:
        found = consumer.committed([TopicPartition(topic, p) for p in range(3)], judged.REQUEST_S)
        return {one.partition: one.offset for one in found}
    finally:
        consumer.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_outlives_its_coordinator(cluster, tmp_path, protocol):
    topic, group = f"read-{protocol}", f"readers-{protocol}"
    judged.create(cluster, topic)
    judged.wait_for_isr(cluster, topic)
    members = [
        program.Running(f"{protocol}-{n}", [sys.executable, "member.py", cluster.bootstrap, topic, group, protocol], tmp_path, cwd=judged.HERE) for n in (1, 2)
    ]
    try:
        with judged.Load(cluster, topic, tmp_path, rate=200) as load:
            for _ in range(2):
                for member in members:
                    seen = len(member.lines())
                    member.wait_for(lambda lines: len(lines) > seen + 20, "records at both members")
                before = committed(cluster, group, topic)
                node = cluster.nodes[coordinator(cluster, group)]
                node.kill()
                for member in members:
                    seen = len(member.lines())
                    member.wait_for(lambda lines: len(lines) > seen + 20, f"records at both members without node {node.node_id}")
                after = committed(cluster, group, topic)
                assert all(after[p] >= before[p] for p in before), f"commits went back: {before}, then {after}"
                assert coordinator(cluster, group) != node.node_id
                node.start()
                judged.wait_for_isr(cluster, "__consumer_offsets")
                judged.wait_for_isr(cluster, topic)
            load.kill()
            judged.judge(cluster, load)
        ends = {}
        for _, partition, offset, _, _ in load.acked():
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        until("everything is committed", lambda: all(committed(cluster, group, topic)[p] >= end for p, end in ends.items()), 60)
    finally:
        for member in members:
            member.kill()
    read = {}
    for member in members:
        for line in member.lines():
            if line.startswith("read "):
                _, partition, offset, number = line.split()
                read[int(partition), int(offset)] = int(number)
    lost = {number for *_, number in load.acked()} - set(read.values())
    assert not lost, f"{len(lost)} acknowledged records were read by nobody"
