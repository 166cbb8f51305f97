"""Kafka's message definitions as the generators see them."""

import json
import re
import zipfile

# Kafka's primitive types: Rust type and size on the wire. Those without a size carry a length.
FIXED = {
    "bool": ("bool", 1),
    "int8": ("i8", 1),
    "int16": ("i16", 2),
    "uint16": ("u16", 2),
    "int32": ("i32", 4),
    "uint32": ("u32", 4),
    "int64": ("i64", 8),
    "float64": ("f64", 8),
    "uuid": ("Uuid", 16),
}
VARIABLE = {"string": "StrBytes", "bytes": "Bytes"}

# Kafka's entity types that kafka-protocol wraps in a type of their own.
ENTITIES = {
    "brokerId": "BrokerId",
    "groupId": "GroupId",
    "producerId": "ProducerId",
    "topicName": "TopicName",
    "transactionalId": "TransactionalId",
}


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Versions:
    """A closed range of versions; empty when first > last."""

    def __init__(self, first, last):
        self.first, self.last = first, last

    @staticmethod
    def parse(text, within=None):
        if text in (None, "none"):
            return Versions(1, 0)
        first, _, last = text.partition("-")
        if text.endswith("+"):
            versions = Versions(int(text[:-1]), 32767)
        else:
            versions = Versions(int(first), int(last or first))
        return versions if within is None else versions & within

    def __and__(self, other):
        return Versions(max(self.first, other.first), min(self.last, other.last))

    def __bool__(self):
        return self.first <= self.last

    def __str__(self):
        return f"version {self.first}" if self.first == self.last else f"versions {self.first} to {self.last}"

    def covers(self, other):
        return not other or (self.first <= other.first and other.last <= self.last)

    def negated(self, within):
        """A Rust condition on `version` that is true outside of these versions."""
        condition = self.condition(within)
        return f"version < {self.first}" if condition == f"version >= {self.first}" else f"!({condition})"

    def condition(self, within):
        """A Rust condition on `version` that is true inside these versions, given that it lies `within`."""
        parts = []
        if not self:
            return "false"
        if self.first > within.first:
            parts.append(f"version >= {self.first}")
        if self.last < within.last:
            parts.append(f"version <= {self.last}")
        if len(parts) == 2 and self.first == self.last:
            return f"version == {self.first}"
        if len(parts) == 2:
            return f"({self.first}..={self.last}).contains(&version)"
        return parts[0] if parts else "true"


class Field:
    def __init__(self, spec, message, within):
        self.name = snake(spec["name"])
        # As Kafka's JSON has it.
        self.label = spec["name"][0].lower() + spec["name"][1:]
        # A tagged field may leave out its versions.
        self.versions = Versions.parse(spec.get("versions", spec.get("taggedVersions")), within)
        self.nullable = Versions.parse(spec.get("nullableVersions"), self.versions)
        self.tag = spec.get("tag")
        self.tagged = Versions.parse(spec.get("taggedVersions"), self.versions)
        self.ignorable = spec.get("ignorable", False)
        self.array = spec["type"].startswith("[]")
        # On the wire and to a codec, records are bytes.
        self.type = spec["type"].removeprefix("[]").replace("records", "bytes")
        self.entity = ENTITIES.get(spec.get("entityType"))
        # Some definitions write the default null without quotes.
        self.default = "null" if spec.get("default", "") is None else spec.get("default")
        self.struct = None
        if "flexibleVersions" in spec:
            raise SystemExit(f"{message.name}.{self.name}: flexibleVersions of a field are not supported")
        if self.tagged and self.tagged.last != self.versions.last:
            raise SystemExit(f"{message.name}.{self.name}: tagged versions that end early are not supported")
        if self.type not in FIXED and self.type not in VARIABLE:
            self.struct = message.struct(self.type, spec.get("fields"), self.versions)

    @property
    def positional(self):
        """Versions in which the field has a place of its own, outside the tagged fields."""
        if not self.tagged:
            return self.versions
        return Versions(self.versions.first, self.tagged.first - 1)

    def element_type(self):
        if self.struct:
            return self.struct.name
        return self.entity or (FIXED[self.type][0] if self.type in FIXED else VARIABLE[self.type])

    def rust_type(self):
        rust = f"Vec<{self.element_type()}>" if self.array else self.element_type()
        return f"Option<{rust}>" if self.nullable else rust

    def default_value(self):
        """The default as a Rust expression, and the condition (on `self.field`) that a value differs from it."""
        default = self.default
        if isinstance(default, bool):
            default = str(default).lower()
        if self.nullable and default == "null":
            return "None", f"self.{self.name}.is_some()"
        if self.array or self.struct or self.type in VARIABLE:
            if default not in (None, ""):
                raise SystemExit(f"{self.name}: default {default!r} is not supported")
            if self.nullable:
                return "Some(Default::default())", f"self.{self.name} != Some(Default::default())"
            if self.struct and not self.array:
                return "Default::default()", f"self.{self.name} != Default::default()"
            return "Default::default()", f"!self.{self.name}.is_empty()"
        if self.type == "bool":
            truth = default == "true"
            return ("true", f"!self.{self.name}") if truth else ("false", f"self.{self.name}")
        if self.type == "uuid":
            return "Uuid::nil()", f"!self.{self.name}.is_nil()"
        if self.type == "float64":
            return f"{float(default or 0)}", f"self.{self.name} != {float(default or 0)}"
        value = str(int(str(default or 0), 0))
        if self.entity:
            value = f"{self.entity}({value})"
        return value, f"self.{self.name} != {value}"


class Struct:
    def __init__(self, name, versions):
        self.name, self.versions, self.fields = name, versions, []


class Message:
    def __init__(self, spec):
        self.name = spec["name"]
        self.kind = spec["type"]
        self.key = spec.get("apiKey")
        self.versions = Versions.parse(spec["validVersions"])
        if spec.get("latestVersionUnstable"):
            self.versions = Versions(self.versions.first, self.versions.last - 1)
        self.flexible = Versions.parse(spec.get("flexibleVersions"), self.versions)
        self.common = {struct["name"]: struct for struct in spec.get("commonStructs", [])}
        self.structs = {}
        self.root = self.struct(self.name, spec["fields"], self.versions) if self.versions else None

    def struct(self, name, fields, versions):
        if name in self.structs:
            return self.structs[name]
        if fields is None:
            fields, versions = self.common[name]["fields"], self.versions
        struct = Struct(name, versions)
        self.structs[name] = struct
        for spec in fields:
            # Versions are relative to the message: an element is only met in the versions of the field that holds it.
            field = Field(spec, self, versions)
            if field.versions:
                struct.fields.append(field)
        return struct

    @property
    def flexible_from(self):
        return self.flexible.first if self.flexible else None


def definition_texts(sources):
    for source in sources:
        if source.is_dir():
            for jar in sorted(source.rglob("*.jar")):
                yield from definition_texts([jar])
            for path in sorted([*source.rglob("common/message/*.json"), *source.rglob("common/metadata/*.json")]):
                yield path.read_text()
        else:
            with zipfile.ZipFile(source) as jar:
                for name in sorted(jar.namelist()):
                    if re.fullmatch(r"common/(message|metadata)/\w+\.json", name):
                        yield jar.read(name).decode()


def load(sources, wanted):
    """Every request and response, and the messages that are wanted, by name."""
    messages = {}
    for text in definition_texts(sources):
        spec = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))
        if spec.get("type") in ("request", "response") or wanted(spec):
            messages[spec["name"]] = Message(spec)
    return messages
