"""librdkafka_load.py produce|consume ADDRESS TOPIC RECORDS RECORD_BYTES BATCH_BYTES [SETTINGS]: prints {"seconds": …}.
SETTINGS are more of librdkafka's, as JSON.

Runs under the Python of compat-tests (confluent-kafka). Its own speed doesn't matter: what counts is the server's CPU per byte.
"""

import json
import sys
import time

from confluent_kafka import Consumer, OFFSET_BEGINNING, Producer, TopicPartition

PATIENCE_SECONDS = 60
PARTITIONS = 4


def produce(address, topic, records, record_bytes, batch_bytes, more):
    producer = Producer({
        "bootstrap.servers": address, "acks": 1, "batch.size": batch_bytes, "linger.ms": 50, "queue.buffering.max.messages": 500_000,
        **more,
    })
    failed = []

    def delivered(error, _message):
        if error is not None:
            failed.append(error)

    value = bytes(range(256)) * (record_bytes // 256 + 1)
    value = value[:record_bytes]
    # Each partition in runs, so that batches are full whatever the client's speed.
    run = batch_bytes // record_bytes + 1
    for number in range(records):
        while True:
            try:
                producer.produce(topic, value, partition=number // run % PARTITIONS, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.01)
        if number % 1000 == 0:
            producer.poll(0)
    if producer.flush(PATIENCE_SECONDS) or failed:
        sys.exit(f"not delivered: {failed[:1]}")


def consume(address, topic, records, _record_bytes, _batch_bytes, more):
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"{topic}-read", "enable.auto.commit": False, **more})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    received, deadline = 0, time.monotonic() + PATIENCE_SECONDS
    while received < records:
        messages = consumer.consume(10_000, timeout=1)
        received += sum(message.error() is None for message in messages)
        if time.monotonic() > deadline:
            sys.exit(f"{received} of {records} records came")
    consumer.close()


def main():
    direction, address, topic, *sizes = sys.argv[1:7]
    more = json.loads(sys.argv[7]) if len(sys.argv) > 7 else {}
    began = time.monotonic()
    {"produce": produce, "consume": consume}[direction](address, topic, *map(int, sizes), more)
    print(json.dumps({"seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
