"""A topic is read up to the ends it had, whatever is written to it meanwhile."""

import threading

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import topics
from harness.deadline import Deadline, until


class Writer:
    """Writes on and on to the only partition of a topic; a fetch never comes to its end."""

    def __init__(self, bootstrap, topic):
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self.written, self.stopping = 0, threading.Event()
        self.thread = threading.Thread(target=self.run, args=(topic,), daemon=True)

    def run(self, topic):
        deadline = Deadline("end of the test", 60)
        while not self.stopping.is_set() and deadline.left():
            for _ in range(10):
                self.producer.produce(topic, "value", key="key", on_delivery=self.delivered)
            self.producer.poll(0.001)

    def delivered(self, error, _):
        self.written += error is None

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)
        assert self.producer.flush(30) == 0


def new_topic(broker, name, partitions):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)


def test_a_topic_that_is_written_to_has_an_end(broker):
    new_topic(broker, "busy", 1)
    with Writer(broker.bootstrap, "busy") as writer:
        until("records", lambda: writer.written > 1000, 30)
        before = writer.written
        found = topics.read(broker.bootstrap, "busy", timeout_s=20)
        assert before <= len(found) <= writer.written


def test_empty_partitions_have_been_read(broker):
    new_topic(broker, "sparse", 3)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce("sparse", "value", key="key", partition=1)
    assert producer.flush(30) == 0
    assert topics.read(broker.bootstrap, "sparse", timeout_s=20) == [("key", "value")]
    assert topics.open_transactions(broker.bootstrap) == []
