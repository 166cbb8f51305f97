"""Apache Kafka's message definitions, read from the JSON files inside the kafka-clients jar.

Independent of the Rust code on purpose: what this reads is the publisher's own description of the wire.
`load()` returns every API by key; a definition knows its versions, its flexible versions and its fields.
"""

import json
import re
import uuid
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

LATEST = 1 << 15
PRIMITIVES = {
    "bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "uuid", "string", "bytes", "records",
}


@dataclass(frozen=True)
class Versions:
    """A range like "3-5", "7+", "none"; empty when lowest > highest."""

    lowest: int
    highest: int

    @staticmethod
    def parse(text):
        text = str(text).strip()
        if text in ("", "none"):
            return Versions(1, 0)
        if text.endswith("+"):
            return Versions(int(text[:-1]), LATEST)
        low, _, high = text.partition("-")
        return Versions(int(low), int(high or low))

    def __contains__(self, version):
        return self.lowest <= version <= self.highest

    def __iter__(self):
        return iter(range(self.lowest, self.highest + 1))


@dataclass
class Field:
    """One field of a message; `element` is the type without the array brackets, `fields` is set for structs."""

    name: str
    element: str
    is_array: bool
    versions: Versions
    nullable: Versions
    tagged: Versions
    tag: int | None
    flexible: Versions | None
    entity: str | None
    fields: list = field(default_factory=list)
    given_default: object = None

    def default(self, version):
        """The value that an encoder may leave out when the field is tagged."""
        given = self.given_default
        if given is not None and str(given) == "null":
            return None
        if self.is_array:
            return []
        if self.element not in PRIMITIVES:
            return {f.name: f.default(version) for f in self.fields if version in f.versions}
        if self.element == "string":
            return "" if given is None else given
        if self.element in ("bytes", "records"):
            return b""
        if self.element == "uuid":
            return uuid.UUID(int=0)
        if self.element == "bool":
            return str(given).lower() == "true"
        if self.element == "float64":
            return float(given or 0)
        return int(str(given), 0) if given not in (None, "") else 0


@dataclass
class Message:
    """A request or response definition."""

    name: str
    api_key: int | None
    versions: Versions
    flexible: Versions
    fields: list

    def __repr__(self):
        return self.name


@dataclass
class Api:
    """One API key with its two messages."""

    key: int
    name: str
    request: Message
    response: Message

    def request_header(self, version):
        return 2 if version in self.request.flexible else 1

    def response_header(self, version):
        # KIP-511: an ApiVersions answer must be readable by a client that does not know its version
        return 1 if version in self.response.flexible and self.key != 18 else 0


def _parse_fields(rows, common):
    out = []
    for row in rows:
        kind = row["type"].strip()
        is_array = kind.startswith("[]")
        element = kind[2:] if is_array else kind
        nested = []
        if element not in PRIMITIVES:
            nested = _parse_fields(row.get("fields") or common[element], common)
        out.append(Field(
            name=row["name"][0].upper() + row["name"][1:],  # a few definitions write one in lower case
            element=element,
            is_array=is_array,
            versions=Versions.parse(row["versions"]),
            nullable=Versions.parse(row.get("nullableVersions", "none")),
            tagged=Versions.parse(row.get("taggedVersions", "none")),
            tag=row.get("tag"),
            flexible=Versions.parse(row["flexibleVersions"]) if "flexibleVersions" in row else None,
            entity=row.get("entityType"),
            fields=nested,
            given_default=row.get("default"),
        ))
    return out


def parse_message(text):
    """Parse one definition file (JSON with // comment lines)."""
    tree = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    common = {struct["name"]: struct["fields"] for struct in tree.get("commonStructs", [])}
    return tree["type"], Message(
        name=tree["name"],
        api_key=tree.get("apiKey"),
        versions=Versions.parse(tree["validVersions"]),
        flexible=Versions.parse(tree.get("flexibleVersions", "none")),
        fields=_parse_fields(tree.get("fields", []), common),
    )


@dataclass
class Definitions:
    """Every API by key, and the two headers."""

    apis: dict
    request_header: Message
    response_header: Message

    def api(self, which):
        """The API of a key or of a name like "Fetch"."""
        if isinstance(which, int):
            return self.apis[which]
        return next(api for api in self.apis.values() if api.name == which)


def load(jar: Path) -> Definitions:
    """Read every definition of the kafka-clients jar."""
    requests, responses, headers = {}, {}, {}
    with zipfile.ZipFile(jar) as archive:
        for entry in archive.namelist():
            if not (entry.startswith("common/message/") and entry.endswith(".json")):
                continue
            kind, message = parse_message(archive.read(entry).decode())
            if kind == "request":
                requests[message.api_key] = message
            elif kind == "response":
                responses[message.api_key] = message
            elif kind == "header":
                headers[message.name] = message
    apis = {
        key: Api(key, request.name.removesuffix("Request"), request, responses[key])
        for key, request in sorted(requests.items())
    }
    return Definitions(apis, headers["RequestHeader"], headers["ResponseHeader"])
