"""Copies a topic to another one exactly once (consume, produce, send offsets, commit) until it is ended.
Usage: transactions.py BOOTSTRAP FROM TO ID

Writes "committed NUMBER…" when a transaction is.
"""

import faulthandler
import sys

from confluent_kafka import Consumer, KafkaException, Producer

FORGOTTEN_S = 7200
TRANSACTION_S = 30
PATIENCE = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20, "socket.timeout.ms": 5000}


def main(bootstrap, source, target, name):
    while True:
        try:
            copy(bootstrap, source, target, name)
        except KafkaException as failure:
            # What an application does that has lost its transaction: it begins anew, and its successor's epoch fences it.
            print("restarted", failure.args[0], flush=True)


def copy(bootstrap, source, target, name):
    common = {"bootstrap.servers": bootstrap, "topic.metadata.refresh.fast.interval.ms": 50, **PATIENCE}
    reading = {"group.id": f"copy-{source}", "enable.auto.commit": False, "auto.offset.reset": "earliest", "session.timeout.ms": 6000}
    consumer = Consumer({**common, **reading, "isolation.level": "read_committed", "heartbeat.interval.ms": 500})
    producer = Producer({**common, "transactional.id": name, "transaction.timeout.ms": 20000, "linger.ms": 1})
    producer.init_transactions(TRANSACTION_S)
    consumer.subscribe([source])
    while True:
        batch = [message for message in consumer.consume(50, 0.2) if not message.error()]
        if not batch:
            continue
        producer.begin_transaction()
        try:
            for message in batch:
                producer.produce(target, key=message.key(), value=message.value())
            producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), TRANSACTION_S)
            commit(producer)
        except KafkaException as failure:
            error = failure.args[0]
            print("aborted", error, flush=True)
            if error.fatal():
                raise
            abort(producer)
            rewind(consumer)
            continue
        print("committed", *(message.value().split(b" ", 1)[0].decode() for message in batch), flush=True)


def commit(producer):
    while True:
        try:
            return producer.commit_transaction(TRANSACTION_S)
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise


def abort(producer):
    while True:
        try:
            return producer.abort_transaction(TRANSACTION_S)
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise


def rewind(consumer):
    """Back to what is committed."""
    assigned = consumer.assignment()
    if assigned:
        for position in consumer.committed(assigned, TRANSACTION_S):
            if position.offset < 0:
                position.offset = 0
            consumer.seek(position)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(FORGOTTEN_S, exit=True)
    main(*sys.argv[1:])
