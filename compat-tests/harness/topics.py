"""What is in topics, as a reader of committed records sees it."""

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from harness.deadline import Deadline

REQUEST_S = 30


def partitions(bootstrap, topics=None):
    """All partitions of the topics, or of all there are."""
    known = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=REQUEST_S).topics
    return [TopicPartition(name, p) for name in topics or known for p in known[name].partitions]


def ends(bootstrap, places, isolation):
    """The end of each partition by (topic, partition): its last stable offset, or its high watermark."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    asked = admin.list_offsets({p: OffsetSpec.latest() for p in places}, isolation_level=isolation, request_timeout=REQUEST_S)
    return {(p.topic, p.partition): answer.result(REQUEST_S).offset for p, answer in asked.items()}


def read(bootstrap, topic, timeout_s=90):
    """(key, value) of every committed record up to the ends at this moment, in the order of each partition.

    What is written meanwhile is left alone: a topic that is written to all the time has no other end.
    """
    deadline = Deadline(f"end of {topic}", timeout_s)
    unread = {p: end for (_, p), end in ends(bootstrap, partitions(bootstrap, [topic]), IsolationLevel.READ_COMMITTED).items() if end > 0}
    settings = {"group.id": "reader", "enable.partition.eof": True, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": bootstrap, "isolation.level": "read_committed", **settings})
    consumer.assign([TopicPartition(topic, p, 0) for p in unread])
    found = []
    try:
        while unread:
            for message in consumer.consume(500, deadline.left(1, seen=f"{len(found)} records; not read up to {unread}")):
                error, end = message.error(), unread.get(message.partition())
                if end is None or error and error.code() != KafkaError._PARTITION_EOF:
                    continue
                if not error and message.offset() < end:
                    found.append((message.key().decode(), message.value().decode()))
                # A record has offset end - 1 at least when it is the last; what the end of the partition is told with, the end.
                if message.offset() + (0 if error else 1) >= end:
                    del unread[message.partition()]
    finally:
        consumer.close()
    return found


def open_transactions(bootstrap):
    """The partitions in which a transaction is open: their last stable offset is not their end."""
    places = partitions(bootstrap)
    committed, all_records = (ends(bootstrap, places, level) for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED))
    return [place for place, end in all_records.items() if committed[place] != end]
