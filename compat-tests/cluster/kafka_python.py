"""kafka-python as a producer or a member of a group that goes on while nodes die.

Usage: kafka_python.py produce|consume BOOTSTRAP TOPIC [GROUP]; writes what ../go/failover writes.
"""

import faulthandler
import itertools
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

FORGOTTEN_S = 7200
KEYS = 24
RATE = 300
PATIENCE = {"retry_backoff_ms": 50, "reconnect_backoff_ms": 50, "reconnect_backoff_max_ms": 200}
OUTPUT = threading.Lock()


def tell(*words):
    with OUTPUT:
        print(*words, flush=True)


def produce(bootstrap, topic):
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True, linger_ms=1, **PATIENCE)
    for number in itertools.count():
        key = f"key-{number % KEYS}"

        def acked(told, key=key, number=number):
            tell("acked", f"{time.monotonic():.4f}", told.partition, told.offset, key, number)

        sent = producer.send(topic, key=key.encode(), value=f"{number} ".ljust(200, "x").encode())
        sent.add_callback(acked).add_errback(lambda error: tell("failed", repr(error)))
        time.sleep(1 / RATE)


def consume(bootstrap, topic, group):
    session = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 500}
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap.split(","), group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **session, **PATIENCE
    )
    while True:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                tell("read", record.partition, record.offset, record.value.split(b" ", 1)[0].decode())
        try:
            consumer.commit()
        except KafkaError as failure:
            # Between two coordinators, or between two assignments: the next commit covers it, or another member reads anew.
            tell("uncommitted", repr(failure))


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    {"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
