"""A transaction loop of confluent-kafka (librdkafka): reads, processes, writes, commits its offsets with the output; every third
transaction is aborted and done again. Usage: transactions.py BOOTSTRAP
"""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from workload import limit_program

SOURCE, TARGET, GROUP = "loop-source", "loop-target", "loop-group"
RECORDS = 100
DEADLINE_S = 60


def main(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(SOURCE, 2, 1), NewTopic(TARGET, 2, 1)]).values():
        future.result(30)
    plain = Producer({"bootstrap.servers": bootstrap})
    for number in range(RECORDS):
        plain.produce(SOURCE, key=str(number), value=str(number))
    plain.flush(30)

    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "loop"})
    producer.init_transactions(30)
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "isolation.level": "read_committed"})
    consumer.subscribe([SOURCE])
    done, round_number, deadline = set(), 0, time.monotonic() + DEADLINE_S
    while len(done) < RECORDS:
        assert time.monotonic() < deadline, f"{len(done)} of {RECORDS} records after {DEADLINE_S} s"
        batch = [message for message in consumer.consume(10, 1) if not message.error()]
        if not batch:
            continue
        round_number += 1
        producer.begin_transaction()
        for message in batch:
            producer.produce(TARGET, key=message.key(), value=b"processed " + message.value())
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30)
        if round_number % 3 == 0:
            producer.abort_transaction(30)
            first = {}
            for message in batch:
                place = (message.topic(), message.partition())
                first[place] = min(message.offset(), first.get(place, message.offset()))
            for (topic, partition), offset in first.items():
                consumer.seek(TopicPartition(topic, partition, offset))
        else:
            producer.commit_transaction(30)
            done.update(message.value() for message in batch)
    committed = consumer.committed([TopicPartition(SOURCE, 0), TopicPartition(SOURCE, 1)], 30)
    assert sum(place.offset for place in committed) == RECORDS, committed
    consumer.close()

    reader = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "check", "isolation.level": "read_committed", "auto.offset.reset": "earliest",
        "enable.partition.eof": True})
    reader.assign([TopicPartition(TARGET, p, 0) for p in (0, 1)])
    seen, ended, deadline = [], 0, time.monotonic() + DEADLINE_S
    while ended < 2:
        assert time.monotonic() < deadline, f"not at the end of {TARGET} after {DEADLINE_S} s, {len(seen)} records"
        for message in reader.consume(100, 1):
            if message.error():
                ended += 1
            else:
                seen.append(message.value().decode())
    reader.close()
    assert sorted(seen) == sorted(f"processed {number}" for number in range(RECORDS)), seen

    young = Producer({"bootstrap.servers": bootstrap, "transactional.id": "loop"})
    young.init_transactions(30)
    producer.begin_transaction()
    try:
        producer.produce(TARGET, value=b"too late")
        producer.commit_transaction(30)
        raise AssertionError("the old producer was not fenced")
    except KafkaException as failure:
        assert failure.args[0].fatal(), failure
    young.begin_transaction()
    young.commit_transaction(30)


if __name__ == "__main__":
    limit_program()
    main(sys.argv[1])
