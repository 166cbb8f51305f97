"""The scenario with confluent-kafka. Usage: confluent.py BOOTSTRAP before|after"""

import sys
import time

from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)
from workload import FIRST_TIMESTAMP, PARTITIONS, STEP_MS, Record, check, check_records, expected, limit_program, records

TOPIC, GROUP = "confluent-scenario", "confluent-group"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
DEADLINE_S = 30
WANT = expected(CODECS)
COMMITTED = {partition: len(WANT[partition]) // 2 for partition in WANT}


def error_of(what, call, code):
    try:
        call()
    except KafkaException as failure:
        check(what, failure.args[0].name(), KafkaError(code).name())
        return
    raise SystemExit(f"WRONG {what}: no error")


def produce(bootstrap, batches, **settings):
    reports = []
    for codec, batch in batches:
        config = {"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 50, **settings}
        producer = Producer(config)
        for record in batch:
            producer.produce(
                TOPIC,
                partition=record.partition,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                timestamp=record.timestamp,
                on_delivery=lambda error, message: reports.append((error, message.partition(), message.offset())),
            )
        check(f"all delivered ({codec})", producer.flush(DEADLINE_S), 0)
    check("no delivery failed", [error for error, _, _ in reports if error], [])
    return [(partition, offset) for _, partition, offset in reports]


def consumer(bootstrap, **settings):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            **settings,
        }
    )


def read(reader, count):
    """Reads exactly count records, by partition, and fails when the time is over."""
    got, deadline = {}, time.monotonic() + DEADLINE_S
    while count:
        if time.monotonic() > deadline:
            raise SystemExit(f"WRONG: {count} records missing after {DEADLINE_S} s, got {got}")
        message = reader.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise SystemExit(f"WRONG: {message.error()}")
        kind, timestamp = message.timestamp()
        if kind != TIMESTAMP_CREATE_TIME:
            raise SystemExit(f"WRONG timestamp type {kind}")
        record = Record(
            message.partition(), timestamp, message.key(), message.value(), tuple(message.headers() or ())
        )
        got.setdefault(message.partition(), []).append((message.offset(), record))
        count -= 1
    return got


def slices(start):
    return {p: list(enumerate(WANT[p]))[start.get(p, 0) :] for p in WANT}


def before(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(TOPIC, PARTITIONS, 1, config={"retention.ms": "-1"})
    admin.create_topics([topic], operation_timeout=10)[TOPIC].result(DEADLINE_S)
    error_of(
        "create an existing topic",
        lambda: admin.create_topics([topic])[TOPIC].result(DEADLINE_S),
        KafkaError.TOPIC_ALREADY_EXISTS,
    )
    batches = records(CODECS)
    plain, idempotent = batches[:-1], batches[-1:]
    produce(bootstrap, plain)
    produce(bootstrap, idempotent, **{"enable.idempotence": True})

    reader = consumer(bootstrap)
    reader.subscribe([TOPIC])
    total = sum(len(r) for r in WANT.values())
    check_records("read by group", read(reader, total), slices({}))
    offsets = [TopicPartition(TOPIC, p, COMMITTED[p], metadata=f"half of {p}") for p in COMMITTED]
    done = reader.commit(offsets=offsets, asynchronous=False)
    check("commit", [tp.error for tp in done], [None] * len(done))
    reader.close()


def after(bootstrap):
    reader = consumer(bootstrap)
    kept = reader.committed([TopicPartition(TOPIC, p) for p in WANT], timeout=DEADLINE_S)
    check("committed", {tp.partition: (tp.offset, tp.metadata) for tp in kept}, {p: (COMMITTED[p], f"half of {p}") for p in WANT})
    reader.subscribe([TOPIC])
    rest = slices(COMMITTED)
    check_records("resume from the commit", read(reader, sum(map(len, rest.values()))), rest)

    late = Record(0, FIRST_TIMESTAMP + 1_000_000, b"late", b"after the restart")
    offset = len(WANT[0])
    check("offset after the restart", produce(bootstrap, [("zstd", [late])], acks="all"), [(0, offset)])
    check_records("read what came after the restart", read(reader, 1), {0: [(offset, late)]})

    reader.seek(TopicPartition(TOPIC, 0, 1))
    first = read(reader, 1)
    check("seek to an offset", first[0][0], (1, WANT[0][1]))
    exact = WANT[1][4].timestamp
    asked = [
        TopicPartition(TOPIC, 0, FIRST_TIMESTAMP + 100 * 1_000_000),
        TopicPartition(TOPIC, 1, exact),
        TopicPartition(TOPIC, 2, WANT[2][2].timestamp - STEP_MS // 2),
    ]
    found = reader.offsets_for_times(asked, timeout=DEADLINE_S)
    check("offsets for times", [tp.offset for tp in found], [-1, 4, 2])
    check("watermarks", reader.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=DEADLINE_S), (0, offset + 1))
    reader.close()
    replay = consumer(bootstrap)
    replay.assign([TopicPartition(TOPIC, 1, found[1].offset)])
    check("read from a timestamp", read(replay, 1), {1: [(4, WANT[1][4])]})
    replay.close()

    admin = AdminClient({"bootstrap.servers": bootstrap})
    administer(bootstrap, admin, offset)


def administer(bootstrap, admin, late_offset):
    listed = admin.list_topics(timeout=DEADLINE_S)
    check("list topics", TOPIC in listed.topics, True)
    check("brokers", [f"{b.host}:{b.port}" for b in listed.brokers.values()], [bootstrap])
    cluster = admin.describe_cluster().result(DEADLINE_S)
    check("describe cluster", cluster.cluster_id, listed.cluster_id)

    resource = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
    configs = admin.describe_configs([resource])[resource].result(DEADLINE_S)
    check("retention.ms", (configs["retention.ms"].value, configs["retention.ms"].source), ("-1", 1))
    check("cleanup.policy", (configs["cleanup.policy"].value, configs["cleanup.policy"].is_default), ("delete", True))
    change = ConfigResource(
        ConfigResource.Type.TOPIC,
        TOPIC,
        incremental_configs=[ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)],
    )
    admin.incremental_alter_configs([change])[change].result(DEADLINE_S)
    configs = admin.describe_configs([resource])[resource].result(DEADLINE_S)
    check("altered max.message.bytes", configs["max.message.bytes"].value, "2000")
    check("kept retention.ms", configs["retention.ms"].value, "-1")

    producer, outcome = Producer({"bootstrap.servers": bootstrap}), []
    producer.produce(TOPIC, partition=0, value=b"z" * 5000, on_delivery=lambda error, _: outcome.append(error.name()))
    producer.flush(DEADLINE_S)
    check("a record too large", outcome, ["MSG_SIZE_TOO_LARGE"])

    admin.create_partitions([NewPartitions(TOPIC, 5)])[TOPIC].result(DEADLINE_S)
    error_of(
        "fewer partitions",
        lambda: admin.create_partitions([NewPartitions(TOPIC, 2)])[TOPIC].result(DEADLINE_S),
        KafkaError.INVALID_PARTITIONS,
    )
    wait_until("five partitions", lambda: len(admin.list_topics(TOPIC, timeout=DEADLINE_S).topics[TOPIC].partitions) == 5)

    latest = admin.list_offsets({TopicPartition(TOPIC, 0): OffsetSpec.latest()})
    check("latest offset", [f.result(DEADLINE_S).offset for f in latest.values()], [late_offset + 1])
    highest = admin.list_offsets({TopicPartition(TOPIC, 0): OffsetSpec.max_timestamp()})
    check("offset of the highest timestamp", [f.result(DEADLINE_S).offset for f in highest.values()], [late_offset])

    groups = admin.list_consumer_groups().result(DEADLINE_S)
    check("list groups", GROUP in [g.group_id for g in groups.valid], True)
    described = admin.describe_consumer_groups([GROUP])[GROUP].result(DEADLINE_S)
    check("describe group", (described.state.name, described.members), ("EMPTY", []))
    admin.delete_consumer_groups([GROUP])[GROUP].result(DEADLINE_S)
    error_of(
        "delete a group that is gone",
        lambda: admin.delete_consumer_groups([GROUP])[GROUP].result(DEADLINE_S),
        KafkaError.GROUP_ID_NOT_FOUND,
    )

    admin.delete_topics([TOPIC], operation_timeout=10)[TOPIC].result(DEADLINE_S)
    error_of(
        "delete an unknown topic",
        lambda: admin.delete_topics([TOPIC])[TOPIC].result(DEADLINE_S),
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    )
    wait_until("topic gone", lambda: TOPIC not in admin.list_topics(timeout=DEADLINE_S).topics)


def wait_until(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"WRONG: not within {DEADLINE_S} s: {what}")
        time.sleep(0.05)
    print(f"ok {what}", flush=True)


if __name__ == "__main__":
    limit_program()
    {"before": before, "after": after}[sys.argv[2]](sys.argv[1])
