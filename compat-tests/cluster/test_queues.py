"""Queues on three nodes: share partitions, their states and dead letter topics led by different nodes, which are killed in turn. The
account must add up all the same."""

import threading

import pytest

from cluster import judged
from harness.deadline import Deadline
from queues.account import Queue
from queues.test_account import EXTENDED
from queues.test_account import SETTINGS as ALONE

LIMIT_S = 240
SETTINGS = {**ALONE, "broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}
SETTINGS["share.coordinator.state.topic.replication.factor"] = "3"
TASKS, RATE = 600, 100


@pytest.mark.parametrize("settings", [{}, EXTENDED], ids=["plain", "extended"])
def test_each_task_ends_once_though_leaders_are_killed(cluster, tmp_path, settings):
    queue = Queue(cluster.bootstrap, "extended" if settings else "plain", tmp_path, settings, replicas=3)
    judged.wait_for_isr(cluster, queue.name)
    try:
        queue.work(6)
        filling = threading.Thread(target=queue.fill, args=(TASKS, RATE, 3000 if settings else 0))
        filling.start()
        for partition in range(2):
            queue.wait_for_more(60, filling.is_alive)
            node = cluster.nodes[judged.described(cluster, queue.name)[partition][0]]
            node.kill()
            queue.replace_one()
            queue.wait_for_more(60, filling.is_alive)
            node.start()
            for topic in (queue.name, queue.letters, "__share_group_state"):
                judged.wait_for_isr(cluster, topic)
        filling.join(Deadline("the tasks", 60).left())
        queue.wait(90)
    finally:
        queue.end()
    told = queue.judge(ordered=bool(settings), selected=bool(settings), late=bool(settings))
    assert told["accepted"] > TASKS // 3 and told["dead"] > 0, told
