"""What is not a well-formed request: unknown keys, versions out of range, truncated and overlong bodies, lying frames."""

import struct

import codec
from definitions import Api, Message, Versions
from scenarios import scenario


def nameless(key):
    empty = Message(f"Key{key}", key, Versions(0, 0), Versions(1, 0), [])
    return Api(key, f"Key{key}", empty, empty)


@scenario("ApiVersions", once=True)
def unknown_keys(s):
    for key in (-1, 93, 94, 999, 32767, -32768):
        s.raw(None, 0, b"", header_version=1, api=nameless(key), note="unknown key")
    for key in (4, 5, 6, 7):
        s.raw(None, 0, b"", header_version=1, api=nameless(key), note="removed key")
    for name in ("Vote", "BeginQuorumEpoch", "EndQuorumEpoch", "AlterPartition", "Envelope", "FetchSnapshot",
                 "BrokerRegistration", "BrokerHeartbeat", "AllocateProducerIds", "ControllerRegistration",
                 "AssignReplicasToDirs", "UpdateRaftVoter"):
        api = s.definitions.api(name)
        version = api.request.versions.highest
        s.raw(name, version, codec.encode(api.request, version, {}), note="the controller's")


@scenario("ApiVersions", once=True)
def versions_out_of_range(s):
    for name, (low, high) in s.served.items():
        if name == "ApiVersions":
            continue
        api = s.definitions.api(name)
        for version in (low - 1, high + 1, -1, 32767):
            nearest = min(max(version, low), high)
            s.raw(name, version, codec.encode(api.request, nearest, {}), api.request_header(nearest), note="version")


@scenario("ApiVersions", once=True)
def broken_bodies(s):
    # these change or wait for nothing when they are understood after all
    harmless = ("Metadata", "FindCoordinator", "DescribeGroups", "ListGroups", "DescribeConfigs", "DescribeCluster",
                "DescribeAcls", "DescribeLogDirs", "ListOffsets", "OffsetForLeaderEpoch", "OffsetFetch", "Heartbeat",
                "DescribeProducers", "ListPartitionReassignments", "DescribeTopicPartitions", "ListConfigResources",
                "CreateTopics", "DeleteTopics", "Fetch", "Produce", "JoinGroup", "SyncGroup", "LeaveGroup", "OffsetCommit",
                "ApiVersions")
    for name in harmless:
        if not s.has(name):
            continue
        api = s.definitions.api(name)
        for version in s.versions(name):
            # a Produce that wants an answer
            whole = codec.encode(api.request, version, {"Acks": 1} if name == "Produce" else {})
            # whatever is understood after all would list everything that is there
            for data, note in ((whole[:-1], "last byte missing"), (b"", "no body"), (whole + b"\0", "one byte more"),
                               (b"\xff" * len(whole), "all ones"), (b"\x7f" * len(whole), "all 7f")):
                s.raw(name, version, data, note=note, kind_only=True)


@scenario("ApiVersions", once=True)
def unknown_tags(s):
    for name in s.served:
        if name in ("Produce", "InitProducerId", "ApiVersions"):
            continue
        api = s.definitions.api(name)
        version = s.served[name][1]
        if version in api.request.flexible and name in ("Metadata", "FindCoordinator", "DescribeGroups", "ListGroups",
                                                        "DescribeConfigs", "DescribeCluster", "OffsetFetch", "Fetch",
                                                        "CreateTopics", "DeleteTopics", "LeaveGroup"):
            body = codec.encode(api.request, version, {"_tags": {77: b"unknown"}})
            # Other scripts' groups come and go meanwhile.
            s.raw(name, version, body, note="unknown tag", kind_only=name == "ListGroups")


@scenario("ApiVersions", once=True)
def frames(s):
    marker = s.definitions.api("ApiVersions")
    for length in (-1, -2147483648, 0, 1, 2, 3, 4, 7, 2147483647, 104857601):
        connection = s.connection("frames")
        connection.socket.sendall(struct.pack(">i", length))
        if length > 0:
            connection.socket.sendall(b"\0" * min(length, 8))
        outcome = connection.receive(marker, 0, -1, 1.5)
        s.note(f"length {length}", outcome.kind)
        connection.close()
    connection = s.connection("frames")
    body = struct.pack(">hhih", 18, 0, 7, 5) + b"ab"
    connection.send(body)
    s.note("client id longer than the frame", connection.receive(marker, 0, 7, 3).kind)
    connection = s.connection("frames")
    connection.send(struct.pack(">hhih", 18, 0, 7, -1))
    s.note("null client id", connection.receive(marker, 0, 7, 3).kind)
    connection = s.connection("frames")
    connection.send(struct.pack(">hhih", 18, 0, 7, -2))
    s.note("client id of length -2", connection.receive(marker, 0, 7, 3).kind)
    connection = s.connection("frames")
    connection.send(struct.pack(">hhih", 18, 0, 7, 2) + b"\xff\xfe")
    s.note("client id that is no UTF-8", connection.receive(marker, 0, 7, 3).kind)


@scenario("ApiVersions", once=True)
def pipelining(s):
    """Answers come in the order of the requests, whatever takes how long."""
    api = s.definitions.api("ApiVersions")
    fetch = s.definitions.api("Fetch")
    connection = s.connection()
    connection.send(connection.frame(fetch, 4, {"MaxWaitMs": 200, "MinBytes": 1}))
    ids = [connection.correlation]
    for _ in range(3):
        connection.send(connection.frame(api, 0, {}))
        ids.append(connection.correlation)
    s.note("fetch first", connection.receive(fetch, 4, ids[0], 5).kind)
    for each in ids[1:]:
        s.note("then the others", connection.receive(api, 0, each, 5).kind)
