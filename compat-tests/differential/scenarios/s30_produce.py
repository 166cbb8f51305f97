"""Produce: acks, codecs, broken batches, timestamps, sizes, unknown places, idempotent producers."""

import uuid

import records
from records import batch
from scenarios import scenario

MADE_UP = uuid.UUID("11111111-2222-3333-4444-555555555555")


def body(s, topic, data, partition=0, acks=-1, transactional=None, topic_id=None):
    return {
        "TransactionalId": transactional, "Acks": acks, "TimeoutMs": 5_000,
        "TopicData": [{"Name": topic, "TopicId": topic_id or s.ids.get(topic, MADE_UP),
                       "PartitionData": [{"Index": partition, "Records": data}]}],
    }


def send(s, topic, data, note="", **more):
    return s.call("Produce", body(s, topic, data, **more), note=note)


def log(s, topic, partition=0, note="log"):
    """The whole log as stored, byte for byte."""
    s.call("Fetch", {
        "MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 50 << 20, "Topics": [{
            "Topic": topic, "TopicId": s.ids[topic],
            "Partitions": [{"Partition": partition, "FetchOffset": 0, "PartitionMaxBytes": 50 << 20}]}]}, note=note)


@scenario("Produce")
def good_batches(s):
    a = s.topic("a", 2)
    send(s, a, batch([b"one"]))
    send(s, a, batch([b"two", b"three", None], keys=[b"k", None, b""]), partition=1)
    send(s, a, batch([b"h"], headers=[(b"h", b"1"), (b"h", None), (b"", b"")]))
    for codec in records.CODECS:
        send(s, a, batch([b"x" * 100, b"y"], codec=codec), note=codec)
    for acks in (1, -1):
        send(s, a, batch([b"acks"]), acks=acks, note=f"acks {acks}")
    s.unanswered("Produce", body(s, a, batch([b"acks"]), acks=0), note="acks 0")
    for acks in (2, -2, 32767):
        send(s, a, batch([b"acks"]), acks=acks, note=f"acks {acks}")
    two = body(s, a, batch([b"p0"]))
    two["TopicData"][0]["PartitionData"].append({"Index": 1, "Records": batch([b"p1"])})
    s.call("Produce", two, note="two partitions")
    two["TopicData"][0]["PartitionData"].append({"Index": 7, "Records": batch([b"p7"])})
    s.call("Produce", two, note="two partitions and an unknown one")
    s.call("Produce", {"Acks": -1, "TimeoutMs": 100, "TopicData": []}, note="nothing")
    nothing = body(s, a, b"")
    nothing["TopicData"][0]["PartitionData"] = []
    s.call("Produce", nothing, note="no partitions")
    send(s, a, batch([b"offset"], base_offset=77, leader_epoch=9), note="offset and epoch given")
    log(s, a)
    log(s, a, 1)


@scenario("Produce")
def unknown_places(s):
    a = s.topic("a")
    for partition in (1, -1, 2147483647):
        send(s, a, batch(), partition=partition, note="partition")
    for name in (s.name("never"), "", "a b", "x" * 250):
        send(s, name, batch(), note="topic")
    send(s, "", batch(), topic_id=uuid.UUID(int=0), note="zero id")
    both = body(s, a, batch([b"good"]))
    both["TopicData"] += body(s, s.name("never"), batch())["TopicData"]
    s.call("Produce", both, note="one good, one unknown")
    s.unanswered("Produce", body(s, s.name("never"), batch(), acks=0), note="acks 0, unknown topic")
    apart = body(s, a, batch([b"good"]))
    apart["TopicData"] += both["TopicData"][1:]
    apart["TopicData"] += body(s, a, batch(), partition=7)["TopicData"]
    s.call("Produce", apart, note="topic named twice")
    log(s, a)


@scenario("Produce")
def broken_batches(s):
    a = s.topic("a")
    cases = {
        "crc": batch(crc=1), "empty": b"", "short": b"\0" * 10, "cut": batch()[:-1], "cut header": batch()[:40],
        "trailing": batch() + b"\0", "trailing header": batch() + b"\0" * 20,
        "two batches": batch([b"1"]) + batch([b"2"]), "magic 0": records.old_message(magic=0),
        "magic 1": records.old_message(), "magic 3": batch(magic=3), "magic -1": batch(magic=-1),
        "magic 1 in 2": batch(magic=1), "length low": batch(length=10), "length high": batch(length=1 << 20),
        "length negative": batch(length=-1), "length zero": batch(length=0),
        "count high": batch(count=2), "count low": batch([b"1", b"2"], count=1), "count zero": batch(count=0),
        "count negative": batch(count=-1), "no records": batch([], count=0, last_offset_delta=0),
        "no records, delta -1": batch([], count=0),
        "delta high": batch(last_offset_delta=5), "delta low": batch([b"1", b"2"], last_offset_delta=0),
        "delta negative": batch(last_offset_delta=-1),
        "offsets": batch([b"1", b"2"], deltas=[0, 5]), "offsets back": batch([b"1", b"2"], deltas=[1, 0]),
        "offsets gap, told": batch([b"1", b"2"], deltas=[0, 5], last_offset_delta=5),
        "control": batch(attributes=0x20), "transactional": batch(attributes=0x10),
        "transactional with id": batch(attributes=0x10, producer=(7, 0, 0)),
        "append time": batch(attributes=0x08), "delete horizon": batch(attributes=0x40),
        "unknown bits": batch(attributes=0x1000), "codec 5": batch(attributes=5), "codec 7": batch(attributes=7),
        "garbage payload": batch(payload=b"\xff" * 20, count=1), "empty payload": batch(payload=b"", count=1),
        "payload and more": batch(payload=records.record(0, None, b"v") + b"xx"),
        "record attributes": batch(payload=records.record(0, None, b"v", attributes=1)),
        "negative offset": batch(base_offset=-1),
        "garbage gzip": batch(attributes=1, payload=b"\x1f\x8b garbage"),
        "garbage snappy": batch(attributes=2, payload=b"\xff" * 30),
        "garbage lz4": batch(attributes=3, payload=b"\x04\x22\x4d\x18 garbage"),
        "garbage zstd": batch(attributes=4, payload=b"\x28\xb5\x2f\xfd garbage"),
        "gzip of garbage": batch(codec="gzip", payload=records.CODECS["gzip"][1](b"\xff" * 40)),
        "max timestamp": batch(max_timestamp=99), "max timestamp -1": batch(max_timestamp=-1),
    }
    for note, data in cases.items():
        send(s, a, data, note=note)
    two = body(s, a, batch([b"good"]))
    two["TopicData"] += body(s, s.name("never"), batch(crc=1))["TopicData"]
    s.call("Produce", two, note="good and bad")
    log(s, a)
    s.unanswered("Produce", body(s, a, batch(crc=1), acks=0), note="acks 0, bad crc")
    s.unanswered("Produce", body(s, a, batch([b"x"]), acks=0, partition=9), note="acks 0, unknown partition")


@scenario("Produce", once=True)
def null_records(s):
    a = s.topic("a")
    for version in (s.versions("Produce")[0], s.versions("Produce")[-1]):
        s.call("Produce", body(s, a, None), version, note="null records", timeout=1)


@scenario("Produce")
def sizes(s):
    a = s.topic("a", configs={"max.message.bytes": "1000"})
    send(s, a, batch([b"x" * 900]), note="fits")
    send(s, a, batch([b"x" * 931]), note="999 or so")
    for size in range(925, 945):
        send(s, a, batch([b"x" * size]), note=f"value of {size}")
    send(s, a, batch([b"x" * 1000]), note="too large")
    send(s, a, batch([b"x" * 900]) + batch([b"y"]), note="two batches")
    send(s, a, batch([b"x" * 5000], codec="gzip"), note="small when compressed")
    log(s, a)
    b = s.topic("b")
    send(s, b, batch([b"x" * 1_100_000]), note="over the broker's limit")
    send(s, b, batch([b"x" * 1_000_000]), note="under the broker's limit")


@scenario("Produce")
def timestamps(s):
    now = s.now_ms
    hour = 3_600_000
    plain = s.topic("plain")
    append = s.topic("append", configs={"message.timestamp.type": "LogAppendTime"})
    strict = s.topic("strict", configs={"message.timestamp.before.max.ms": str(hour),
                                        "message.timestamp.after.max.ms": str(hour)})
    for stamp, note in ((now, "now"), (0, "zero"), (-1, "none"), (-2, "negative"), (now - 2 * hour, "old"),
                        (now + 2 * hour, "future"), (now + 48 * hour, "far future")):
        for topic in (plain, append, strict):
            send(s, topic, batch([b"v"], base_timestamp=stamp), note=note)
            send(s, topic, batch([b"v", b"w"], base_timestamp=stamp, timestamp_deltas=[0, 1]), note=f"{note}, two")
    send(s, strict, batch([b"v", b"w", b"x"], base_timestamp=now, timestamp_deltas=[0, -2 * hour, 2 * hour]),
         note="one old, one future")
    send(s, append, batch([b"v"], base_timestamp=now, attributes=0x08), note="append time claimed")
    log(s, append)
    for topic in (plain, append):
        for stamp in (-1, -2, 0, 1):
            s.call("ListOffsets", {"ReplicaId": -1, "Topics": [
                {"Name": topic, "Partitions": [{"PartitionIndex": 0, "Timestamp": stamp}]}]}, note="offsets")


@scenario("Produce")
def compression(s):
    for wanted in ("uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"):
        topic = s.topic(wanted, configs={"compression.type": wanted})
        for codec in records.CODECS:
            send(s, topic, batch([b"x" * 50, b"y"], codec=codec), note=f"{codec} to {wanted}")
        outcome = s.quiet("Fetch", {
            "MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [{
                "Topic": topic, "TopicId": s.ids[topic],
                "Partitions": [{"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}]}]})
        stored = records.describe(outcome["Responses"][0]["Partitions"][0]["Records"])
        # compressors differ between libraries: the headers must be equal, the compressed bytes need not
        s.note("stored headers", [{k: v for k, v in b.items() if k not in ("length", "crc", "payload")} for b in stored])


@scenario("Produce")
def compacted(s):
    a = s.topic("a", configs={"cleanup.policy": "compact"})
    send(s, a, batch([b"v"], keys=[b"k"]), note="key")
    send(s, a, batch([b"v"]), note="no key")
    send(s, a, batch([b"v", b"w", b"x"], keys=[b"k", None, None]), note="two without key")
    send(s, a, batch([None], keys=[b"k"]), note="tombstone")
    send(s, a, batch([b"v"], keys=[b""]), note="empty key")
    send(s, a, batch([b"v"], codec="gzip"), note="no key, gzip")
    log(s, a)


@scenario("Produce")
def idempotent(s):
    a = s.topic("a", 2)
    made = s.call("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": 60_000, "ProducerId": -1,
                                     "ProducerEpoch": -1}, note="producer")
    pid = made["ProducerId"]

    def seq(n, count=1, epoch=0, producer=None, note="", **more):
        data = batch([b"v"] * count, producer=(pid if producer is None else producer, epoch, n))
        return send(s, a, data, note=note or f"sequence {n}", **more)
    seq(5, partition=1, note="starts late")
    for n in range(7):
        seq(n)
    for n in (6, 5, 4, 3, 2, 1, 0):
        seq(n, note=f"{n} again")
    seq(9, note="gap")
    seq(7, 3, note="three")
    seq(7, 3, note="three again")
    seq(8, 2, note="part of them")
    seq(10, epoch=1, note="new epoch not from 0")
    seq(0, epoch=1, note="new epoch")
    seq(11, epoch=0, note="old epoch")
    seq(0, epoch=-1, note="epoch -1")
    seq(-1, epoch=1, note="sequence -1")
    seq(-2, epoch=1, note="sequence -2")
    seq(1, epoch=1, note="goes on")
    seq(0, producer=987654, epoch=0, note="unknown producer")
    seq(7, producer=987655, epoch=0, note="unknown producer, late")
    seq(0, producer=987656, epoch=3, note="unknown producer, epoch 3")
    seq(2147483646, producer=987657, note="near the end")
    seq(0, producer=987658, epoch=0)
    two = batch([b"v"], producer=(pid, 1, 2)) + batch([b"v"], producer=(pid, 1, 3))
    send(s, a, two, note="two batches in one")
    for n in range(2147483645, 2147483648):
        seq(n, producer=987659, note=f"towards the end {n}")
    seq(2147483647, 3, producer=987660, note="over the end")
    seq(2, producer=987660, note="after the end")
    log(s, a, note="log")
    if s.has("DescribeProducers"):
        s.call("DescribeProducers", {"Topics": [{"Name": a, "PartitionIndexes": [0, 1, 2]}]}, note="producers")


@scenario("InitProducerId")
def init_producer_id(s):
    for timeout in (60_000, 0, -1, 2147483647):
        s.call("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": timeout}, note="timeout")
    s.call("InitProducerId", {"TransactionalId": "", "TransactionTimeoutMs": 1000}, note="empty id")
    for pid, epoch in ((5, 0), (5, -1), (-1, 3), (-2, -2), (0, 0), (1 << 60, 32767)):
        s.call("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": 1000, "ProducerId": pid,
                                  "ProducerEpoch": epoch}, note="with a producer id")


@scenario("DescribeProducers", once=True)
def describe_producers(s):
    a = s.topic("a", 2)
    pid = s.call("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": 60_000})["ProducerId"]
    s.produce(a, batch([b"1", b"2"], producer=(pid, 0, 0)))
    s.produce(a, batch([b"3"], producer=(pid, 0, 2)))

    def ask(rows, note=""):
        s.every("DescribeProducers", {"Topics": [{"Name": n, "PartitionIndexes": p} for n, p in rows]}, note=note)
    ask([(a, [0])], "good")
    ask([(a, [0, 1])], "one without")
    ask([(a, [2, -1])], "unknown partition")
    ask([(s.name("never"), [0])], "unknown topic")
    ask([("", [0]), ("a b", [0])], "bad topic")
    ask([(a, [])], "no partitions")
    ask([], "none")
    ask([(a, [0, 0])], "twice")
    ask([(a, [0]), (a, [1])], "topic twice")
