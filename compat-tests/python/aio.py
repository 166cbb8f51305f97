"""The scenario with aiokafka. Usage: aio.py BOOTSTRAP before|after"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError, for_code
from aiokafka.structs import OffsetAndMetadata
from workload import FIRST_TIMESTAMP, PARTITIONS, STEP_MS, Record, check, check_records, expected, limit_program, records

TOPIC, GROUP = "aiokafka-scenario", "aiokafka-group"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
DEADLINE_S = 30
WANT = expected(CODECS)
COMMITTED = {partition: len(WANT[partition]) // 2 for partition in WANT}


def error_name(code):
    return for_code(code).__name__


async def send(producer, record):
    return await producer.send(
        TOPIC,
        partition=record.partition,
        key=record.key,
        value=record.value,
        headers=list(record.headers),
        timestamp_ms=record.timestamp,
    )


async def produce(bootstrap, batches, **settings):
    placed = []
    for codec, batch in batches:
        compression = None if codec == "none" else codec
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=compression, linger_ms=50, **settings) as producer:
            sent = [await send(producer, record) for record in batch]
            done = [await asyncio.wait_for(future, DEADLINE_S) for future in sent]
            placed += [(m.partition, m.offset) for m in done]
    return placed


def consumer(bootstrap, *topics, group=GROUP):
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
    )


async def read(reader, count):
    got = {}

    async def all_of_it():
        for _ in range(count):
            m = await reader.getone()
            record = Record(m.partition, m.timestamp, m.key, m.value, tuple(m.headers))
            got.setdefault(m.partition, []).append((m.offset, record))

    try:
        await asyncio.wait_for(all_of_it(), DEADLINE_S)
    except asyncio.TimeoutError:
        raise SystemExit(f"WRONG: not {count} records after {DEADLINE_S} s, got {got}") from None
    return got


def slices(start):
    return {p: list(enumerate(WANT[p]))[start.get(p, 0) :] for p in WANT}


async def before(bootstrap):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    topic = NewTopic(TOPIC, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
    made = await admin.create_topics([topic])
    check("create topic", [(t[0], t[1]) for t in made.topic_errors], [(TOPIC, 0)])
    again = await admin.create_topics([topic])
    check("create an existing topic", error_name(again.topic_errors[0][1]), "TopicAlreadyExistsError")

    batches = records(CODECS)
    placed = await produce(bootstrap, batches[:-1])
    placed += await produce(bootstrap, batches[-1:], enable_idempotence=True)
    order = {p: [o for q, o in placed if q == p] for p in WANT}
    check("acknowledged offsets", order, {p: list(range(len(WANT[p]))) for p in WANT})

    async with consumer(bootstrap, TOPIC) as reader:
        check_records("read by group", await read(reader, sum(map(len, WANT.values()))), slices({}))
        offsets = {TopicPartition(TOPIC, p): OffsetAndMetadata(o, f"half of {p}") for p, o in COMMITTED.items()}
        await reader.commit(offsets)
    await admin.close()


async def after(bootstrap):
    offset = len(WANT[0])
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    async with consumer(bootstrap, TOPIC) as reader:
        rest = slices(COMMITTED)
        check_records("resume from the commit", await read(reader, sum(map(len, rest.values()))), rest)
        # Only now: this call takes a coordinator that still loads for a group without offsets.
        kept = await admin.list_consumer_group_offsets(GROUP)
        kept = {tp.partition: (meta.offset, meta.metadata) for tp, meta in kept.items()}
        check("committed", kept, {p: (o, f"half of {p}") for p, o in COMMITTED.items()})
        late = Record(0, FIRST_TIMESTAMP + 1_000_000, b"late", b"after the restart")
        check("offset after the restart", await produce(bootstrap, [("zstd", [late])]), [(0, offset)])
        check_records("read what came after the restart", await read(reader, 1), {0: [(offset, late)]})
        reader.seek(TopicPartition(TOPIC, 0), 1)
        check("seek to an offset", await read(reader, 1), {0: [(1, WANT[0][1])]})
        found = await reader.offsets_for_times(
            {
                TopicPartition(TOPIC, 0): FIRST_TIMESTAMP + 100 * 1_000_000,
                TopicPartition(TOPIC, 1): WANT[1][4].timestamp,
                TopicPartition(TOPIC, 2): WANT[2][2].timestamp - STEP_MS // 2,
            }
        )
        found = [found[TopicPartition(TOPIC, p)] for p in WANT]
        exact = [(4, WANT[1][4].timestamp), (2, WANT[2][2].timestamp)]
        check("offsets for times", [found[0], *[(f.offset, f.timestamp) for f in found[1:]]], [None, *exact])
    async with consumer(bootstrap, group=None) as replay:
        replay.assign([TopicPartition(TOPIC, 1)])
        replay.seek(TopicPartition(TOPIC, 1), found[1].offset)
        check("read from a timestamp", await read(replay, 1), {1: [(4, WANT[1][4])]})
    await administer(bootstrap, admin)
    await admin.close()


async def administer(bootstrap, admin):
    check("list topics", TOPIC in await admin.list_topics(), True)
    described = (await admin.describe_topics([TOPIC]))[0]
    check("describe topic", sorted(p["partition"] for p in described["partitions"]), list(WANT))
    cluster = await admin.describe_cluster()
    check("brokers", [f"{b['host']}:{b['port']}" for b in cluster["brokers"]], [bootstrap])

    altered = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"max.message.bytes": "2000"})])
    check("alter configs", [r[0] for answer in altered for r in answer.resources], [0])
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
    values = {entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]}
    check("max.message.bytes", values["max.message.bytes"], "2000")
    check("retention.ms fell back, as AlterConfigs replaces all", values["retention.ms"], "604800000")
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        try:
            await producer.send_and_wait(TOPIC, b"z" * 5000, partition=0)
            raise SystemExit("WRONG a record too large: no error")
        except MessageSizeTooLargeError:
            print("ok a record too large", flush=True)

    grown = await admin.create_partitions({TOPIC: NewPartitions(5)})
    check("create partitions", [(t[0], t[1]) for t in grown.topic_errors], [(TOPIC, 0)])
    described = (await admin.describe_topics([TOPIC]))[0]
    check("five partitions", sorted(p["partition"] for p in described["partitions"]), [0, 1, 2, 3, 4])
    groups = {group[0] for group in await admin.list_consumer_groups()}
    check("list groups", GROUP in groups, True)
    states = [(g[1], g[2]) for answer in await admin.describe_consumer_groups([GROUP]) for g in answer.groups]
    check("describe group", states, [(GROUP, "Empty")])

    gone = await admin.delete_topics([TOPIC])
    check("delete topic", [code for _, code in gone.topic_error_codes], [0])
    again = await admin.delete_topics([TOPIC])
    codes = [error_name(code) for _, code in again.topic_error_codes]
    check("delete an unknown topic", codes, ["UnknownTopicOrPartitionError"])


if __name__ == "__main__":
    limit_program()
    asyncio.run({"before": before, "after": after}[sys.argv[2]](sys.argv[1]))
