"""Produces with acks=all, idempotently, to the topics of the story until it is ended. Usage: load.py BOOTSTRAP TOPIC…

Writes "acked TOPIC PARTITION OFFSET KEY NUMBER" for each record that was acknowledged. Numbers rise in the order of producing.
"""

import faulthandler
import itertools
import sys

from confluent_kafka import Producer

VALUE_BYTES = 4000
KEYS = 40
# However often the broker is killed: whoever still runs then has been forgotten.
FORGOTTEN_S = 7200
QUEUE_FULL_WAIT_S = 0.05


def report(error, message):
    if error:
        print("failed", error, flush=True)
    else:
        number = message.value().split(b" ", 1)[0].decode()
        print("acked", message.topic(), message.partition(), message.offset(), message.key().decode(), number, flush=True)


def main(bootstrap, *topics):
    settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 1, "queue.buffering.max.messages": 200}
    producer = Producer({"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 200, **settings})
    for number in itertools.count():
        topic = topics[number % len(topics)]
        value = f"{number} ".encode().ljust(VALUE_BYTES, b"x")
        while True:
            try:
                producer.produce(topic, key=f"key-{number % KEYS}", value=value, on_delivery=report)
                break
            except BufferError:
                producer.poll(QUEUE_FULL_WAIT_S)
        producer.poll(0)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    main(*sys.argv[1:])
