"""The scenario with kafka-python. Usage: kafka_python.py BOOTSTRAP before|after"""

import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, OffsetSpec, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import InvalidPartitionsError, MessageSizeTooLargeError, TopicAlreadyExistsError
from kafka.errors import UnknownTopicOrPartitionError
from workload import FIRST_TIMESTAMP, PARTITIONS, STEP_MS, Record, check, check_records, expected, limit_program, records

TOPIC, GROUP = "kafka-python-scenario", "kafka-python-group"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
DEADLINE_S = 30
WANT = expected(CODECS)
COMMITTED = {partition: len(WANT[partition]) // 2 for partition in WANT}


def error_of(what, call, kind):
    try:
        call()
    except kind:
        print(f"ok {what}: {kind.__name__}", flush=True)
        return
    raise SystemExit(f"WRONG {what}: no error")


def send(producer, record):
    return producer.send(
        TOPIC,
        partition=record.partition,
        key=record.key,
        value=record.value,
        headers=list(record.headers),
        timestamp_ms=record.timestamp,
    )


def produce(bootstrap, batches, **settings):
    placed = []
    for codec, batch in batches:
        compression = None if codec == "none" else codec
        producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=compression, linger_ms=50, **settings)
        sent = [send(producer, record) for record in batch]
        placed += [(m.partition, m.offset, m.timestamp) for m in (future.get(DEADLINE_S) for future in sent)]
        producer.close()
    return placed


def consumer(bootstrap, *topics, group=GROUP):
    return KafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
    )


def read(reader, count):
    got, deadline = {}, time.monotonic() + DEADLINE_S
    while count:
        if time.monotonic() > deadline:
            raise SystemExit(f"WRONG: {count} records missing after {DEADLINE_S} s, got {got}")
        for batch in reader.poll(500, max_records=count).values():
            for m in batch:
                record = Record(m.partition, m.timestamp, m.key, m.value, tuple(m.headers))
                got.setdefault(m.partition, []).append((m.offset, record))
                count -= 1
    return got


def slices(start):
    return {p: list(enumerate(WANT[p]))[start.get(p, 0) :] for p in WANT}


def before(bootstrap):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topic = NewTopic(TOPIC, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
    admin.create_topics([topic], validate_only=True)
    check("validate only creates nothing", TOPIC in admin.list_topics(), False)
    made = admin.create_topics([topic])["topics"][0]
    check("created", (made["num_partitions"], made["replication_factor"]), (PARTITIONS, 1))
    check("its retention.ms", made["configs"]["retention.ms"]["value"], "-1")
    error_of("create an existing topic", lambda: admin.create_topics([topic]), TopicAlreadyExistsError)

    batches = records(CODECS)
    placed = produce(bootstrap, batches[:-1], enable_idempotence=False)
    placed += produce(bootstrap, batches[-1:], enable_idempotence=True)
    order = {p: [(o, t) for q, o, t in placed if q == p] for p in WANT}
    check("acknowledged offsets", order, {p: [(o, r.timestamp) for o, r in enumerate(WANT[p])] for p in WANT})

    reader = consumer(bootstrap, TOPIC)
    check_records("read by group", read(reader, sum(map(len, WANT.values()))), slices({}))
    offsets = {TopicPartition(TOPIC, p): OffsetAndMetadata(o, f"half of {p}", -1) for p, o in COMMITTED.items()}
    reader.commit(offsets)
    described = admin.describe_groups([GROUP])[GROUP]
    check("group while it reads", (described["group_state"], len(described["members"])), ("Stable", 1))
    assigned = described["members"][0]["member_assignment"]["assigned_partitions"]
    check("its assignment", [(a["topic"], sorted(a["partitions"])) for a in assigned], [(TOPIC, [0, 1, 2])])
    reader.close()
    admin.close()


def after(bootstrap):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    kept = admin.list_group_offsets({GROUP: None})[GROUP]
    kept = {tp.partition: (meta.offset, meta.metadata) for tp, meta in kept.items()}
    check("committed", kept, {p: (o, f"half of {p}") for p, o in COMMITTED.items()})
    reader = consumer(bootstrap, TOPIC)
    rest = slices(COMMITTED)
    check_records("resume from the commit", read(reader, sum(map(len, rest.values()))), rest)

    late = Record(0, FIRST_TIMESTAMP + 1_000_000, b"late", b"after the restart")
    offset = len(WANT[0])
    check("offset after the restart", produce(bootstrap, [("zstd", [late])]), [(0, offset, late.timestamp)])
    check_records("read what came after the restart", read(reader, 1), {0: [(offset, late)]})

    reader.seek(TopicPartition(TOPIC, 0), 1)
    check("seek to an offset", read(reader, 1), {0: [(1, WANT[0][1])]})
    ends = reader.end_offsets([TopicPartition(TOPIC, p) for p in WANT])
    check("end offsets", [ends[TopicPartition(TOPIC, p)] for p in WANT], [offset + 1, len(WANT[1]), len(WANT[2])])
    found = reader.offsets_for_times(
        {
            TopicPartition(TOPIC, 0): FIRST_TIMESTAMP + 100 * 1_000_000,
            TopicPartition(TOPIC, 1): WANT[1][4].timestamp,
            TopicPartition(TOPIC, 2): WANT[2][2].timestamp - STEP_MS // 2,
        }
    )
    found = [found[TopicPartition(TOPIC, p)] for p in WANT]
    exact = [(4, WANT[1][4].timestamp), (2, WANT[2][2].timestamp)]
    check("offsets for times", [found[0], *[(f.offset, f.timestamp) for f in found[1:]]], [None, *exact])
    reader.close()
    replay = consumer(bootstrap, group=None)
    replay.assign([TopicPartition(TOPIC, 1)])
    replay.seek(TopicPartition(TOPIC, 1), found[1].offset)
    check("read from a timestamp", read(replay, 1), {1: [(4, WANT[1][4])]})
    replay.close()
    administer(bootstrap, admin, offset)
    admin.close()


def administer(bootstrap, admin, late_offset):
    check("list topics", TOPIC in admin.list_topics(), True)
    brokers = admin.describe_cluster()["brokers"]
    check("brokers", [f"{b['host']}:{b['port']}" for b in brokers], [bootstrap])
    topic = admin.describe_topics([TOPIC])[0]
    check("describe topic", [(p["partition_index"], p["leader_epoch"] >= 0) for p in topic["partitions"]], [(p, True) for p in WANT])

    resource = ConfigResource(ConfigResourceType.TOPIC, TOPIC)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"max.message.bytes": "2000"})])
    changed = admin.describe_configs([resource], include_synonyms=True)["topic"][TOPIC]
    values = {name: (entry["value"], entry["config_source"]) for name, entry in changed.items()}
    own = "DYNAMIC_TOPIC_CONFIG"
    check("configs", values, {"retention.ms": ("-1", own), "max.message.bytes": ("2000", own)})
    synonyms = [(s["name"], s["value"]) for s in changed["max.message.bytes"]["synonyms"]]
    check("synonyms", synonyms, [("max.message.bytes", "2000"), ("message.max.bytes", "1048588")])
    admin.reset_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"retention.ms": None})])
    changed = admin.describe_configs([resource])["topic"][TOPIC]
    check("after the reset", sorted(changed), ["max.message.bytes"])
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    too_large = Record(0, FIRST_TIMESTAMP, None, b"z" * 5000)
    error_of("a record too large", lambda: send(producer, too_large).get(DEADLINE_S), MessageSizeTooLargeError)
    producer.close()

    admin.create_partitions({TOPIC: NewPartitions(5)})
    error_of("fewer partitions", lambda: admin.create_partitions({TOPIC: NewPartitions(2)}), InvalidPartitionsError)
    check("five partitions", len(admin.describe_topics([TOPIC])[0]["partitions"]), 5)
    end = admin.list_partition_offsets({TopicPartition(TOPIC, 0): OffsetSpec.LATEST})
    check("latest offset", [o.offset for o in end.values()], [late_offset + 1])
    held = [p for d in admin.describe_log_dirs()[0]["log_dirs"] for t in d["topics"] if t["name"] == TOPIC for p in t["partitions"]]
    check("log dirs", sorted(p["partition_index"] for p in held if p["partition_size"] > 0), list(WANT))

    groups = {g["group_id"]: g["group_state"] for g in admin.list_groups()}
    check("list groups", groups.get(GROUP), "Empty")
    check("delete group", admin.delete_groups([GROUP]), {GROUP: "OK"})
    check("delete a group that is gone", admin.delete_groups([GROUP]), {GROUP: "GroupIdNotFoundError"})
    admin.delete_topics([TOPIC])
    error_of("delete an unknown topic", lambda: admin.delete_topics([TOPIC]), UnknownTopicOrPartitionError)
    check("topic gone", TOPIC in admin.list_topics(), False)


if __name__ == "__main__":
    limit_program()
    {"before": before, "after": after}[sys.argv[2]](sys.argv[1])
