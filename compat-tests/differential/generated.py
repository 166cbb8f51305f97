"""Well-formed requests with arbitrary content, made from the message definitions by a seed.

Each request has a random generator of its own, seeded by (seed, API, version, number), so that one request can be
made again alone. Values lean towards what matters: names and ids that exist, empties, nulls, boundaries, duplicates.
A value that a broker chose (a topic id, a member id) is written as a Ref and resolved on each side.
"""

import random
import uuid
from dataclasses import dataclass

import records
from definitions import PRIMITIVES
from scenarios.s50_groups import Member

# Not asked at random: what stops or reshapes the node itself, and what belongs to authentication.
LEFT_OUT = {
    "SaslHandshake": "changes the connection", "SaslAuthenticate": "changes the connection",
    "AddRaftVoter": "reshapes the quorum", "RemoveRaftVoter": "reshapes the quorum", "UpdateRaftVoter": "reshapes the quorum",
    "UnregisterBroker": "could unregister the only broker",
    "ApiVersions": "has a scenario for each of its fields",
    "GetTelemetrySubscriptions": "answers with random numbers", "PushTelemetry": "needs such a number",
}
# Fields that decide how long a broker waits, and what else must stay small.
FIXED = {
    "MaxWaitMs": [0, 1], "TimeoutMs": [1000, 5000], "MinBytes": [0], "SessionTimeoutMs": [30_000, 1, -1, 0],
    "RebalanceTimeoutMs": [0, 1, 50], "TransactionTimeoutMs": [1000, 1000, 0, -1, 900_001, 2147483647],
    "ValidateOnly": [True, False], "Acks": [-1, 1, 1, -1, 2],
    # followers have a scenario; other negative session ids break Apache Kafka's table of sessions from the inside
    "ReplicaId": [-1, -1, -1, -2], "SessionId": [0, 0, 0, -1, 1, 77, 2147483647],
}
# With validate_only false these would change the settings of the broker under everybody else.
DRY = {"AlterConfigs", "IncrementalAlterConfigs", "UpdateFeatures"}
COUNTS = {"NumPartitions": [1, 2, 3, 0, -1, -2], "ReplicationFactor": [1, 1, 1, -1, 0, 2, -2], "Count": [1, 2, 3, 4, 0, -1]}


@dataclass(frozen=True)
class Ref:
    """A value that each broker chose itself."""

    kind: str
    name: str


class World:
    """What exists on both brokers for the requests of one API and version."""

    def __init__(self, s):
        self.s = s
        self.topics = [s.name("a"), s.name("b")]
        self.groups = [s.name("g"), s.name("empty")]
        self.values = {}

    def build(self):
        s = self.s
        s.topic("a")
        s.topic("b", 3)
        for i in range(3):
            s.produce(self.topics[0], records.batch([b"%d" % i], base_timestamp=1000 * i))
        s.produce(self.topics[1], records.batch([b"x"]))
        for topic in self.topics:
            self.values[("topic", topic)] = s.ids[topic]
        if s.has("JoinGroup"):
            s.coordinator()
            m = Member(s, self.groups[0], "member")
            m.id = s.quiet("JoinGroup", m.join_body(), on="member").body["MemberId"]
            s.learn("JoinGroup", {"MemberId": m.id})  # before a request brings it back
            m.generation = s.quiet("JoinGroup", m.join_body(), on="member").body["GenerationId"]
            s.quiet("SyncGroup", m.sync_body([(m.id, b"all")]), on="member")
            self.values[("member", self.groups[0])] = m.id
            s.quiet("OffsetCommit", {"GroupId": self.groups[1], "GenerationIdOrMemberEpoch": -1, "Topics": [{
                "Name": self.topics[0], "TopicId": s.ids[self.topics[0]],
                "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]})
        if s.has("InitProducerId"):
            made = s.quiet("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": 1000})
            self.values[("producer", "p")] = made["ProducerId"]
            s.names.learn("producer", made["ProducerId"])

    def resolve(self, value):
        if isinstance(value, Ref):
            fallback = {"topic": uuid.UUID(int=7), "member": "nobody", "producer": 4242}
            return self.values.get((value.kind, value.name), fallback[value.kind])
        if isinstance(value, dict):
            return {k: self.resolve(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(v) for v in value]
        return value


class Maker:
    """Makes one request body."""

    def __init__(self, rng, world, api):
        self.rng, self.world, self.api = rng, world, api

    def body(self, version):
        return self.struct(self.api.request.fields, version, 0)

    def struct(self, fields, version, depth):
        return {f.name: self.field(f, version, depth) for f in fields if version in f.versions}

    def field(self, f, version, depth):
        rng = self.rng
        if f.name == "ValidateOnly" and self.api.name in DRY:
            return True
        if version in f.nullable and rng.random() < 0.12 and f.element != "records":
            return None
        if version in f.tagged and rng.random() < 0.4:
            return f.default(version)
        if f.is_array:
            # null topics mean "all", which shows what other scripts have made
            count = rng.choice([1, 1, 1, 2, 2, 3, 0]) if depth < 3 else rng.choice([0, 1, 2])
            items = [self.item(f, version, depth) for _ in range(count)]
            if items and rng.random() < 0.1:
                items.append(items[0])
            return items
        return self.item(f, version, depth)

    def item(self, f, version, depth):
        if f.element not in PRIMITIVES:
            return self.struct(f.fields, version, depth + 1)
        return getattr(self, f.element)(f)

    def bool(self, _):
        return self.rng.random() < 0.5

    def float64(self, _):
        return self.rng.choice([0.0, 1.0, -1.5])

    def number(self, f, bits):
        rng = self.rng
        if f.name in FIXED:
            return rng.choice(FIXED[f.name])
        if f.name in COUNTS:
            return rng.choice(COUNTS[f.name])
        usual = [0, 0, 1, 1, 2, -1, -1]
        if "Partition" in f.name or f.name == "Index":
            usual = [0, 0, 0, 0, 1, 2, 3, -1]
        if f.name in ("ResourceType", "ResourceTypeFilter", "ResourceTypes"):
            usual = [2, 2, 2, 4, 8, 16, 32, 0, 1]
        if f.entity == "brokerId" or f.name in ("BrokerIds", "Replicas", "BrokerId"):
            usual = [1, 1, 1, 1, 2, -1]
        if f.name in ("FetchOffset", "CommittedOffset", "Offset"):
            usual = [0, 0, 1, 2, 3, 4, -1]
        if f.name == "Timestamp":
            usual = [-1, -2, -3, -4, -5, 0, 1000, 1500, 2000, 3000]
        if f.name == "PartitionMaxBytes" or f.name == "MaxBytes":
            usual = [1 << 20, 1 << 20, 100, 1, 0, -1]
        if f.name in ("GenerationId", "GenerationIdOrMemberEpoch", "MemberEpoch"):
            usual = [1, 1, 1, -1, 0, 2]
        if f.name == "KeyType":
            return rng.choice([0, 0, 0, 3, -1])  # the others create topics and answer differently until those are there
        if f.name == "SessionEpoch":
            usual = [0, 0, -1, -1, 1, 2, -2, 77]
        if rng.random() < 0.9:
            return rng.choice(usual)
        half = 1 << (bits - 1)
        return rng.choice([half - 1, -half, rng.randrange(-half, half), rng.randrange(0, 100)])

    def int8(self, f):
        return self.number(f, 8)

    def int16(self, f):
        return self.number(f, 16)

    def int32(self, f):
        value = self.number(f, 32)
        # a share of a billion partitions or bytes is no use to anybody
        return value if f.name not in COUNTS or value < 100 else 3

    def uint16(self, f):
        return self.number(f, 16) & 0xFFFF

    def uint32(self, f):
        return self.number(f, 32) & 0xFFFFFFFF

    def int64(self, f):
        if f.entity == "producerId" or f.name == "ProducerId":
            return self.rng.choice([Ref("producer", "p")] * 3 + [-1, -2, 0, 987654321, (1 << 63) - 1])
        return self.number(f, 64)

    def uuid(self, f):
        topic = self.rng.choice(self.world.topics)
        made_up = uuid.UUID(int=self.rng.getrandbits(128))
        # several partitions of the zero id make Apache Kafka fail a whole Fetch; one has a scenario
        zero = made_up if self.api.name == "Fetch" else uuid.UUID(int=0)
        return self.rng.choice([Ref("topic", topic)] * 6 + [zero, made_up])

    def string(self, f):
        rng, world = self.rng, self.world
        odd = ["", "a b", "x" * 250, ".", "ä", world.s.name("never")]
        entity = f.entity or ""
        if entity == "topicName" or f.name in ("Topic", "TopicName"):
            usual = world.topics * 3
            if self.api.name == "CreateTopics":
                usual = [world.s.name(f"n{rng.randrange(10_000)}") for _ in range(4)] + world.topics
        elif entity == "groupId" or f.name in ("GroupId", "Group", "Groups", "GroupsNames"):
            usual = world.groups * 3
        elif f.name == "MemberId":
            usual = [Ref("member", world.groups[0])] * 4 + ["nobody"]
        elif f.name in ("CoordinatorKeys", "Key"):
            usual = world.groups
        elif f.name in ("ResourceName", "ResourceNameFilter"):
            usual = world.topics * 2 + ["", "1", "2"]
        elif f.name in ("ConfigurationKeys",) or (f.name == "Name" and self.api.name.endswith("Configs")):
            usual = ["retention.ms", "cleanup.policy", "segment.bytes", "num.partitions", "log.retention.ms"]
        elif f.name == "Name" and self.api.name == "CreateTopics":
            usual = ["retention.ms", "cleanup.policy", "segment.bytes", "max.message.bytes"]
        elif f.name == "Value":
            usual = ["1000", "compact", "delete", "1", "true", "1048576"]
        elif f.name == "ProtocolType":
            usual = ["consumer"] * 4 + ["connect"]
        elif f.name in ("ProtocolName", "Name"):
            usual = ["range", "range", "roundrobin"]
        elif f.name == "Principal":
            usual = ["User:a", "nobody"]
        elif f.name in ("StatesFilter", "TypesFilter", "StateFilters"):
            usual = ["Stable", "Empty", "classic", "consumer", "Ongoing"]
        elif f.name == "TransactionalId":
            # null, so that nothing becomes a transaction unless it is meant to be odd
            return rng.choice([None, None, None, ""]) if self.api.name in ("Produce", "InitProducerId") else world.s.name("t")
        elif f.name in ("Feature",):
            usual = ["metadata.version", "group.version", "no.such"]
        elif f.name == "ClusterId":
            usual = ["", "wrong"]
        else:
            usual = ["x", "y"]
        return rng.choice(usual) if rng.random() < 0.85 else rng.choice(odd)

    def bytes(self, _):
        return self.rng.choice([b"", b"x", b"\x00\x01\x02", self.rng.randbytes(20)])

    def records(self, _):
        rng = self.rng
        values = [rng.choice([b"v", b"", None, rng.randbytes(30)]) for _ in range(rng.choice([1, 1, 2, 3]))]
        base = rng.choice([0, 1000, -1])
        odd = [{}, {}, {}, {}, {"crc": 1}, {"magic": 1}, {"count": 9}, {"last_offset_delta": 4}, {"attributes": 0x20},
               {"base_timestamp": -5}, {"attributes": 0x08}]
        more = dict(rng.choice(odd))
        codec = rng.choice(list(records.CODECS))
        if rng.random() < 0.15:
            more["payload"] = self.spoilt(records.CODECS[codec][1](records.record(0, None, b"v") * len(values)))
        return records.batch(values, **{"base_timestamp": base, "codec": codec, **more})

    def spoilt(self, payload):
        """A payload that is cut, has a wrong byte, or is none at all."""
        rng = self.rng
        at = rng.randrange(len(payload))
        return rng.choice([payload[:at], payload[:at] + bytes([payload[at] ^ (1 << rng.randrange(8))]) + payload[at + 1:],
                           rng.randbytes(at)])


def once(rows, name):
    """The rows without those whose name came before."""
    return list({name(row): row for row in reversed(rows)}.values())[::-1]


def narrowed(api, version, body, world):
    """Lists that mean "all" would show what other scripts made: they become lists of something."""
    listing = {"Metadata": "Topics", "DescribeLogDirs": "Topics", "ListPartitionReassignments": "Topics",
               "ElectLeaders": "TopicPartitions"}
    field = listing.get(api.name)
    if field and body.get(field, 0) is None:
        body[field] = []
    # What is named twice has scenarios: Apache Kafka may append one batch and answer for the other, and a partition of
    # an unknown topic id that is named twice breaks its Fetch from the inside, as a protocol named twice its JoinGroup.
    if api.name in ("Produce", "Fetch"):
        topics, parts, index = {"Produce": ("TopicData", "PartitionData", "Index"),
                                "Fetch": ("Topics", "Partitions", "Partition")}[api.name]
        body[topics] = once(body[topics], lambda row: row.get("TopicId") or row.get("Name") or row.get("Topic"))
        for topic in body[topics]:
            topic[parts] = once(topic[parts], lambda row: row[index])
    if api.name == "JoinGroup":
        body["Protocols"] = once(body["Protocols"], lambda row: row["Name"])
    if api.name == "Metadata":
        if version == 0 and not body["Topics"]:
            body["Topics"] = [{"Name": world.topics[0]}]
        body["AllowAutoTopicCreation"] = False
    return body


def make(seed, api, version, number, world):
    """The request body of one number, with Refs."""
    rng = random.Random(f"{seed}/{api.key}/{version}/{number}")
    return narrowed(api, version, Maker(rng, world, api).body(version), world)


def script(api, version, seed, numbers):
    """A script that sends the requests of these numbers to a world of its own."""
    def run(s):
        world = World(s)
        world.build()
        for number in numbers:
            body = world.resolve(make(seed, api, version, number, world))
            outcome = s.call(api.name, body, version, note=f"number {number}", timeout=PATIENCE.get(api.name, 8))
            if outcome.kind == "answer" and api.name in CHANGES:
                s.barrier()
    return run


# Apache Kafka leaves some requests for these without an answer.
PATIENCE = {"AlterConfigs": 3, "WriteTxnMarkers": 2, "DescribeShareGroupOffsets": 2, "AddPartitionsToTxn": 2}
# What must have been applied before the next request is answered the same way on both sides.
CHANGES = {"CreateTopics", "DeleteTopics", "CreatePartitions"}


def wanted(name):
    return name not in LEFT_OUT and name not in OTHERS_LIST


# Answers that show what the whole broker holds are in the scenarios, filtered.
OTHERS_LIST = {"ListGroups", "ListTransactions", "ListConfigResources", "DescribeClientQuotas",
               "DescribeUserScramCredentials"}
