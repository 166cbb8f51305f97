"""The scripts over three nodes: what each of them answers while all live, and while one is stopped.

Replicas are chosen, so that node 1 leads the same partitions in both clusters. Who coordinates a group and who is the active
controller is each cluster's own: scripts speak of them by their parts.
"""

import re
import struct
import time

import codec
from records import batch
from wire import Connection, NoAnswer

WAIT_SECONDS = 60
ALL = (1, 2, 3)


def any_of(ports):
    """Finds each of the ports in a text."""
    return re.compile("|".join(rf"(?<!\d){port}(?!\d)" for port in ports))


class Three:
    """Three sessions, one transcript."""

    def __init__(self, side, served):
        self.cluster = side.cluster
        self.at = {n: side.session(node, served) for n, node in side.cluster.nodes.items()}
        first = self.at[1]
        for one in self.at.values():
            one.steps, one.ids = first.steps, first.ids

    @property
    def steps(self):
        return self.at[1].steps

    def close(self):
        for one in self.at.values():
            one.close()

    def name(self, suffix):
        return self.at[1].name(suffix)

    def live(self):
        return [self.at[n] for n, node in self.cluster.nodes.items() if node.process is not None]

    def topic(self, suffix, *replicas, configs=()):
        """A topic whose partitions have these replicas, known to all that live, with all replicas in sync."""
        name = self.name(suffix)
        made = self.at[1].quiet("CreateTopics", {"TimeoutMs": 10_000, "ValidateOnly": False, "Topics": [{
            "Name": name, "NumPartitions": -1, "ReplicationFactor": -1,
            "Assignments": [{"PartitionIndex": p, "BrokerIds": list(brokers)} for p, brokers in enumerate(replicas)],
            "Configs": [{"Name": key, "Value": value} for key, value in configs]}]})
        if made["Topics"][0]["ErrorCode"]:
            raise NoAnswer(f"setup: topic {name}: {made}")
        self.wait(name, lambda rows: len(rows) == len(replicas) and all(len(row["IsrNodes"]) == len(row["ReplicaNodes"]) for row in rows))
        # Whoever leads answers.
        for p, brokers in enumerate(replicas):
            asked = {"ReplicaId": -1, "Topics": [{"Name": name, "Partitions": [{"PartitionIndex": p, "Timestamp": -1}]}]}
            until(f"the leader of {name}-{p}", lambda s=self.at[brokers[0]], a=asked: rows_of(s.quiet("ListOffsets", a))[0]["ErrorCode"] == 0)
        return name

    def wait(self, name, condition):
        """Until every node that lives shows a topic so; learns the topic's id."""
        for s in self.live():
            def shown(s=s):
                [topic] = s.quiet("Metadata", {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})["Topics"]
                if topic["ErrorCode"] or not condition(topic["Partitions"]):
                    return False
                s.ids[name] = topic["TopicId"]
                s.names.learn("uuid", topic["TopicId"], f"<id of {name}>")
                return True
            until(f"{name} at a node", shown)

    def wait_shown(self, name, leader, isr):
        """Until every node that lives shows a partition with this leader, by an API that also shows one without."""
        asked = {"Topics": [{"Name": name}], "ResponsePartitionLimit": 100, "Cursor": None}
        for s in self.live():
            def shown(s=s):
                [row] = s.quiet("DescribeTopicPartitions", asked)["Topics"][0]["Partitions"]
                return row["LeaderId"] == leader and (isr is None or sorted(row["IsrNodes"]) == isr)
            until(f"{name} led by {leader}", shown)

    def coordinator(self, key, key_type=0):
        """The node that coordinates, by what all say; all must say the same."""
        found = set()

        def agreed():
            found.clear()
            for s in self.live():
                [row] = s.quiet("FindCoordinator", {"KeyType": key_type, "CoordinatorKeys": [key]})["Coordinators"]
                found.add(row["NodeId"] if row["ErrorCode"] == 0 else None)
            return len(found) == 1 and None not in found
        until("a coordinator that all name", agreed)
        return found.pop()


def until(what, condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NoAnswer(f"in vain: {what}")
        time.sleep(0.05)


def rows_of(answer):
    return answer["Topics"][0]["Partitions"]


def new(name, partitions=1, replication=1, assignments=()):
    return {"Name": name, "NumPartitions": partitions, "ReplicationFactor": replication, "Configs": [],
            "Assignments": [{"PartitionIndex": p, "BrokerIds": list(brokers)} for p, brokers in assignments]}


def create(s, *topics, validate=True, note=""):
    return s.call("CreateTopics", {"Topics": list(topics), "TimeoutMs": 10_000, "ValidateOnly": validate}, note=note)


def produce_body(s, name, data, partition=0, acks=-1):
    rows = [{"Index": partition, "Records": data}]
    return {"Acks": acks, "TimeoutMs": 2000, "TopicData": [{"Name": name, "TopicId": s.ids[name], "PartitionData": rows}]}


def fetch_body(s, name, offset=0, **more):
    parts = [{"Partition": 0, "FetchOffset": offset, "PartitionMaxBytes": 1 << 20, **more}]
    return {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1 << 20, "Topics": [{"Topic": name, "TopicId": s.ids[name], "Partitions": parts}]}


def listing(name, **more):
    return {"ReplicaId": -1, "Topics": [{"Name": name, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1, **more}]}]}


def epochs(name, current, epoch):
    parts = [{"Partition": 0, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]
    return {"ReplicaId": -1, "Topics": [{"Topic": name, "Partitions": parts}]}


def described(s, *names, note=""):
    s.every("Metadata", {"Topics": [{"Name": name} for name in names], "AllowAutoTopicCreation": False}, note=f"metadata {note}")
    s.every("DescribeTopicPartitions", {"Topics": [{"Name": name} for name in names], "ResponsePartitionLimit": 100, "Cursor": None},
            note=f"partitions {note}")


def fitting(s, api, body):
    """What of a body the API has a field for."""
    known = {one.name for one in s.definitions.api(api).request.fields}
    return {name: value for name, value in body.items() if name in known}


def what_all_tell(t):
    """Metadata and DescribeCluster, the same at every node."""
    for key_type in (0, 1):
        t.coordinator("first", key_type)
    a, b = t.topic("told", ALL, (2, 3, 1)), t.topic("small", (3,))
    for n, s in t.at.items():
        described(s, a, b, t.name("never"), note=f"at {n}")
        s.every("DescribeCluster", {"IncludeClusterAuthorizedOperations": False, "EndpointType": 1, "IncludeFencedBrokers": True}, note=f"at {n}")


def placement(t):
    """What CreateTopics takes and refuses on three brokers, and the rules by which it places."""
    for n in (1, 2):
        s = t.at[n]
        for partitions, replication in ((1, 4), (1, 3), (-1, -1), (3, 2), (1, 0), (1, 32767)):
            create(s, new(t.name(f"p{partitions}r{replication}"), partitions, replication), note=f"{partitions} of {replication} at {n}")
        for note, rows in {
            "good": [(0, ALL)], "unknown": [(0, (1, 9))], "twice": [(0, (1, 1))], "uneven": [(0, (1, 2)), (1, (3,))],
            "negative": [(0, (-1,))], "all unknown": [(0, (7, 8, 9))], "none": [(0, ())],
        }.items():
            create(s, new(t.name("assigned"), -1, -1, rows), note=f"{note} at {n}")
    for partitions, replication in ((6, 1), (6, 2), (6, 3), (4, 3)):
        name = t.name(f"placed-{partitions}-{replication}")
        create(t.at[1], new(name, partitions, replication), validate=False, note="placed")
        t.wait(name, lambda rows, count=partitions: len(rows) == count and all(row["LeaderId"] > 0 for row in rows))
        rows = t.at[1].quiet("Metadata", {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})["Topics"][0]["Partitions"]
        leads = sorted(sum(1 for row in rows if row["LeaderId"] == n) for n in ALL)
        holds = sorted(sum(1 for row in rows if n in row["ReplicaNodes"]) for n in ALL)
        sizes = [len(set(row["ReplicaNodes"])) for row in rows]
        first = all(row["LeaderId"] == row["ReplicaNodes"][0] for row in rows)
        t.at[1].note(f"how {partitions} of {replication} are placed", [leads, holds, sizes, first])


def elsewhere(t):
    """Produce, Fetch, ListOffsets and OffsetForLeaderEpoch at who leads and who does not."""
    a, b = t.topic("led", ALL), t.topic("single", (1,))
    t.at[1].quiet("Produce", produce_body(t.at[1], a, batch([b"1", b"2"])))
    body = fetch_body(t.at[1], a)
    for n in (2, 3):
        def all_there(s=t.at[n]):
            row = s.quiet("Fetch", body)["Responses"][0]["Partitions"][0]
            return row["ErrorCode"] == 0 and row["HighWatermark"] == 2
        until("the records at a follower", all_there)
    for name in (a, b):
        for n, s in t.at.items():
            note = f"{'replicated' if name == a else 'single'} at {n}"
            for version in s.versions("Produce"):
                s.call("Produce", produce_body(s, name, batch([b"x"])), version, note=note) if n != 1 else None
            s.every("Fetch", fetch_body(s, name), note=note)
            s.every("Fetch", fetch_body(s, name, 99), note=f"beyond the end, {note}")
            s.every("ListOffsets", listing(name), note=note)
            s.every("OffsetForLeaderEpoch", epochs(name, -1, 0), note=note)
            s.every("DeleteRecords", {"TimeoutMs": 1000, "Topics": [{"Name": name, "Partitions": [{"PartitionIndex": 0, "Offset": 0}]}]},
                    note=note)


def coordinators(t):
    """Requests for a group and a transaction at who does not coordinate."""
    group, producer = t.name("group"), t.name("producer")
    a = t.topic("read", ALL)
    s = t.at[next(n for n in ALL if n != t.coordinator(group))]
    member = {"GroupId": group, "MemberId": "m", "GenerationId": 1, "GenerationIdOrMemberEpoch": 1}
    parts = [{"PartitionIndex": 0, "CommittedOffset": 1, "CommittedMetadata": ""}]
    join = {**member, "SessionTimeoutMs": 10_000, "RebalanceTimeoutMs": 10_000, "ProtocolType": "consumer",
            "Protocols": [{"Name": "range", "Metadata": b""}]}
    for api, body in {
        "JoinGroup": join, "SyncGroup": {**member, "Assignments": []}, "Heartbeat": member,
        "LeaveGroup": {**member, "Members": [{"MemberId": "m"}]},
        "OffsetCommit": {**member, "Topics": [{"Name": a, "TopicId": s.ids[a], "Partitions": parts}]},
        "OffsetFetch": {"GroupId": group, "Topics": [{"Name": a, "PartitionIndexes": [0]}],
                        "Groups": [{"GroupId": group, "Topics": [{"Name": a, "TopicId": s.ids[a], "PartitionIndexes": [0]}]}]},
        "DescribeGroups": {"Groups": [group]}, "DeleteGroups": {"GroupsNames": [group]},
        "OffsetDelete": {"GroupId": group, "Topics": [{"Name": a, "Partitions": [{"PartitionIndex": 0}]}]},
        "ConsumerGroupHeartbeat": {**member, "MemberEpoch": 0, "RebalanceTimeoutMs": 10_000, "SubscribedTopicNames": [a], "TopicPartitions": []},
        "ConsumerGroupDescribe": {"GroupIds": [group]},
        "ShareGroupHeartbeat": {**member, "MemberEpoch": 0, "SubscribedTopicNames": [a]},
        "ShareGroupDescribe": {"GroupIds": [group]},
        "StreamsGroupDescribe": {"GroupIds": [group]},
    }.items():
        s.every(api, fitting(s, api, body), note="not the coordinator")
    s = t.at[next(n for n in ALL if n != t.coordinator(producer, 1))]
    who = {"TransactionalId": producer, "ProducerId": 1, "ProducerEpoch": 0}
    for api, body in {
        "InitProducerId": {**who, "TransactionTimeoutMs": 10_000, "ProducerId": -1, "ProducerEpoch": -1},
        "AddPartitionsToTxn": {**who, "V3AndBelowTransactionalId": producer, "V3AndBelowProducerId": 1, "V3AndBelowProducerEpoch": 0,
                               "V3AndBelowTopics": [{"Name": a, "Partitions": [0]}],
                               "Transactions": [{**who, "VerifyOnly": False, "Topics": [{"Name": a, "Partitions": [0]}]}]},
        "AddOffsetsToTxn": {**who, "GroupId": group}, "EndTxn": {**who, "Committed": True},
        "DescribeTransactions": {"TransactionalIds": [producer]},
    }.items():
        s.every(api, fitting(s, api, body), note="not the transaction's coordinator")


def stale_epochs(t):
    """Leader epochs of before and of later, after another node was elected."""
    a = t.topic("moved", ALL)
    t.at[1].quiet("Produce", produce_body(t.at[1], a, batch([b"1"])))
    moved = {"Topics": [{"Name": a, "Partitions": [{"PartitionIndex": 0, "Replicas": [2, 3, 1]}]}], "TimeoutMs": 10_000}
    t.at[1].call("AlterPartitionReassignments", moved, note="another order")
    t.at[1].call("ElectLeaders", {"ElectionType": 0, "TopicPartitions": [{"Topic": a, "Partitions": [0]}], "TimeoutMs": 10_000}, note="preferred")
    t.wait(a, lambda rows: rows[0]["LeaderId"] == 2)
    t.at[2].until("ListOffsets", listing(a), lambda answer: rows_of(answer)[0]["ErrorCode"] == 0, note="the new leader")
    described(t.at[1], a, note="after the election")
    for n in (1, 2):
        s = t.at[n]
        for current in (0, 1, 2, 9):
            note = f"epoch {current} at {n}"
            s.every("Fetch", fetch_body(s, a, CurrentLeaderEpoch=current), note=note)
            s.every("ListOffsets", listing(a, CurrentLeaderEpoch=current), note=note)
            s.every("OffsetForLeaderEpoch", epochs(a, current, 0), note=note)
    for epoch in (0, 1, 2, 9):
        t.at[2].every("OffsetForLeaderEpoch", epochs(a, -1, epoch), note=f"end of {epoch}")


def elections(t):
    """What ElectLeaders answers where there is nothing to elect."""
    a = t.topic("elected", ALL, (2, 3, 1))
    for n in (1, 3):
        s = t.at[n]
        for kind in (0, 1, 2, -1):
            for note, rows in {
                "led": [(a, [0])], "both": [(a, [0, 1])], "unknown partition": [(a, [7])], "unknown topic": [(t.name("never"), [0])],
                "one of each": [(a, [0, 7]), (t.name("never"), [0])], "none": [], "twice": [(a, [0, 0])],
            }.items():
                body = {"ElectionType": kind, "TimeoutMs": 5000, "TopicPartitions": [{"Topic": name, "Partitions": p} for name, p in rows]}
                s.call("ElectLeaders", body, note=f"{note}, kind {kind} at {n}")


def reassignments(t):
    """What AlterPartitionReassignments takes and refuses."""
    a, b = t.topic("moving", ALL), t.topic("growing", (1,))

    def alter(s, name, replicas, partition=0, note="", **more):
        rows = [{"PartitionIndex": partition, "Replicas": replicas}]
        body = {"TimeoutMs": 10_000, "AllowReplicationFactorChange": True, "Topics": [{"Name": name, "Partitions": rows}], **more}
        s.every("AlterPartitionReassignments", body, note=note)

    for n in (1, 2):
        s = t.at[n]
        for note, replicas in {"none": [], "twice": [1, 1], "unknown": [1, 9], "negative": [1, -1], "cancel": None}.items():
            alter(s, a, replicas, note=f"{note} at {n}")
        alter(s, a, [1, 2, 3], 7, note=f"unknown partition at {n}")
        alter(s, t.name("never"), [1], note=f"unknown topic at {n}")
        alter(s, a, [1, 2, 3], note=f"the same at {n}")
    low, high = t.at[1].versions("AlterPartitionReassignments")[0], t.at[1].versions("AlterPartitionReassignments")[-1]
    if high > low:
        body = {"TimeoutMs": 10_000, "AllowReplicationFactorChange": False,
                "Topics": [{"Name": b, "Partitions": [{"PartitionIndex": 0, "Replicas": [1, 2]}]}]}
        t.at[1].call("AlterPartitionReassignments", body, high, note="no other factor")
    t.at[1].call("AlterPartitionReassignments", {"TimeoutMs": 10_000, "AllowReplicationFactorChange": True,
                 "Topics": [{"Name": b, "Partitions": [{"PartitionIndex": 0, "Replicas": [2, 3]}]}]}, note="moved")
    t.wait(b, lambda rows: sorted(rows[0]["ReplicaNodes"]) == [2, 3] and sorted(rows[0]["IsrNodes"]) == [2, 3])
    t.at[3].every("ListPartitionReassignments", {"TimeoutMs": 5000, "Topics": None}, note="none is left")
    described(t.at[1], b, note="moved")


def opened(node, definitions, envelope):
    """What a controller makes of an envelope: its error, and the response in it."""
    api = definitions.api("Envelope")
    connection = Connection(node.host, node.controller_port, definitions)
    try:
        connection.send(connection.frame(api, 0, envelope))
        answer = connection.receive(api, 0, connection.correlation, 20)
    finally:
        connection.close()
    # Behind the header, tagged fields and all. Those behind the error are each broker's own affair.
    reader = codec.Reader(answer.raw[5:])
    size = reader.uvarint() - 1
    data = answer.raw[5 + reader.at:][:max(size, 0)]
    (error,) = struct.unpack_from(">h", answer.raw, 5 + reader.at + len(data))
    return error, data if size >= 0 else None


def envelopes(t):
    """What controllers make of clients' requests that brokers forward: what the active one does, and the others."""
    s = t.at[1]
    definitions = s.definitions
    client = Connection(t.cluster.nodes[1].host, t.cluster.nodes[1].port, definitions)
    api = definitions.api("CreateTopics")

    def framed(name, version, body):
        return client.frame(definitions.api(name), version, body)

    topics = {"Topics": [new(t.name("enveloped")), new(t.name("too-many"), 1, 9)], "TimeoutMs": 10_000, "ValidateOnly": True}
    create = framed("CreateTopics", 7, topics)
    good = {"RequestData": create, "RequestPrincipal": b"\0\0\x05User\x06alice\0\0", "ClientHostAddress": bytes([10, 0, 0, 9])}
    cases = {
        "a request": good,
        "an address of 16 bytes": {**good, "ClientHostAddress": bytes(15) + b"\1"},
        "by a token": {**good, "RequestPrincipal": b"\0\0\x05User\x06alice\1\0"},
        "of another type": {**good, "RequestPrincipal": b"\0\0\x06Group\x06alice\0\0"},
        "an address of 3 bytes": {**good, "ClientHostAddress": bytes(3)},
        "no address": {**good, "ClientHostAddress": b""},
        "no principal": {**good, "RequestPrincipal": None},
        "an empty principal": {**good, "RequestPrincipal": b""},
        "a principal that ends too early": {**good, "RequestPrincipal": b"\0\0\x05Us"},
        "a principal of another version": {**good, "RequestPrincipal": b"\0\1\x05User\x06alice\0\0"},
        "no request": {**good, "RequestData": b""},
        "a request that ends in its header": {**good, "RequestData": create[:6]},
        "a request that ends in its body": {**good, "RequestData": create[:-9]},
        "an unknown key": {**good, "RequestData": struct.pack(">hhih", 999, 0, 7, -1)},
        "an unknown version": {**good, "RequestData": struct.pack(">hhihB", 19, 99, 7, -1, 0)},
        "what everybody answers": {**good, "RequestData": framed("ApiVersions", 3, {"ClientSoftwareName": "a", "ClientSoftwareVersion": "1"})},
        "what brokers answer": {**good, "RequestData": framed("Metadata", 9, {"Topics": []})},
        "an envelope": {**good, "RequestData": framed("Envelope", 0, good)},
    }
    for note, envelope in cases.items():
        found = []
        for node in t.cluster.nodes.values():
            error, data = opened(node, definitions, envelope)
            inner = None if data is None else codec.decode(api.response, 7, data[5:])
            found.append([error, inner and [topic["ErrorCode"] for topic in inner["Topics"]]])
        s.note(note, sorted(found, key=str))
    client.close()


def one_stopped(t):
    """Node 3 is stopped, and comes back."""
    without_one(t, "stopped", t.cluster.nodes[3].stop)


def one_killed(t):
    """Node 3 is killed, and comes back."""
    without_one(t, "killed", t.cluster.nodes[3].kill)


def without_one(t, how, end):
    """ISR, eligible leaders and errors while node 3 is away, and when it is back."""
    a = t.topic(f"whole-{how}", ALL, configs=[("min.insync.replicas", "2")])
    strict = t.topic(f"strict-{how}", ALL, configs=[("min.insync.replicas", "3")])
    gone, led = t.topic(f"gone-{how}", (3,)), t.topic(f"handed-{how}", (3, 1, 2))
    t.at[3].close()
    end()
    for name, leader, isr in ((a, 1, [1, 2]), (strict, 1, [1, 2]), (gone, -1, None), (led, 1, [1, 2])):
        t.wait_shown(name, leader, isr)
    for n in (1, 2):
        s = t.at[n]
        described(s, a, strict, gone, led, note=f"without 3 at {n}")
        s.every("DescribeCluster", {"EndpointType": 1, "IncludeFencedBrokers": True}, note=f"without 3 at {n}")
        s.call("Produce", produce_body(s, gone, batch([b"x"])), note=f"leaderless at {n}")
        s.every("ListOffsets", listing(gone), note=f"leaderless at {n}")
        s.every("Fetch", fetch_body(s, gone), note=f"leaderless at {n}")
    s = t.at[1]
    for acks in (-1, 1):
        s.call("Produce", produce_body(s, a, batch([b"x"]), acks=acks), note=f"acks {acks}, enough in sync")
        s.call("Produce", produce_body(s, strict, batch([b"x"]), acks=acks), note=f"acks {acks}, too few in sync")
    for partitions, replication in ((1, 3), (1, 2), (2, -1)):
        create(s, new(t.name(f"{how}-p{partitions}r{replication}"), partitions, replication), note=f"{partitions} of {replication} without 3")
    for note, brokers in {"among others": ALL, "first": (3, 1), "alone": (3,)}.items():
        create(s, new(t.name(f"{how}-on-3"), -1, -1, [(0, brokers)]), note=f"the one that is away {note}")
    for kind in (0, 1):
        for name in (a, gone, led):
            body = {"ElectionType": kind, "TimeoutMs": 2000, "TopicPartitions": [{"Topic": name, "Partitions": [0]}]}
            s.call("ElectLeaders", body, note=f"without 3, kind {kind}")
    t.cluster.nodes[3].start()
    for name in (a, strict, led):
        t.wait(name, lambda rows: sorted(rows[0]["IsrNodes"]) == [1, 2, 3])
    t.wait(gone, lambda rows: rows[0]["LeaderId"] == 3)
    for n in ALL:
        described(t.at[n], a, strict, gone, led, note=f"all again at {n}")
    for kind, name in ((0, led), (0, a)):
        body = {"ElectionType": kind, "TimeoutMs": 5000, "TopicPartitions": [{"Topic": name, "Partitions": [0]}]}
        t.at[2].call("ElectLeaders", body, note="all again")


SCRIPTS = [what_all_tell, placement, elsewhere, coordinators, stale_epochs, elections, reassignments, envelopes, one_stopped, one_killed]
