"""The account of a queue while workers and its broker are killed: each task is accepted once, or in the dead letter topic once with its count;
with all that Apache Kafka has not switched on, too."""

import subprocess
import threading

import pytest
from confluent_kafka import Consumer

from harness.deadline import Deadline
from harness.paths import barnabas_binary
from queues.account import Queue, tool

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


def test_redrive_by_two_at_once_and_of_what_is_gone(broker, tmp_path):
    """Of two at once one is fenced, and no dead letter goes back twice; where the topic is gone they stay, or go elsewhere at once."""
    copies = {"errors.deadletterqueue.copy.record.enable": "true"}
    queue = Queue(broker.bootstrap, "rejected", tmp_path, copies, partitions=1)
    queue.work(patterns=["reject"])
    queue.fill(100, 1000)
    queue.wait(60)
    redrive = [barnabas_binary(), "queue", "redrive", "--bootstrap-server", broker.bootstrap, "--topic", queue.letters, "--execute"]
    two = [subprocess.Popen(redrive, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    told = [one.communicate(timeout=60)[0] for one in two]
    codes = [one.returncode for one in two]
    assert set(codes) <= {0, 1} and all("fence" in text for text, code in zip(told, codes) if code), told
    subprocess.run(redrive, check=True, timeout=60)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "look", "auto.offset.reset": "earliest", "enable.partition.eof": True})
    consumer.subscribe([queue.name])
    deadline, values = Deadline("the records", 30), []
    while (message := consumer.poll(deadline.left(1))) is None or not message.error():
        values += [message.value()] if message is not None else []
    consumer.close()
    assert sorted(values) == sorted([f"task {number}".encode() for number in range(100)] * 2)
    tool(broker.bootstrap, "topics", "--delete", "--topic", queue.name)
    tool(broker.bootstrap, "topics", "--create", "--topic", "elsewhere")
    again = [*redrive, "--progress-group", "again"]
    stay = subprocess.run(again, check=True, timeout=20, capture_output=True, text=True).stdout
    assert "No dead letter went back" in stay and "100 stay" in stay, stay
    went = subprocess.run([*again, "--to-topic", "elsewhere"], check=True, timeout=20, capture_output=True, text=True).stdout
    assert "100 dead letters" in went and "went to elsewhere" in went, went
