"""The email service of the order story: a member of the group "email" (confluent-kafka). Usage: email_service.py BOOTSTRAP TOPIC

Writes "assigned N…" when partitions change, "order PARTITION OFFSET KEY VALUE" for each order, then commits.
"""

import faulthandler
import sys

from confluent_kafka import Consumer

# Whoever still runs then has been forgotten.
FORGOTTEN_S = 600


def main(bootstrap, topic):
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "email",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
        }
    )

    def assigned(_, partitions):
        print("assigned", *sorted(one.partition for one in partitions), flush=True)

    consumer.subscribe([topic], on_assign=assigned)
    while True:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        print("order", message.partition(), message.offset(), message.key().decode(), message.value().decode(), flush=True)
        consumer.commit(message, asynchronous=False)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    main(*sys.argv[1:])
