"""Turn what may differ between two correct brokers into symbols, and nothing else.

A symbol keeps identity: the same id is the same symbol in a whole transcript, two ids are never one symbol. An id
becomes a symbol only where a broker chose it; a value that the request brought comes back as it is.
"""

import base64
import re
import time
import uuid

import records
from definitions import PRIMITIVES

ZERO = uuid.UUID(int=0)
_DASHED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# A member of a consumer group that speaks the classic protocol gets such an id.
_ENCODED = re.compile(r"[0-9A-Za-z_-]{22}")
_TIMES = re.compile(r"(Timestamp|TimestampMs|TimeMs)$")
CLOCK_SLACK_MS = 60_000
# A broker makes these up, wherever they appear in an answer of that API.
_PRODUCER_MAKERS = {"InitProducerId", "AllocateProducerIds"}


def base64_id(value: uuid.UUID) -> str:
    """Apache Kafka's way of writing a uuid."""
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")


class Names:
    """What one broker called things, and the symbols for them."""

    def __init__(self, running):
        self.started_ms = int(time.time() * 1000)
        self.symbols = {}
        self.given = set()
        self.texts = {}
        self.counts = {}
        self.ports = {running.port: "<port>", running.controller_port: "<controller port>"}
        self.wild_text = re.compile("|".join(rf"(?<!\d){port}(?!\d)" for port in self.ports if port))
        if running.data:
            self.texts[str(running.data)] = "<data>"

    def learn(self, kind, value, symbol=None):
        """Give `value` its symbol (numbered by first appearance unless named)."""
        key = (kind, value)
        if key not in self.symbols:
            if symbol is None:
                self.counts[kind] = self.counts.get(kind, 0) + 1
                symbol = f"<{kind}-{self.counts[kind]}>"
            self.symbols[key] = symbol
            if kind == "uuid":
                self.texts[base64_id(value)] = symbol
        return self.symbols[key]

    def symbol(self, kind, value):
        """The symbol of a learnt value, else the value."""
        return self.symbols.get((kind, value), value)

    def uuid(self, value):
        if value == ZERO or value in self.given:
            return str(value)
        return self.learn("uuid", value)

    def time(self, value):
        if self.started_ms - CLOCK_SLACK_MS <= value <= int(time.time() * 1000) + CLOCK_SLACK_MS:
            return "<now>"
        return value

    def text(self, value):
        """Replace learnt ids, this broker's port and every dashed uuid inside a string."""
        if value in self.given:
            return value
        for known, symbol in self.texts.items():
            if known in value:
                value = value.replace(known, symbol)
        value = _DASHED.sub(lambda m: m[0] if m[0] in self.given else self.learn("word", m[0]), value)
        return self.wild_text.sub(lambda m: self.ports[int(m[0])], value)


class Normaliser:
    """Applies the symbols of one broker and the exceptions to messages."""

    def __init__(self, names, exceptions):
        self.names = names
        self.exceptions = exceptions

    def request(self, api, version, body):
        """A request as both brokers' transcripts show it; ids that the script made up stay literal."""
        return self._struct(api, api.request, api.request.fields, version, body, "", False)

    def response(self, api, version, body):
        if api.name == "ApiVersions":
            rows = [row for row in body["ApiKeys"] if row["ApiKey"] not in self.exceptions.unserved]
            body = {**body, "ApiKeys": rows}
        self._learn(api, body)
        return self._struct(api, api.response, api.response.fields, version, body, "", True)

    def note_given(self, message_fields, version, body):
        """Remember the ids a request brings that no broker has made up: they must come back unchanged."""
        for f in message_fields:
            value = body.get(f.name) if body else None
            if value is None or version not in f.versions:
                continue
            items = value if f.is_array else [value]
            for item in items:
                if f.element == "uuid":
                    if ("uuid", item) not in self.names.symbols:
                        self.names.given.add(item)
                elif f.element == "string":
                    for found in _DASHED.findall(item or ""):
                        if ("word", found) not in self.names.symbols:
                            self.names.given.add(found)
                elif f.element not in PRIMITIVES:
                    self.note_given(f.fields, version, item)

    def _learn(self, api, body):
        """Topic ids get the name of their topic as symbol, wherever an answer shows both."""
        if isinstance(body, list):
            for item in body:
                self._learn(api, item)
        elif isinstance(body, dict):
            name = body.get("Name") or body.get("TopicName") or body.get("Topic")
            topic_id = body.get("TopicId")
            if isinstance(name, str) and isinstance(topic_id, uuid.UUID) and topic_id != ZERO:
                if topic_id not in self.names.given:
                    known = sum(1 for kind, _ in self.names.symbols if kind == "uuid")
                    taken = f"<id of {name}>" in self.names.symbols.values()
                    self.names.learn("uuid", topic_id, f"<id of {name}{f' #{known}' if taken else ''}>")
            for value in body.values():
                if isinstance(value, (dict, list)):
                    self._learn(api, value)

    def _struct(self, api, message, fields, version, body, path, is_response):
        out = {}
        for f in fields:
            if version not in f.versions or f.name not in body:
                continue
            here = f"{path}.{f.name}" if path else f.name
            value = body[f.name]
            if is_response:
                changed, value = self.exceptions.replace(api, here, value, body)
                if changed:
                    out[f.name] = value
                    continue
            if f.is_array and value is not None:
                items = [self._value(api, message, f, version, v, here, is_response) for v in value]
                out[f.name] = self.exceptions.sort(api, here, items) if is_response else items
            else:
                out[f.name] = self._value(api, message, f, version, value, here, is_response)
        return out

    def _value(self, api, message, f, version, value, path, is_response):
        names = self.names
        if value is None:
            return None
        if f.element not in PRIMITIVES:
            return self._struct(api, message, f.fields, version, value, path, is_response)
        if f.element == "uuid":
            return names.uuid(value)
        if f.element == "records":
            return [self.batch(b) for b in records.describe(value)]
        if f.element == "bytes":
            return value.hex()
        if f.element == "string":
            if f.name == "ClusterId" and is_response:
                return names.learn("cluster", value)
            if is_response and api.name == "JoinGroup" and f.name == "MemberId" and _ENCODED.fullmatch(value):
                return names.learn("uuid", uuid.UUID(bytes=base64.urlsafe_b64decode(value + "==")))
            return names.text(value)
        if f.name == "Port":
            return names.ports.get(value, value)
        if f.entity == "producerId" or f.name in ("ProducerId", "ProducerIdStart"):
            if is_response and api.name in _PRODUCER_MAKERS and value >= 0:
                return names.learn("producer", value)
            return names.symbol("producer", value)
        if f.name == "SessionId" and api.name == "Fetch":
            return names.learn("session", value) if is_response and value else names.symbol("session", value)
        if f.element == "int64" and _TIMES.search(f.name):
            return names.time(value)
        return value

    def batch(self, batch):
        """A record batch without what depends on the clock; its CRC only as right or wrong."""
        if "rest" in batch:
            return {"rest": batch["rest"].hex()}
        out = {name: value for name, value in batch.items() if name not in ("crc", "payload")}
        out["base_timestamp"] = self.names.time(batch["base_timestamp"])
        out["max_timestamp"] = self.names.time(batch["max_timestamp"])
        out["producer_id"] = self.names.symbol("producer", batch["producer_id"])
        out["payload"] = batch["payload"].hex()
        return out
