"""Client quotas: producers and consumers that are told to pause keep to what they may take."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, Producer

from harness.java_tools import TOOLS, tool
from principals import authorized, login

LIMIT_S = 200
BYTES_PER_S = 500_000
# A burst of a second's worth passes first, and again whenever it leaves the two windows: what is measured may have one more or
# one less of them, three per cent of it. With Kafka's eleven windows it would be a third of it.
SETTINGS = {"allow.everyone.if.no.acl.found": "true", "quota.window.num": "2"}
BURST_S, MEASURED_S = 3, 30
VALUE = b"x" * 1000
CONFIGS = TOOLS + "ConfigCommand"


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    with authorized(tmp_path_factory.mktemp("quotas"), SETTINGS) as secured:
        yield secured


def set_quota(secured, user, **quotas):
    added = ",".join(f"{key}={value}" for key, value in quotas.items())
    said = tool(secured.broker, CONFIGS, "--alter", "--entity-type", "users", "--entity-name", user, "--add-config", added)
    assert f"Completed updating config for user {user}." in said


def rate(start, events):
    """Bytes per second after the burst, of whoever began at `start`."""
    begin, end = start + BURST_S, start + BURST_S + MEASURED_S
    counted = [size for at, size in events if begin <= at < end]
    assert len(counted) > 100
    return sum(counted) / MEASURED_S


def produce(settings, topic):
    """Bytes per second of records that were acknowledged."""
    acknowledged = []
    small = {"batch.size": 10_000, "linger.ms": 0, "max.in.flight.requests.per.connection": 1, "queue.buffering.max.messages": 200}
    producer = Producer({**settings, **small})

    def delivered(error, message):
        assert error is None, error
        acknowledged.append((time.monotonic(), len(message.value())))

    start = time.monotonic()
    deadline = start + BURST_S + MEASURED_S
    while time.monotonic() < deadline:
        try:
            producer.produce(topic, VALUE, on_delivery=delivered)
        except BufferError:
            producer.poll(0.02)
        producer.poll(0)
    producer.purge()
    return rate(start, acknowledged)


def consume(settings, topic):
    """Bytes per second of records that were read."""
    got = []
    consumer = Consumer({**settings, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "fetch.message.max.bytes": 20_000,
                         "queued.min.messages": 1, "fetch.queue.backoff.ms": 5})
    consumer.subscribe([topic])
    start = time.monotonic()
    deadline = start + BURST_S + MEASURED_S
    while time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            got.append((time.monotonic(), len(message.value())))
    consumer.close()
    return rate(start, got)


def test_a_producer_and_a_consumer_keep_to_their_quotas(secured):
    topic = f"quota-{uuid.uuid4().hex[:8]}"
    tool(secured.broker, TOOLS + "TopicCommand", "--create", "--topic", topic, "--partitions", "1")
    # Whoever is not limited writes more than will be read. A batch above what the windows allow would never be sent, by Kafka neither.
    free = Producer({"bootstrap.servers": secured.broker.bootstrap, "batch.size": 10_000})
    for _ in range((BURST_S + MEASURED_S) * BYTES_PER_S // len(VALUE) * 2):
        free.produce(topic, VALUE)
        free.poll(0)
        if len(free) > 50_000:
            free.flush(30)
    free.flush(60)
    set_quota(secured, "alice", producer_byte_rate=BYTES_PER_S)
    set_quota(secured, "bob", consumer_byte_rate=BYTES_PER_S)
    with ThreadPoolExecutor() as both:
        producer = both.submit(produce, login(secured.bootstrap, "alice"), topic)
        consumer = both.submit(consume, login(secured.bootstrap, "bob"), topic)
        produced, consumed = producer.result(timeout=LIMIT_S), consumer.result(timeout=LIMIT_S)
    print(f"produced {produced / BYTES_PER_S:.3f}, consumed {consumed / BYTES_PER_S:.3f} of the quota")
    # What surrounds the records counts, too, and the piece of a batch with which an answer ends: two per cent, and twelve.
    assert 0.90 <= produced / BYTES_PER_S <= 1.08
    assert 0.80 <= consumed / BYTES_PER_S <= 1.08
