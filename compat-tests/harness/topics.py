"""What is in topics, as a reader of committed records sees it."""

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec


def partitions(bootstrap, topics=None):
    """All partitions of the topics, or of all there are."""
    known = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).topics
    return [TopicPartition(name, p) for name in topics or known for p in known[name].partitions]


def read(bootstrap, topic, isolation="read_committed"):
    """(key, value) of every record up to the end, in the order of each partition."""
    settings = {"group.id": "reader", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, "isolation.level": isolation, "auto.offset.reset": "earliest", **settings})
    places = partitions(bootstrap, [topic])
    consumer.assign([TopicPartition(p.topic, p.partition, 0) for p in places])
    found, ended = [], set()
    while len(ended) < len(places):
        for message in consumer.consume(500, 1):
            if not message.error():
                found.append((message.key().decode(), message.value().decode()))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
    consumer.close()
    return found


def open_transactions(bootstrap):
    """The partitions in which a transaction is open: their last stable offset is not their end."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    places = partitions(bootstrap)

    def ends(isolation):
        asked = admin.list_offsets({p: OffsetSpec.latest() for p in places}, isolation_level=isolation)
        return {(p.topic, p.partition): answer.result(30).offset for p, answer in asked.items()}

    committed, all_records = ends(IsolationLevel.READ_COMMITTED), ends(IsolationLevel.READ_UNCOMMITTED)
    return [place for place, end in all_records.items() if committed[place] != end]
