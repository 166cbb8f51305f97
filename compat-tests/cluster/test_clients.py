"""Clients of other languages go on while nodes die: every acknowledged record is there once and in order, and their group reads it."""

import sys

import pytest

from cluster import judged
from harness import program
from harness.paths import BUILT

LIMIT_S = 120
SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500", "group.initial.rebalance.delay.ms": "0"}
GO = str(BUILT / "go" / "failover")
PROGRAMS = {"franz-go": [GO, "franz"], "sarama": [GO, "sarama"], "kafka-python": [sys.executable, "kafka_python.py"]}


def read(lines):
    """{number} of all that a member has read."""
    return {int(line.split()[3]) for line in lines if line.startswith("read ")}


@pytest.mark.parametrize("client", PROGRAMS)
def test_it_goes_on_while_leaders_are_killed(cluster, tmp_path, client):
    judged.create(cluster, client)
    judged.wait_for_isr(cluster, client)
    produce, consume = ([*PROGRAMS[client], role, cluster.bootstrap, client] for role in ("produce", "consume"))
    with (
        judged.Load(cluster, client, tmp_path, command=produce) as load,
        program.Running(f"group-{client}", [*consume, f"group-{client}"], tmp_path, cwd=judged.HERE) as member,
    ):
        load.wait_for_more(50, "acknowledgements before", partitions=range(3))
        member.wait_for(lambda lines: len(read(lines)) > 50, "records before")
        # Each leads a partition or more.
        for victim in (1, 2):
            node = cluster.nodes[victim]
            node.kill()
            load.wait_for_more(50, f"acknowledgements without node {victim}", partitions=range(3))
            seen = len(read(member.lines()))
            member.wait_for(lambda lines: len(read(lines)) > seen + 50, f"records without node {victim}")
            node.start()
            for topic in (client, "__consumer_offsets"):
                judged.wait_for_isr(cluster, topic)
        load.kill()
        assert judged.judge(cluster, load) > 300
        acknowledged = {number for *_, number in load.acked()}
        member.wait_for(lambda lines: acknowledged <= read(lines), "all that was acknowledged")
