"""Produces and consumes while the broker is killed and comes back. Usage: load.py BOOTSTRAP TOPIC produce|consume [RATE]

produce writes "acked PARTITION OFFSET VALUE" for each record that was acknowledged (acks=all), until it is ended, at most RATE
a second;
consume, a group member, writes "read PARTITION OFFSET VALUE".
"""

import faulthandler
import itertools
import sys

from confluent_kafka import Consumer, Producer

QUEUE_FULL_WAIT_S = 0.05
# However often the broker is killed: whoever still runs then has been forgotten.
FORGOTTEN_S = 7200


def produce(bootstrap, topic, rate=None):
    def report(error, message):
        if error:
            print("failed", error, flush=True)
        else:
            print("acked", message.partition(), message.offset(), message.value().decode(), flush=True)

    settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 1, "queue.buffering.max.messages": 500}
    producer = Producer({"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 500, **settings})
    for number in itertools.count():
        while True:
            try:
                producer.produce(topic, value=f"{number}", key=f"{number % 50}", on_delivery=report)
                break
            except BufferError:
                producer.poll(QUEUE_FULL_WAIT_S)
        producer.poll(1 / float(rate) if rate else 0)


def consume(bootstrap, topic):
    settings = {"group.id": "crash", "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 500}
    consumer = Consumer({"bootstrap.servers": bootstrap, **settings})
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            print("read", message.partition(), message.offset(), message.value().decode(), flush=True)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    {"produce": produce, "consume": consume}[sys.argv[3]](*sys.argv[1:3], *sys.argv[4:])
