"""The account of a queue while workers and its broker are killed: each task is accepted once, or in the dead letter topic once with its count;
with all that Apache Kafka has not switched on, too."""

import threading

import pytest

from harness.deadline import Deadline
from queues.account import Queue

LIMIT_S = 200
SETTINGS = {
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.share.min.heartbeat.interval.ms": "200",
    "group.share.heartbeat.interval.ms": "200",
    "group.share.min.session.timeout.ms": "3000",
    "group.share.session.timeout.ms": "3000",
    "group.share.assignment.interval.ms": "0",
    "group.share.min.record.lock.duration.ms": "5000",
    "group.share.record.lock.duration.ms": "5000",
}
EXTENDED = {
    "barnabas.share.redelivery.backoff.ms": "50",
    "barnabas.share.redelivery.backoff.max.ms": "200",
    "barnabas.share.ordering": "key",
    "barnabas.share.selector": "[kind = 'task']",
    "barnabas.share.deliver.at.enable": "true",
}
TASKS, RATE, ROUNDS = 600, 200, 4


@pytest.mark.parametrize("settings", [{}, EXTENDED], ids=["plain", "extended"])
def test_each_task_ends_once(broker, tmp_path, settings):
    queue = Queue(broker.bootstrap, "extended" if settings else "plain", tmp_path, settings)
    try:
        queue.work(6)
        filling = threading.Thread(target=queue.fill, args=(TASKS, RATE, 3000 if settings else 0))
        filling.start()
        for number in range(ROUNDS):
            queue.wait_for_more(40, filling.is_alive)
            queue.replace_one()
            if number % 2:
                broker.kill()
                broker.start()
        filling.join(Deadline("the tasks", 60).left())
        assert len(queue.tasks) == TASKS
        queue.wait(90)
    finally:
        queue.end()
    told = queue.judge(ordered=bool(settings), selected=bool(settings), late=bool(settings))
    assert told["accepted"] > TASKS // 3 and told["dead"] > 0, told
