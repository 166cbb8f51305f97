"""kcat, the command line client on librdkafka (Debian's: an old librdkafka, so old API versions)."""

import json

import pytest

from harness import program

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
TOPIC = "kcat-scenario"


def kcat(broker, *arguments, stdin=None):
    return program.run(["kcat", "-b", broker.bootstrap, "-X", "topic.metadata.refresh.interval.ms=1000", *arguments], 60, stdin=stdin)


def consume(broker, *arguments, topic=TOPIC):
    """Reads to the end of the partitions and returns a line of JSON for each message."""
    lines = kcat(broker, "-q", "-C", "-t", topic, "-e", "-J", *arguments).splitlines()
    return [json.loads(line) for line in lines]


def produce(broker, lines, *arguments, topic=TOPIC):
    kcat(broker, "-P", "-t", topic, *arguments, stdin="".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def topic(broker):
    """The topic, made by producing to it, with a record for each codec in partition 0, a tombstone and a null key."""
    for codec in CODECS:
        arguments = ["-p", "0", "-K", ":", "-z", codec, "-H", f"codec={codec}", "-H", "two=1", "-H", "two=2"]
        produce(broker, [f"{codec}:value of {codec}"], *arguments)
    produce(broker, ["gone:"], "-p", "0", "-K", ":", "-Z")
    produce(broker, ["no key"], "-p", "0")
    return TOPIC


def test_metadata_names_the_broker_and_the_topic(broker, topic):
    listed = json.loads(kcat(broker, "-L", "-J"))
    assert [one["name"] for one in listed["brokers"]] == [broker.bootstrap]
    assert listed["controllerid"] == listed["brokers"][0]["id"]
    described = [one for one in listed["topics"] if one["topic"] == topic]
    assert [p["partition"] for p in described[0]["partitions"]] == [0]


def test_records_come_back_after_a_restart(broker, topic):
    before = consume(broker, "-o", "beginning")
    broker.restart()
    after = consume(broker, "-o", "beginning")
    assert after == before
    assert [(one["key"], one["payload"]) for one in after] == [
        *((codec, f"value of {codec}") for codec in CODECS),
        ("gone", None),
        (None, "no key"),
    ]
    assert [one["offset"] for one in after] == list(range(7))
    assert [one.get("headers") for one in after[:5]] == [["codec", codec, "two", "1", "two", "2"] for codec in CODECS]


def test_reads_from_an_offset_from_the_end_and_from_a_timestamp(broker, topic):
    every = consume(broker, "-p", "0", "-o", "beginning")
    assert consume(broker, "-p", "0", "-o", "5") == every[5:]
    assert consume(broker, "-p", "0", "-o", "-2") == every[-2:]
    time = every[4]["ts"]
    assert consume(broker, "-p", "0", "-o", f"s@{time}") == [one for one in every if one["ts"] >= time]
    query = json.loads(kcat(broker, "-Q", "-J", "-t", f"{topic}:0:{time}"))
    first = min(one["offset"] for one in every if one["ts"] >= time)
    assert query[topic]["0"]["offset"] == first


def test_a_group_resumes_from_its_commit_after_a_restart(broker):
    produce(broker, [f"{n}" for n in range(20)], "-p", "0", topic="kcat-group-topic")
    group = ["-q", "-X", "auto.offset.reset=earliest", "-G", "kcat-group", "kcat-group-topic"]
    read = [kcat(broker, "-c", "12", *group).split()]
    broker.restart()
    read.append(kcat(broker, "-c", "8", *group).split())
    assert read == [[str(n) for n in range(12)], [str(n) for n in range(12, 20)]]


def test_an_idempotent_producer_keeps_the_order(broker):
    lines = [f"{n}" for n in range(5000)]
    settings = ["-X", "enable.idempotence=true", "-X", "batch.num.messages=50", "-z", "lz4"]
    produce(broker, lines, "-p", "0", *settings, topic="kcat-idempotent")
    assert [one["payload"] for one in consume(broker, "-p", "0", topic="kcat-idempotent")] == lines


def test_errors_are_seen(broker):
    with pytest.raises(AssertionError, match="(?i)unknown partition"):
        produce(broker, ["x"], "-p", "99", topic="kcat-errors")
    with pytest.raises(AssertionError, match="(?i)message size too large"):
        produce(broker, ["z" * 2_000_000], "-p", "0", "-X", "message.max.bytes=10000000", topic="kcat-errors")
    with pytest.raises(AssertionError, match="(?i)invalid topic"):
        produce(broker, ["x"], "-p", "0", topic="kcat?errors")
