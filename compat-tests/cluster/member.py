"""A member of a group that commits what it has read. Usage: member.py BOOTSTRAP TOPIC GROUP classic|consumer

Writes "read PARTITION OFFSET NUMBER".
"""

import faulthandler
import sys

from confluent_kafka import Consumer, KafkaException

FORGOTTEN_S = 7200


def main(bootstrap, topic, group, protocol):
    patience = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20, "socket.timeout.ms": 5000}
    session = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500} if protocol == "classic" else {}
    reading = {"group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, **reading, **session, **patience})
    consumer.subscribe([topic])
    while True:
        batch = [message for message in consumer.consume(20, 0.2) if not message.error()]
        for message in batch:
            print("read", message.partition(), message.offset(), message.value().split(b" ", 1)[0].decode(), flush=True)
        if batch:
            try:
                consumer.commit(asynchronous=False)
            except KafkaException as failure:
                # Between two coordinators, or between two assignments: the next commit covers it, or another member reads anew.
                print("uncommitted", failure.args[0], flush=True)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    main(*sys.argv[1:])
