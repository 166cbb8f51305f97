"""kafka-dump-log on the same files as Apache Kafka's DumpLogSegments, line by line: internal topics by their decoders, the metadata log and its
snapshots, plain topics; of a broker of Apache Kafka, and of ours."""

import pytest
from confluent_kafka import Consumer, Producer, ShareConsumer
from confluent_kafka.admin import AdminClient, NewTopic, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from harness.broker import ApacheKafka, Barnabas
from harness.deadline import Deadline
from tools.tools import KafkasTools, OurTools

LIMIT_S = 150
REQUEST_S = 30
SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "2",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.num.partitions": "2",
}
# The option, the folders and the ends of the names of files that it is for.
DECODERS = [
    ("--offsets-decoder", "__consumer_offsets-*", (".log", ".index", ".timeindex")),
    ("--transaction-log-decoder", "__transaction_state-*", (".log",)),
    ("--share-group-state-decoder", "__share_group_state-*", (".log",)),
    ("--cluster-metadata-decoder", "__cluster_metadata-*", (".log", ".checkpoint")),
    ("--cluster-metadata-decoder --skip-record-metadata", "__cluster_metadata-*", (".log", ".checkpoint")),
    ("--offsets-decoder --skip-record-metadata", "__consumer_offsets-*", (".log",)),
    ("--print-data-log", "orders-*", (".log", ".txnindex", ".snapshot")),
    ("--print-data-log --skip-record-metadata", "orders-*", (".log",)),
    ("--value-decoder-class org.apache.kafka.tools.api.LongDecoder", "numbers-*", (".log",)),
    ("--key-decoder-class org.apache.kafka.tools.api.IntegerDecoder --value-decoder-class org.apache.kafka.tools.api.StringDecoder", "numbers-*", (".log",)),
]


def fill(broker):
    """Has the broker write records of every kind that is cheap to have."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    topics = [NewTopic("orders", 2, 1, config={"retention.ms": "-1"}), NewTopic("numbers", 1, 1), NewTopic("gone", 1, 1)]
    for made in admin.create_topics(topics).values():
        made.result(REQUEST_S)
    admin.delete_topics(["gone"])["gone"].result(REQUEST_S)
    user = UserScramCredentialUpsertion("ann", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"secret", b"salt")
    admin.alter_user_scram_credentials([user])["ann"].result(REQUEST_S)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "clerk"})
    producer.init_transactions(REQUEST_S)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for number in range(4):
            producer.produce("orders", f"order {number}", key=None if number else "first", headers={"a": "b", "c": None}, partition=number % 2)
        end(REQUEST_S)
    plain = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(3):
        plain.produce("numbers", number.to_bytes(8, "big"), key=number.to_bytes(4, "big"), partition=0)
    assert plain.flush(REQUEST_S) == 0
    for protocol in ("classic", "consumer"):
        settings = {"bootstrap.servers": broker.bootstrap, "group.id": protocol, "group.protocol": protocol, "auto.offset.reset": "earliest"}
        consumer = Consumer({**settings, "enable.auto.commit": False})
        consumer.subscribe(["orders"])
        assert consumer.consume(4, REQUEST_S)
        consumer.commit(asynchronous=False)
        consumer.close()
    worker = ShareConsumer({"bootstrap.servers": broker.bootstrap, "group.id": "sharing"})
    worker.subscribe(["orders"])
    deadline, taken = Deadline("a task", REQUEST_S), []
    while not taken:
        plain.produce("orders", "a task", partition=0)
        taken = worker.poll(deadline.left(0.5))
    worker.commit_sync()
    worker.close()


@pytest.mark.parametrize("kind", [ApacheKafka, Barnabas], ids=lambda kind: kind.__name__)
def test_files_are_shown_as_kafkas_tool_shows_them(kind, tmp_path):
    broker = kind(tmp_path / "broker", SETTINGS)
    sides = [KafkasTools(tmp_path), OurTools(tmp_path)]
    different, shown = [], 0
    try:
        broker.start()
        fill(broker)
        broker.stop()
        for option, folders, ends in DECODERS:
            files = sorted(str(path) for path in (broker.folder / "data").glob(f"{folders}/*") if path.name.endswith(ends))
            if not files:
                assert kind is Barnabas and "cluster_metadata" in folders, folders
                continue
            line = f"kafka-dump-log {option} --files {','.join(files)}"
            theirs, ours = (side.run(line) for side in sides)
            shown += len(theirs.out.splitlines())
            pairs = zip([*theirs.out.splitlines(), f"code {theirs.code}"], [*ours.out.splitlines(), f"code {ours.code}"])
            different += [f"{option}\n-- Kafka's: {one}\n-- ours:    {other}" for one, other in pairs if one != other][:5]
            if len(theirs.out.splitlines()) != len(ours.out.splitlines()):
                different.append(f"{line}\n{theirs.out[-600:]}{theirs.err[-600:]}\n--\n{ours.out[-600:]}{ours.err[-600:]}")
    finally:
        broker.close()
        for side in sides:
            side.close()
    assert not different, "\n\n".join(different)
    assert shown > 100
