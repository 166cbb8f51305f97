"""Encode and decode any message by its definition; decoding is strict.

Strict: no trailing bytes, no unknown or unordered tagged field, no null where the definition forbids it, no
boolean other than 0 and 1, and the decoded value encodes to exactly the bytes it came from (so no overlong
varint and no tagged field that merely repeats its default).
Values: dict for a struct, list for an array, None for null, uuid.UUID, bytes for bytes and records.
"""

import struct
import uuid

from definitions import PRIMITIVES

_FIXED = {
    "int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "float64": ">d",
}


class Malformed(Exception):
    """Bytes that are not what the definition says, or a value that cannot be encoded."""


def put_uvarint(value, out):
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def _put_length(length, flexible, short, out):
    if flexible:
        put_uvarint(0 if length is None else length + 1, out)
    else:
        out += struct.pack(">h" if short else ">i", -1 if length is None else length)


def encode(message, version, body, out=None):
    """The bytes of `body` at `version`; a field the version lacks is dropped, a field no version has is an error."""
    out = bytearray() if out is None else out
    _put_struct(message.fields, message.flexible, version, body, message.name, out)
    return bytes(out)


def _put_struct(fields, flexible_versions, version, body, where, out):
    if body is None:
        raise Malformed(f"{where}: null struct")
    unknown = set(body) - {f.name for f in fields} - {"_tags"}
    if unknown:
        raise Malformed(f"{where}: no field {sorted(unknown)}")
    flexible = version in flexible_versions
    tagged = []
    for f in fields:
        if version not in f.versions:
            continue
        value = body[f.name] if f.name in body else f.default(version)
        if version in f.tagged:
            tagged.append((f, value))
        else:
            _put_value(f, flexible_versions, version, value, f"{where}.{f.name}", out)
    if not flexible:
        return
    present = []
    for f, value in sorted(tagged, key=lambda pair: pair[0].tag):
        if _complete(f, version, value) != f.default(version):
            part = bytearray()
            _put_value(f, flexible_versions, version, value, f"{where}.{f.name}", part)
            present.append((f.tag, part))
    extra = body.get("_tags", {}) if isinstance(body, dict) else {}
    present += sorted(extra.items())
    put_uvarint(len(present), out)
    for tag, part in present:
        put_uvarint(tag, out)
        put_uvarint(len(part), out)
        out += part


def _complete(f, version, value):
    if value is None or f.element in PRIMITIVES or f.is_array:
        return value
    return {
        g.name: _complete(g, version, value[g.name]) if g.name in value else g.default(version)
        for g in f.fields if version in g.versions
    }


def _put_value(f, flexible_versions, version, value, where, out):
    flexible = version in (flexible_versions if f.flexible is None else f.flexible)
    if f.is_array:
        _put_length(None if value is None else len(value), flexible, False, out)
        for i, item in enumerate(value or ()):
            _put_item(f, flexible_versions, flexible, version, item, f"{where}[{i}]", out)
        return
    if f.element not in PRIMITIVES and version in f.nullable:
        out += struct.pack(">b", -1 if value is None else 1)
        if value is None:
            return
    _put_item(f, flexible_versions, flexible, version, value, where, out)


def _put_item(f, flexible_versions, flexible, version, value, where, out):
    kind = f.element
    try:
        if kind in _FIXED:
            out += struct.pack(_FIXED[kind], value)
        elif kind == "bool":
            out.append(1 if value else 0)
        elif kind == "uuid":
            out += value.bytes
        elif kind == "string":
            data = None if value is None else value.encode()
            _put_length(None if data is None else len(data), flexible, True, out)
            out += data or b""
        elif kind in ("bytes", "records"):
            _put_length(None if value is None else len(value), flexible, False, out)
            out += value or b""
        else:
            _put_struct(f.fields, flexible_versions, version, value, where, out)
    except (struct.error, AttributeError, TypeError) as problem:
        raise Malformed(f"{where}: {value!r} is no {kind}: {problem}") from problem


class Reader:
    """A cursor over bytes that refuses to run past their end."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise Malformed(f"needs {count} bytes at {self.at} of {len(self.data)}")
        self.at += count
        return bytes(self.data[self.at - count:self.at])

    def fixed(self, kind):
        form = _FIXED[kind]
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("varint longer than 5 bytes")

    def length(self, flexible, short):
        if flexible:
            return self.uvarint() - 1
        length = self.fixed("int16" if short else "int32")
        if length < -1:
            raise Malformed(f"length {length}")
        return length

    def left(self):
        return len(self.data) - self.at


def decode(message, version, data):
    """The one value whose encoding is `data`, or Malformed."""
    reader = Reader(data)
    body = _take_struct(reader, message.fields, message.flexible, version, message.name)
    if reader.left():
        raise Malformed(f"{reader.left()} trailing bytes")
    if encode(message, version, body) != bytes(data):
        raise Malformed("not the canonical encoding of its value")
    return body


def decode_header(message, version, reader):
    return _take_struct(reader, message.fields, message.flexible, version, message.name)


def _take_struct(reader, fields, flexible_versions, version, where):
    body = {}
    tagged = {}
    for f in fields:
        if version not in f.versions:
            continue
        if version in f.tagged:
            tagged[f.tag] = f
            body[f.name] = f.default(version)
        else:
            body[f.name] = _take_value(reader, f, flexible_versions, version, f"{where}.{f.name}")
    if version in flexible_versions:
        previous = -1
        for _ in range(reader.uvarint()):
            tag, size = reader.uvarint(), reader.uvarint()
            if tag <= previous or tag not in tagged:
                raise Malformed(f"{where}: tag {tag} is unknown or out of order")
            previous = tag
            part = Reader(reader.take(size))
            f = tagged[tag]
            body[f.name] = _take_value(part, f, flexible_versions, version, f"{where}.{f.name}")
            if part.left():
                raise Malformed(f"{where}.{f.name}: trailing bytes in a tagged field")
    return body


def _take_value(reader, f, flexible_versions, version, where):
    flexible = version in (flexible_versions if f.flexible is None else f.flexible)
    if f.is_array:
        count = reader.length(flexible, False)
        if count < 0:
            return _null(f, version, where)
        return [_take_item(reader, f, flexible_versions, flexible, version, f"{where}[{i}]") for i in range(count)]
    if f.element not in PRIMITIVES and version in f.nullable:
        marker = reader.fixed("int8")
        if marker == -1:
            return None
        if marker != 1:
            raise Malformed(f"{where}: struct marker {marker}")
    return _take_item(reader, f, flexible_versions, flexible, version, where)


def _take_item(reader, f, flexible_versions, flexible, version, where):
    kind = f.element
    if kind in _FIXED:
        return reader.fixed(kind)
    if kind == "bool":
        byte = reader.take(1)[0]
        if byte > 1:
            raise Malformed(f"{where}: boolean {byte}")
        return byte == 1
    if kind == "uuid":
        return uuid.UUID(bytes=reader.take(16))
    if kind in ("string", "bytes", "records"):
        size = reader.length(flexible, kind == "string")
        if size < 0:
            return _null(f, version, where)
        data = reader.take(size)
        if kind != "string":
            return data
        try:
            return data.decode()
        except UnicodeDecodeError as problem:
            raise Malformed(f"{where}: {problem}") from problem
    return _take_struct(reader, f.fields, flexible_versions, version, where)


def _null(f, version, where):
    if version not in f.nullable:
        raise Malformed(f"{where}: null")
    return None
