"""The same workload compacted by barnabas and by Apache Kafka: the same records survive, at the same offsets, and Apache
Kafka's tools and consumers, and librdkafka, read what barnabas has cleaned."""

import random
import re
import subprocess
import time

import pytest
from confluent_kafka import Consumer, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from harness import program
from harness.broker import ApacheKafka, Barnabas
from harness.deadline import Deadline, until
from harness.paths import java_classpath

SETTINGS = {
    "log.cleaner.backoff.ms": "100",
    "log.cleaner.min.cleanable.ratio": "0.001",
    "log.retention.check.interval.ms": "1000",
    "transaction.state.log.num.partitions": "1",
    "offsets.topic.num.partitions": "1",
}
# Segments of 1 MiB, the least a topic may have, hold about 100 values.
VALUE_BYTES = 10_000
# The first test starts both brokers and fills them.
LIMIT_S = 600
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def workload(seed):
    """(key, value or None, timestamp, header, aborted) by batch: a list of batches of one producer and codec each."""
    chance = random.Random(seed)
    batches = []
    for number in range(150):
        codec = chance.choice(CODECS)
        kind = chance.choice(["plain", "plain", "commit", "abort"])
        records = []
        for _ in range(chance.choice([1, 1, 3, 5])):
            key = f"key-{chance.randrange(30)}"
            filler = bytes(chance.randrange(256) for _ in range(VALUE_BYTES)) if chance.random() > 0.15 else None
            stamp = 1_700_000_000_000 + number * 1000 + chance.randrange(500)
            records.append((key, filler, stamp, str(number)))
        batches.append((codec, kind, records))
    return batches


def produce(broker, topic, batches):
    """One batch for each flush: with this linger nothing leaves before it."""
    producers = {}
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for codec, kind, records in batches:
        if (codec, kind == "plain") not in producers:
            config = {"bootstrap.servers": broker.bootstrap, "compression.type": codec, "linger.ms": 20_000}
            config |= {"enable.idempotence": True}
            if kind != "plain":
                config["transactional.id"] = f"txn-{topic}-{codec}"
            made = Producer(config)
            if kind != "plain":
                made.init_transactions(60)
            producers[codec, kind == "plain"] = made
        producer = producers[codec, kind == "plain"]
        if kind != "plain":
            producer.begin_transaction()
        for key, value, stamp, header in records:
            producer.produce(topic, value, key, partition=0, timestamp=stamp, headers=[("n", header), ("null", None)])
        assert producer.flush(60) == 0
        if kind == "plain":
            continue
        if kind == "commit":
            producer.commit_transaction(60)
        else:
            producer.abort_transaction(60)
        wait_for_marker(admin, topic)


def wait_for_marker(admin, topic):
    """A transaction's end is answered before its marker is written, and the marker takes an offset."""

    def ends():
        for level in IsolationLevel:
            asked = admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()}, isolation_level=level)
            yield next(iter(asked.values())).result(60).offset

    until(f"marker in {topic}", lambda: len(set(ends())) == 1, 60, pause_s=0)


def create(broker, topic, **config):
    settings = {"cleanup.policy": "compact", "segment.bytes": "1048576"} | config
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.create_topics([NewTopic(topic, 1, 1, config=settings)]).values():
        future.result(60)


def wait_until_clean(broker, topic):
    """Until the cleaner has come to the active segment, and the transactions' markers are where they were."""
    folder = broker.folder / "data"
    checkpoint = folder / "cleaner-offset-checkpoint"
    deadline = Deadline(f"cleaning of {topic} up to its active segment", 60)
    while True:
        active = max(int(path.stem) for path in (folder / f"{topic}-0").glob("*.log"))
        text = checkpoint.read_text() if checkpoint.exists() else ""
        found = re.search(rf"^{topic} 0 (\d+)$", text, re.MULTILINE)
        if found and int(found[1]) == active and active > 0:
            return active
        time.sleep(deadline.left(0.1, seen=f"{text!r}, active segment at {active}\n{broker.log_tail()}"))


def surviving(broker, topic, isolation="read_committed"):
    """(offset, key, value, timestamp, headers) of all a consumer sees."""
    config = {"bootstrap.servers": broker.bootstrap, "group.id": "reader", "isolation.level": isolation}
    consumer = Consumer(config | {"enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen, deadline = [], Deadline(f"end of {topic}", 60)
    while True:
        message = consumer.poll(deadline.left(seen=f"{len(seen)} records"))
        if message is None:
            continue
        if message.error():
            assert message.error().name() == "_PARTITION_EOF", message.error()
            consumer.close()
            return seen
        seen.append((message.offset(), message.key(), message.value(), message.timestamp(), message.headers()))


def java(name, *arguments):
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", java_classpath(), name, *arguments]


@pytest.fixture(scope="module")
def brokers(tmp_path_factory):
    """Barnabas and Apache Kafka, both with two topics that hold the compacted workload."""
    both = [kind(tmp_path_factory.mktemp(kind.__name__), SETTINGS) for kind in (Barnabas, ApacheKafka)]
    for broker in both:
        broker.start()
        create(broker, "kept")
        create(broker, "dropped", **{"delete.retention.ms": "0"})
        for topic, seed in (("kept", 1), ("dropped", 2)):
            batches = workload(seed)
            produce(broker, topic, batches[:100])
            wait_until_clean(broker, topic)
            produce(broker, topic, batches[100:])
            wait_until_clean(broker, topic)
    yield both
    for broker in both:
        broker.close()


def test_the_same_records_survive_at_the_same_offsets(brokers):
    ours, theirs = (surviving(broker, "kept") for broker in brokers)
    assert [record[0] for record in ours] == [record[0] for record in theirs]
    assert ours == theirs
    sent = sum(len(records) for _, _, records in workload(1))
    assert len(ours) < sent / 2, "hardly anything was compacted"


def test_nothing_of_aborted_transactions_is_left_in_the_cleaned_part(brokers):
    clean_to = wait_until_clean(brokers[0], "kept")
    committed = [record[0] for record in surviving(brokers[0], "kept") if record[0] < clean_to]
    everything = [record[0] for record in surviving(brokers[0], "kept", "read_uncommitted") if record[0] < clean_to]
    assert committed == everything


def test_tombstones_go_and_each_key_keeps_its_last_value(brokers):
    ours, theirs = ({r[1]: r[2] for r in surviving(broker, "dropped")} for broker in brokers)
    alive = [{key: value for key, value in values.items() if value is not None} for values in (ours, theirs)]
    assert alive[0] == alive[1]
    expected = {}
    for _, kind, records in workload(2):
        for key, value, _, _ in records if kind != "abort" else []:
            expected[key.encode()] = value
    assert alive[0] == {key: value for key, value in expected.items() if value is not None}


def test_a_java_consumer_reads_what_librdkafka_reads(brokers):
    shown = ["print.offset=true", "print.key=true", "print.value=false", "print.timestamp=true", "print.headers=true"]
    flags = [flag for one in shown for flag in ("--formatter-property", one)]
    for topic in ("kept", "dropped"):
        expected = surviving(brokers[0], topic)
        command = java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", brokers[0].bootstrap)
        command += ["--topic", topic, "--from-beginning", "--max-messages", str(len(expected)), *flags]
        lines = program.run([*command, "--isolation-level", "read_committed"], 90).splitlines()
        found = [tuple(line.split("\t")) for line in lines]
        assert found == [
            (f"CreateTime:{stamp[1]}", f"Offset:{offset}", f"n:{headers[0][1].decode()},null:null", key.decode())
            for offset, key, _, stamp, headers in expected
        ]


def test_apache_kafka_dumps_our_cleaned_segments(brokers):
    folder = brokers[0].folder / "data" / "kept-0"
    for log in sorted(folder.glob("*.log"))[:-1]:
        files = ",".join(str(log.with_suffix(suffix)) for suffix in (".log", ".index", ".timeindex"))
        out = program.run(java("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", files), 90)
        assert "isvalid: false" not in out and "Found" not in out and "mismatch" not in out.lower(), out[-3000:]
        assert "isvalid: true" in out or log.stat().st_size == 0


def test_offsets_of_groups_survive_the_compaction_of_their_topic(brokers):
    """Thousands of commits of one group, their log compacted, a restart: the group goes on where it was."""
    broker = brokers[0]
    committer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "compacted-group", "enable.auto.commit": False})
    resource = subprocess.run(
        java(
            "org.apache.kafka.tools.ConfigCommand",
            "--bootstrap-server",
            broker.bootstrap,
            *["--alter", "--entity-type", "topics", "--entity-name", "__consumer_offsets"],
            *["--add-config", "segment.ms=500"],
        ),
        capture_output=True,
        text=True,
        timeout=90,
    )
    committer.commit(offsets=[TopicPartition("kept", 0, 0)], asynchronous=False)
    assert resource.returncode == 0 or "UNKNOWN_TOPIC" in resource.stderr, resource.stderr
    for offset in range(1, 3000):
        committer.commit(offsets=[TopicPartition("kept", 0, offset)], asynchronous=False)
    time.sleep(0.6)
    committer.commit(offsets=[TopicPartition("kept", 0, 3000)], asynchronous=False)
    wait_until_clean(broker, "__consumer_offsets")
    broker.restart()
    assert committer.committed([TopicPartition("kept", 0)], 60)[0].offset == 3000
    committer.close()


def test_producers_go_on_after_the_compaction_and_a_crash(brokers):
    broker = brokers[0]
    before = surviving(broker, "kept")
    broker.restart(hard=True)
    assert surviving(broker, "kept") == before
    produce(broker, "kept", workload(3)[:20])
    last = surviving(broker, "kept")[-1][0]
    assert last > before[-1][0]
