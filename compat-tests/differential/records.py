"""Record batches (magic 2) and old message sets (magic 0 and 1), built by hand so that they can also be built wrong.

Compressors are the smallest valid encodings (stored blocks), because only the broker's answer matters here.
"""

import gzip
import struct
import zlib

NO_PRODUCER = (-1, -1, -1)


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


_CRC32C = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record(offset_delta, key, value, headers=(), timestamp_delta=0, attributes=0):
    """One record of a magic 2 batch; key and value are bytes or None."""
    def piece(data):
        return varint(-1) if data is None else varint(len(data)) + data
    body = struct.pack(">b", attributes) + varint(timestamp_delta) + varint(offset_delta) + piece(key) + piece(value)
    body += varint(len(headers)) + b"".join(varint(len(k)) + k + piece(v) for k, v in headers)
    return varint(len(body)) + body


def _rotl(x, r):
    return ((x << r) | (x >> (32 - r))) & 0xFFFFFFFF


def xxhash32_short(data):
    """xxHash32 with seed 0 of fewer than 16 bytes (what an LZ4 frame header needs)."""
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    h = (p5 + len(data)) & 0xFFFFFFFF
    i = 0
    while i + 4 <= len(data):
        h = (h + struct.unpack_from("<I", data, i)[0] * p3) & 0xFFFFFFFF
        h = _rotl(h, 17) * p4 & 0xFFFFFFFF
        i += 4
    for byte in data[i:]:
        h = (h + byte * p5) & 0xFFFFFFFF
        h = _rotl(h, 11) * p1 & 0xFFFFFFFF
    h ^= h >> 15
    h = h * p2 & 0xFFFFFFFF
    h ^= h >> 13
    h = h * p3 & 0xFFFFFFFF
    return h ^ (h >> 16)


def _uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _snappy_raw(data):
    out = bytearray(_uvarint(len(data)))
    for at in range(0, len(data), 60):
        part = data[at:at + 60]
        out.append((len(part) - 1) << 2)
        out += part
    return bytes(out)


def _snappy_xerial(data):
    block = _snappy_raw(data)
    return b"\x82SNAPPY\x00" + struct.pack(">iii", 1, 1, len(block)) + block


def _lz4(data):
    descriptor = bytes([0x60, 0x40])
    head = struct.pack("<I", 0x184D2204) + descriptor + bytes([(xxhash32_short(descriptor) >> 8) & 0xFF])
    return head + struct.pack("<I", len(data) | 0x80000000) + data + struct.pack("<I", 0)


def _zstd(data):
    head = struct.pack("<I", 0xFD2FB528) + bytes([0xA0]) + struct.pack("<I", len(data))
    return head + struct.pack("<I", (len(data) << 3) | 1)[:3] + data


CODECS = {
    "none": (0, lambda data: data),
    "gzip": (1, lambda data: gzip.compress(data, mtime=0)),
    "snappy": (2, _snappy_xerial),
    "lz4": (3, _lz4),
    "zstd": (4, _zstd),
}


def batch(values=(b"v",), *, base_offset=0, leader_epoch=-1, magic=2, codec="none", attributes=0, base_timestamp=0,
          max_timestamp=None, producer=NO_PRODUCER, keys=None, headers=(), count=None, last_offset_delta=None,
          crc=None, length=None, deltas=None, timestamp_deltas=None, payload=None):
    """A magic 2 batch of `values`; every header field can be overridden to make it wrong."""
    n = len(values)
    keys = keys if keys is not None else [None] * n
    deltas = deltas if deltas is not None else range(n)
    stamps = timestamp_deltas if timestamp_deltas is not None else [0] * n
    bits, compress = CODECS[codec]
    if payload is None:
        payload = b"".join(
            record(d, k, v, headers, t) for d, k, v, t in zip(deltas, keys, values, stamps, strict=True))
        payload = compress(payload)
    if max_timestamp is None:
        max_timestamp = base_timestamp + (max(stamps) if n else 0)
    last = n - 1 if last_offset_delta is None else last_offset_delta
    body = struct.pack(">hiqqqhii", bits | attributes, last, base_timestamp, max_timestamp, *producer,
                       n if count is None else count) + payload
    checksum = crc32c(body) if crc is None else crc
    tail = struct.pack(">ibI", leader_epoch, magic, checksum) + body
    return struct.pack(">qi", base_offset, len(tail) if length is None else length) + tail


def old_message(value=b"v", key=None, *, magic=1, timestamp=0, offset=0, attributes=0):
    """A message of the formats 0 and 1."""
    def piece(data):
        return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data
    body = struct.pack(">bb", magic, attributes)
    if magic == 1:
        body += struct.pack(">q", timestamp)
    body += piece(key) + piece(value)
    message = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", offset, len(message)) + message


_HEADER = struct.Struct(">qiibIhiqqqhii")
_HEADER_NAMES = ("base_offset", "length", "leader_epoch", "magic", "crc", "attributes", "last_offset_delta",
                 "base_timestamp", "max_timestamp", "producer_id", "producer_epoch", "base_sequence", "count")


def describe(data):
    """The batches of a log slice as dicts of header fields and payload; what is no whole batch becomes `rest`."""
    out = []
    at = 0
    while at + _HEADER.size <= len(data):
        header = dict(zip(_HEADER_NAMES, _HEADER.unpack_from(data, at), strict=True))
        end = at + 12 + header["length"]
        if header["magic"] != 2 or header["length"] < 49 or end > len(data):
            break
        header["crc_valid"] = crc32c(data[at + 21:end]) == header["crc"]
        header["payload"] = data[at + _HEADER.size:end]
        out.append(header)
        at = end
    if at < len(data):
        out.append({"rest": data[at:]})
    return out
