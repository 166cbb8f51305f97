"""Records that lie: bombs, sizes and counts that are not there, null. An answer comes, and memory stays where it was."""

import struct
import zlib

import pytest

from hostile.connection import Connection
from hostile.memory import bounded_growth
from hostile.produce import batch, create_topic_frame, produce_error, produce_frame, record, record_head, varint

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
OK, UNKNOWN_SERVER_ERROR, INVALID_RECORD, MESSAGE_TOO_LARGE = 0, -1, 87, 10
TOPIC = "hostile-records"
RECOMPRESSED = "hostile-recompressed"


@pytest.fixture(scope="module")
def topics(broker):
    """A plain topic, and one that stores with another codec than it is sent."""
    with Connection(broker.port) as connection:
        for topic, configs in [(TOPIC, {}), (RECOMPRESSED, {"compression.type": "lz4"})]:
            answer = connection.request(create_topic_frame(topic, configs))
            assert struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic)) == (0,)
    return broker


def produce(broker, topic: str, records: bytes | None) -> int:
    with Connection(broker.port) as connection:
        return produce_error(connection.request(produce_frame(topic, records)), topic)


def gzip_bomb(expanded: int) -> bytes:
    """One record whose value is that many zeros."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [deflate.compress(record_head(expanded))]
    packed += [deflate.compress(bytes(1 << 20)) for _ in range(expanded >> 20)]
    return b"".join([*packed, deflate.compress(b"\0"), deflate.flush(zlib.Z_FINISH)])


def zstd_bomb(expanded: int) -> bytes:
    """The same as run-length blocks of 128 KiB: four bytes each."""
    head = record_head(expanded)
    raw = struct.pack("<I", len(head) << 3)[:3] + head
    run = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"\0"
    end = struct.pack("<I", 1 << 3 | 1)[:3] + b"\0"
    return bytes.fromhex("28b52ffd") + b"\x00\x58" + raw + run * (expanded >> 17) + end


@pytest.mark.parametrize(
    ("codec", "payload"), [(GZIP, gzip_bomb(200 << 20)), (ZSTD, zstd_bomb(900 << 20))], ids=["gzip", "zstd"]
)
def test_bombs_are_read_in_a_stream(topics, codec, payload):
    """They are sound: Apache Kafka stores them too."""
    with bounded_growth(topics.process.pid):
        assert produce(topics, TOPIC, batch(payload, codec)) == OK


@pytest.mark.parametrize("expanded", [80 << 20, 900 << 20])
def test_bombs_are_not_unpacked_to_be_stored_otherwise(topics, expanded):
    with bounded_growth(topics.process.pid, 160 << 20):
        assert produce(topics, RECOMPRESSED, batch(zstd_bomb(expanded), ZSTD)) == MESSAGE_TOO_LARGE


LIES = {
    "snappy block of 2 GB": (SNAPPY, b"\xff\xff\xff\xff\x07" + b"\0a", UNKNOWN_SERVER_ERROR),
    "snappy chunk of 2 GB": (SNAPPY, b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, 0x7FFFFFFF), UNKNOWN_SERVER_ERROR),
    "snappy chunk that claims 2 GB": (
        SNAPPY,
        b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, 7) + b"\xff\xff\xff\xff\x07\0a",
        UNKNOWN_SERVER_ERROR,
    ),
    "lz4 block of 2 GB": (LZ4, bytes.fromhex("04224d18604082") + b"\xff\xff\xff\x7f", UNKNOWN_SERVER_ERROR),
    "zstd window of 3 TB": (ZSTD, bytes.fromhex("28b52ffd00ff") + b"\x09\0\0a", UNKNOWN_SERVER_ERROR),
    "record of 2 GB": (NONE, varint(0x7FFFFFFF) + b"\0" * 20, INVALID_RECORD),
    "key of 2 GB": (NONE, varint(12) + b"\0\0\0" + varint(0x7FFFFFFF) + b"\0" * 5, INVALID_RECORD),
    "2 billion headers": (NONE, varint(12) + b"\0\0\0\1\1" + varint(0x7FFFFFFF) + b"\0" * 3, INVALID_RECORD),
}


@pytest.mark.parametrize("name", LIES)
def test_lying_lengths_in_records(topics, name):
    codec, payload, error = LIES[name]
    with bounded_growth(topics.process.pid):
        for _ in range(50):
            assert produce(topics, TOPIC, batch(payload, codec)) == error


@pytest.mark.parametrize("codec", [NONE, GZIP])
def test_two_billion_records_that_are_not_there(topics, codec):
    payload = record(b"v") if codec == NONE else zlib.compress(record(b"v"), wbits=31)
    with bounded_growth(topics.process.pid):
        assert produce(topics, TOPIC, batch(payload, codec, count=0x7FFFFFFF)) == INVALID_RECORD


@pytest.mark.parametrize("version", range(3, 9))
def test_null_records_get_an_answer_or_a_close(topics, version):
    with Connection(topics.port) as connection:
        for topic in (TOPIC, "no-such-topic"):
            assert connection.outcome(produce_frame(topic, None, version)) in ("answered", "closed")


def test_a_batch_that_is_sound_is_stored(topics):
    """The hand-made batches are refused for their lies, not for how they are made."""
    assert produce(topics, TOPIC, batch(record(b"a") + record(b"b", 1), count=2)) == OK
