"""Share groups with Apache Kafka's KafkaShareConsumer: tasks are settled one by one, and what was settled is kept."""

import subprocess
import threading

from harness import program
from harness.deadline import Deadline
from harness.java_tools import java

SETTINGS = {
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.coordinator.rebalance.protocols": "classic,consumer,share",
    "errors.deadletterqueue.auto.create.topics.enable": "true",
}
LIMIT_S = 150
TASKS = 300


def scenario(broker, *arguments):
    return java("compat.Queues", broker.bootstrap, *arguments)


def test_records_are_settled_and_stay_so(broker):
    """Implicit and explicit acknowledgement, release, reject, renewal, one record at a time; after kill -9 nothing of it comes again."""
    program.run(scenario(broker, "settle"), 60)
    broker.kill()
    broker.start()
    program.run(scenario(broker, "kept"), 60)


def test_what_is_given_up_is_in_the_dead_letter_topic(broker):
    """Rejected and released too often, with headers and copies; topics that can't be written to hold nothing back."""
    program.run(scenario(broker, "dead"), 60)


def test_records_come_at_their_time_and_in_the_order_of_their_keys(broker):
    """What Apache Kafka has not: a backoff between retries, times of delivery, order by key, selectors."""
    program.run(scenario(broker, "extensions"), 60)


def test_each_task_ends_once_though_the_broker_is_killed(broker):
    """Four workers accept, release and reject at random; the broker is killed in the midst. The program keeps the account: each task is
    accepted once or in the dead letter topic once."""
    worker = subprocess.Popen(scenario(broker, "work", str(TASKS)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    is_underway = threading.Event()

    def read():
        for line in worker.stdout:
            lines.append(line)
            if line.startswith("ended ") and int(line.split()[1]) > TASKS // 4:
                is_underway.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    deadline = Deadline("the workers' end", 100)
    try:
        assert is_underway.wait(deadline.left()), "".join(lines[-30:])
        broker.kill()
        broker.start()
        code = worker.wait(deadline.left())
        reader.join(deadline.left())
        assert code == 0 and lines[-1] == "done\n", "".join(lines[-30:])
    finally:
        worker.kill()
        worker.wait(10)
