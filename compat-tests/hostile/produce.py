"""Produce and CreateTopics by hand (versions 8 and 4), with record batches that can be built wrong."""

import struct

PRODUCE, CREATE_TOPICS = 0, 19


def _crc_table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


_CRC32C = _crc_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value: int) -> bytes:
    """Zigzag."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def record_head(value_length: int, offset_delta: int = 0) -> bytes:
    """A record without key and headers up to its value; "\\0" ends it behind the value."""
    head = b"\0\0" + varint(offset_delta) + varint(-1) + varint(value_length)
    return varint(len(head) + value_length + 1) + head


def record(value: bytes, offset_delta: int = 0) -> bytes:
    return record_head(len(value), offset_delta) + value + b"\0"


def batch(payload: bytes, codec: int = 0, count: int = 1) -> bytes:
    """A record batch with a right CRC around any payload."""
    body = struct.pack(">hiqqqhii", codec, count - 1, 1_700_000_000_000, 1_700_000_000_000, -1, -1, -1, count) + payload
    head = struct.pack(">ibI", -1, 2, crc32c(body))
    return struct.pack(">qi", 0, len(head) + len(body)) + head + body


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def create_topic_frame(topic: str, configs: dict[str, str] | None = None) -> bytes:
    entries = b"".join(_string(key) + _string(value) for key, value in (configs or {}).items())
    body = struct.pack(">i", 1) + _string(topic) + struct.pack(">ihi", 1, 1, 0)
    body += struct.pack(">i", len(configs or {})) + entries + struct.pack(">i?", 10_000, False)
    return struct.pack(">hhih", CREATE_TOPICS, 4, 1, -1) + body


def produce_frame(topic: str, records: bytes | None, version: int = 8) -> bytes:
    """One partition's records, acks=all; version 3 to 8."""
    body = struct.pack(">hhi", -1, -1, 5000) + struct.pack(">i", 1) + _string(topic) + struct.pack(">ii", 1, 0)
    body += struct.pack(">i", -1 if records is None else len(records)) + (records or b"")
    return struct.pack(">hhih", PRODUCE, version, 1, -1) + body


def produce_error(answer: bytes, topic: str) -> int:
    """The error code of the only partition in a Produce answer (version 3 to 8)."""
    (error,) = struct.unpack_from(">h", answer, 4 + 2 + len(topic) + 4 + 4)
    return error
