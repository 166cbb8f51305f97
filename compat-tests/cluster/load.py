"""Produces with acks=all, idempotently, until it is ended. Usage: load.py BOOTSTRAP TOPIC [RATE]

Writes "acked SECONDS PARTITION OFFSET KEY NUMBER" for each record that was acknowledged; numbers rise in the order of producing.
"""

import faulthandler
import itertools
import sys
import time

from confluent_kafka import Producer

QUEUE_FULL_WAIT_S = 0.01
FORGOTTEN_S = 7200
KEYS = 24


def report(error, message):
    if error:
        print("failed", error, flush=True)
    else:
        key, number = message.key().decode(), message.value().split(b" ", 1)[0].decode()
        print("acked", f"{time.monotonic():.4f}", message.partition(), message.offset(), key, number, flush=True)


def main(bootstrap, topic, rate="400"):
    patience = {"message.timeout.ms": 120000, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20, "retry.backoff.max.ms": 100}
    # A node that hangs refuses no connection: who leads now is asked for, and what it owes is soon given up.
    asks = {"topic.metadata.refresh.fast.interval.ms": 50, "topic.metadata.refresh.interval.ms": 250, "socket.timeout.ms": 1000}
    settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 1, "queue.buffering.max.messages": 1000, **patience, **asks}
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    pause = 1 / float(rate)
    for number in itertools.count():
        while True:
            try:
                producer.produce(topic, key=f"key-{number % KEYS}", value=f"{number} ".ljust(200, "x"), on_delivery=report)
                break
            except BufferError:
                producer.poll(QUEUE_FULL_WAIT_S)
        producer.poll(pause)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    main(*sys.argv[1:])
