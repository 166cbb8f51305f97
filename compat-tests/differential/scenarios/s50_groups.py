"""The classic group protocol: join, sync, heartbeat, leave, describe, list, delete; good and bad."""

import time

from scenarios import scenario


class Member:
    """One member of a group with a connection of its own."""

    def __init__(self, s, group, on, instance=None, protocols=(("range", b"meta"),), protocol_type="consumer",
                 session_ms=30_000, rebalance_ms=30_000):
        self.s, self.group, self.on, self.instance = s, group, on, instance
        self.protocols, self.protocol_type = protocols, protocol_type
        self.session_ms, self.rebalance_ms = session_ms, rebalance_ms
        self.id, self.generation = "", -1

    def join_body(self, **more):
        return {
            "GroupId": self.group, "SessionTimeoutMs": self.session_ms, "RebalanceTimeoutMs": self.rebalance_ms,
            "MemberId": self.id, "GroupInstanceId": self.instance, "ProtocolType": self.protocol_type,
            "Protocols": [{"Name": n, "Metadata": m} for n, m in self.protocols], "Reason": "because", **more}

    def begin_join(self, note="", **more):
        return self.s.begin("JoinGroup", self.join_body(**more), on=self.on, note=note)

    def joined(self, pending):
        answer = pending.answer()
        if answer["ErrorCode"] in (0, 79):
            self.id = answer["MemberId"]
            self.generation = answer["GenerationId"]
        return answer

    def join(self, note="", **more):
        """Join to the end: a broker that first hands out a member id is asked again."""
        answer = self.joined(self.begin_join(note, **more))
        if answer["ErrorCode"] == 79:
            answer = self.joined(self.begin_join(f"{note}, with the id", **more))
        return answer

    def sync(self, assignments=(), note="", **more):
        return self.s.call("SyncGroup", self.sync_body(assignments, **more), on=self.on, note=note)

    def sync_body(self, assignments=(), **more):
        return {"GroupId": self.group, "GenerationId": self.generation, "MemberId": self.id,
                "GroupInstanceId": self.instance, "ProtocolType": self.protocol_type,
                "ProtocolName": self.protocols[0][0],
                "Assignments": [{"MemberId": m, "Assignment": a} for m, a in assignments], **more}

    def heartbeat_body(self, **more):
        return {"GroupId": self.group, "GenerationId": self.generation, "MemberId": self.id,
                "GroupInstanceId": self.instance, **more}

    def heartbeat(self, note="", **more):
        return self.s.call("Heartbeat", self.heartbeat_body(**more), on=self.on, note=note)

    def until_rebalancing(self):
        """Wait until the group has heard of somebody else's join."""
        self.s.until("Heartbeat", self.heartbeat_body(), lambda a: a["ErrorCode"] == 27, on=self.on, note="rebalancing")

    def leave(self, note="", **more):
        row = {"MemberId": self.id, "GroupInstanceId": self.instance, "Reason": "done"}
        return self.s.call("LeaveGroup", {"GroupId": self.group, "MemberId": self.id, "Members": [row], **more},
                           on=self.on, note=note)


def describe(s, *groups, note="described", ops=False):
    return s.call("DescribeGroups", {"Groups": list(groups), "IncludeAuthorizedOperations": ops}, note=note)


@scenario("JoinGroup", "SyncGroup")
def a_protocol_named_twice(s):
    s.coordinator()
    m = Member(s, s.name("g"), "m")
    m.join("first")
    m.sync([(m.id, b"assigned")], "sync")
    m.protocols = (("range", b"a"), ("range", b"b"))
    m.joined(m.begin_join("the same protocol twice"))


@scenario("JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "DescribeGroups")
def one_member(s):
    s.coordinator()
    group = s.name("g")
    describe(s, group, note="before")
    m = Member(s, group, "m", protocols=(("range", b"r"), ("roundrobin", b"rr")))
    m.join("first")
    describe(s, group, note="joined")
    m.heartbeat("before sync")
    m.sync([(m.id, b"assigned")], "sync")
    describe(s, group, note="stable", ops=True)
    m.heartbeat("good")
    m.sync(note="sync again")
    for generation in (0, m.generation + 1, -1, -2):
        m.heartbeat(f"generation {generation}", GenerationId=generation)
        m.sync(note=f"generation {generation}", GenerationId=generation)
    m.heartbeat("unknown member", MemberId="nobody")
    m.heartbeat("empty member", MemberId="")
    m.sync(note="unknown member", MemberId="nobody")
    m.sync(note="other type", ProtocolType="connect")
    m.sync(note="other protocol", ProtocolName="other")
    m.heartbeat("instance", GroupInstanceId="i")
    m.sync(note="instance", GroupInstanceId="i")
    m.join("same again")
    m.sync([(m.id, b"next"), ("nobody", b"x")], "an unknown member is assigned")
    describe(s, group)
    s.call("LeaveGroup", {"GroupId": group, "MemberId": "nobody", "Members": [{"MemberId": "nobody"}]}, note="unknown")
    m.leave("good")
    describe(s, group, note="empty")
    m.leave("again")
    m.heartbeat("after leaving")
    m.sync(note="after leaving")
    m.join("with an old id")


@scenario("JoinGroup")
def join_errors(s):
    s.coordinator()
    for number, (note, group, more) in enumerate((
        ("no group", "", {}), ("session too short", None, {"SessionTimeoutMs": 1}),
        ("session too long", None, {"SessionTimeoutMs": 2147483647}),
        ("session 0", None, {"SessionTimeoutMs": 0}), ("session -1", None, {"SessionTimeoutMs": -1}),
        ("unknown member", None, {"MemberId": "nobody"}),
        ("no protocols", None, {"Protocols": []}), ("no type", None, {"ProtocolType": ""}),
        ("neither", None, {"Protocols": [], "ProtocolType": ""}),
        ("bad group", "a b", {"Protocols": []}),
        ("unknown static member", None, {"MemberId": "nobody", "GroupInstanceId": "i"}),
        ("empty instance", None, {"GroupInstanceId": ""}),
        ("bad instance", None, {"GroupInstanceId": "a/b"}),
        ("dot instance", None, {"GroupInstanceId": ".."}),
        ("long instance", None, {"GroupInstanceId": "x" * 250}),
        ("rebalance -1", None, {"RebalanceTimeoutMs": -1}),
        ("protocol twice", None, {"Protocols": [{"Name": "r", "Metadata": b"1"}, {"Name": "r", "Metadata": b"2"}]}),
        ("protocol without name", None, {"Protocols": [{"Name": "", "Metadata": b"1"}]}),
    )):
        group = s.name(f"g{number}") if group is None else group
        m = Member(s, group, "m")
        # Apache Kafka never answers one of these
        s.call("JoinGroup", m.join_body(**more), note=note,
               timeout=1.5 if note == "protocol twice" else 15)


@scenario("JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "DescribeGroups")
def two_members(s):
    s.coordinator()
    group = s.name("g")
    a, b = Member(s, group, "a"), Member(s, group, "b")
    a.join("a alone")
    a.sync([(a.id, b"all")], "a alone")
    first = b.begin_join("b joins")
    if s.version("JoinGroup") >= 4:
        b.joined(first)
        first = b.begin_join("b joins with its id")
    a.until_rebalancing()
    describe(s, group, note="preparing")
    a.sync(note="during the rebalance")
    a.joined(a.begin_join("a again"))
    b.joined(first)
    describe(s, group, note="completing")
    a.heartbeat("before sync")
    pending = s.begin("SyncGroup", b.sync_body(), on="b", note="b follows")
    time.sleep(0.05)
    a.sync([(a.id, b"half a"), (b.id, b"half b")], "a leads")
    pending.answer()
    describe(s, group, note="stable")
    a.heartbeat("stable")
    b.heartbeat("stable")
    if s.version("LeaveGroup") >= 3:
        s.call("LeaveGroup", {"GroupId": group, "Members": [{"MemberId": "nobody"}, {"MemberId": b.id}, {"MemberId": b.id}]},
               note="batch")
    else:
        b.leave("b")
    a.until_rebalancing()
    a.joined(a.begin_join("a after b left"))
    a.sync([(a.id, b"all")], "a alone again")
    describe(s, group, note="a alone again")
    c = Member(s, group, "c", protocols=(("other", b""),))
    c.join("no common protocol")
    d = Member(s, group, "d", protocol_type="connect")
    d.join("other type")
    a.leave("a")
    describe(s, group, note="empty")
    e = Member(s, group, "e", protocol_type="connect")
    e.join("other type, empty group")


@scenario("JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "DescribeGroups")
def static_members(s):
    if s.version("JoinGroup") < 5 or s.version("SyncGroup") < 3 or s.version("LeaveGroup") < 3:
        return
    s.coordinator()
    group = s.name("g")
    a = Member(s, group, "a", instance="i1")
    a.join("a")
    a.sync([(a.id, b"all")], "a")
    a.heartbeat("a")
    old = a.id
    describe(s, group, note="static")
    a.id = ""
    a.join("a restarts")
    describe(s, group, note="after the restart")
    a.heartbeat("old id", MemberId=old)
    a.sync(note="old id", MemberId=old)
    s.call("JoinGroup", a.join_body(MemberId=old), on="a", note="old id joins")
    a.heartbeat("no such instance", GroupInstanceId="i9")
    a.sync([(a.id, b"all again")], "a")
    a.id = ""
    a.protocols = (("range", b"changed"),)
    a.join("a restarts with other metadata")
    a.sync([(a.id, b"third")], "a")
    s.call("LeaveGroup", {"GroupId": group, "Members": [{"MemberId": "", "GroupInstanceId": "i9"}]}, note="unknown instance")
    s.call("LeaveGroup", {"GroupId": group, "Members": [{"MemberId": old, "GroupInstanceId": "i1"}]}, note="wrong id")
    s.call("LeaveGroup", {"GroupId": group, "Members": []}, note="nobody")
    s.call("LeaveGroup", {"GroupId": group, "Members": [{"MemberId": "", "GroupInstanceId": "i1"}]}, note="by instance")
    describe(s, group, note="empty")


@scenario("Heartbeat", "SyncGroup", "LeaveGroup", "DescribeGroups")
def unknown_groups(s):
    s.coordinator()
    for group in (s.name("never"), "", "a b", "x" * 250):
        m = Member(s, group, "main")
        m.id, m.generation = "nobody", 1
        m.heartbeat("heartbeat")
        m.sync(note="sync")
        m.sync([("nobody", b"")], "sync with assignments")
        m.leave("leave")
        describe(s, group)
    describe(s, note="none")
    describe(s, s.name("never"), s.name("never"), "", note="three")


@scenario("DeleteGroups", "DescribeGroups")
def delete_groups(s):
    s.coordinator()

    def delete(*groups, note=""):
        s.call("DeleteGroups", {"GroupsNames": list(groups)}, note=note)
    busy, empty = s.name("busy"), s.name("empty")
    m = Member(s, busy, "m")
    m.join("busy")
    m.sync([(m.id, b"")], "busy")
    n = Member(s, empty, "n")
    n.join("empty")
    n.sync([(n.id, b"")], "empty")
    n.leave("empty")
    delete(busy, note="busy")
    delete(empty, note="empty")
    delete(empty, note="again")
    describe(s, empty)
    delete(s.name("never"), note="unknown")
    delete("", note="no name")
    delete(note="none")
    delete(busy, s.name("never"), note="two")
    delete(s.name("never"), s.name("never"), note="twice")


@scenario("ListGroups", once=True)
def list_groups(s):
    s.coordinator()
    mine = {s.name("stable"), s.name("empty"), s.name("joined"), s.name("simple"), s.name("connect")}
    for suffix in ("stable", "empty"):
        m = Member(s, s.name(suffix), suffix)
        m.join(suffix)
        m.sync([(m.id, b"")], suffix)
        if suffix == "empty":
            m.leave(suffix)
    Member(s, s.name("joined"), "joined").join("joined")
    Member(s, s.name("connect"), "connect", protocol_type="connect").join("connect")
    t = s.topic("t")
    s.call("OffsetCommit", {"GroupId": s.name("simple"), "GenerationIdOrMemberEpoch": -1, "Topics": [
        {"Name": t, "TopicId": s.id(t), "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]})
    api = s.definitions.api("ListGroups")
    for version in s.versions("ListGroups"):
        for states in ([], ["Stable"], ["stable"], ["STABLE"], ["Empty"], ["CompletingRebalance"], ["PreparingRebalance"],
                       ["Dead"], ["Unknown"], ["nonsense"], [""], ["Stable", "Empty"], ["Assigning"], ["Reconciling"],
                       ["NotReady"], ["completing_rebalance"]):
            for kinds in ([], ["classic"], ["Classic"], ["CLASSIC"], ["consumer"], ["share"], ["streams"], ["Unknown"],
                          ["nonsense"], [""], ["classic", "consumer"]):
                if (version < 4 and states) or (version < 5 and kinds):
                    continue
                body = {"StatesFilter": states, "TypesFilter": kinds}
                outcome = s.quiet("ListGroups", body, version)
                if outcome.kind == "answer":
                    outcome.body["Groups"] = [g for g in outcome["Groups"] if g["GroupId"] in mine]
                s.record(api, version, body, outcome, "only this script's groups")
