"""OffsetCommit, OffsetFetch, OffsetDelete: the offsets that groups keep."""

import uuid

from scenarios import scenario
from scenarios.s50_groups import Member

MADE_UP = uuid.UUID("11111111-2222-3333-4444-555555555555")


def rows(s, *places, **more):
    return [{"Name": name, "TopicId": s.ids.get(name, MADE_UP), "Partitions": [
        {"PartitionIndex": p, "CommittedOffset": o, **more} for p, o in parts]} for name, parts in places]


def commit(s, group, topics, generation=-1, member="", instance=None, note="", **more):
    return s.call("OffsetCommit", {
        "GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member, "GroupInstanceId": instance,
        "Topics": topics, **more}, note=note)


def fetch_body(s, group, places, member=None, epoch=-1, stable=False):
    """One group's request in the old shape and in the grouped one; the version decides what is sent."""
    names = None if places is None else [
        {"Name": n, "TopicId": s.ids.get(n, MADE_UP), "PartitionIndexes": p} for n, p in places]
    plain = None if names is None else [{k: v for k, v in row.items() if k != "TopicId"} for row in names]
    return {
        "GroupId": group, "Topics": plain, "RequireStable": stable,
        "Groups": [{"GroupId": group, "MemberId": member, "MemberEpoch": epoch, "Topics": names}]}


def fetch(s, group, places, note="", **more):
    if places is None and s.version("OffsetFetch") < 2:
        return None
    return s.call("OffsetFetch", fetch_body(s, group, places, **more), note=note)


@scenario("OffsetCommit", "OffsetFetch")
def simple_commits(s):
    s.coordinator()
    a, b = s.topic("a", 3), s.topic("b")
    group = s.name("g")
    fetch(s, group, [(a, [0, 1])], "nothing committed")
    fetch(s, group, None, "nothing committed, all")
    commit(s, group, rows(s, (a, [(0, 10), (1, 20)]), (b, [(0, 30)])), note="good")
    fetch(s, group, [(a, [0, 1, 2]), (b, [0])], "good")
    fetch(s, group, None, "all")
    fetch(s, group, None, "all, stable", stable=True)
    commit(s, group, rows(s, (a, [(0, 11)]), CommittedMetadata="note", CommittedLeaderEpoch=0), note="metadata")
    commit(s, group, rows(s, (a, [(1, 12)]), CommittedMetadata=None), note="null metadata")
    commit(s, group, rows(s, (a, [(2, 12)]), CommittedMetadata="x" * 4096), note="longest metadata")
    commit(s, group, rows(s, (a, [(2, 12)]), CommittedMetadata="x" * 4097), note="too long metadata")
    for epoch in (0, 5, -1, -2):
        commit(s, group, rows(s, (a, [(0, 13)]), CommittedLeaderEpoch=epoch), note=f"leader epoch {epoch}")
        fetch(s, group, [(a, [0])], f"leader epoch {epoch}")
    for offset in (0, -1, -2, 1 << 62):
        commit(s, group, rows(s, (b, [(0, offset)])), note=f"offset {offset}")
        fetch(s, group, [(b, [0])], f"offset {offset}")
    commit(s, group, rows(s, (a, [(3, 1), (-1, 1)])), note="unknown partitions")
    fetch(s, group, [(a, [3, -1])], "unknown partitions")
    for name in (s.name("never"), "", "a b"):
        commit(s, group, rows(s, (name, [(0, 1)])), note="topic")
        fetch(s, group, [(name, [0])], "topic")
    commit(s, group, rows(s, (a, [(0, 77)]), (s.name("never"), [(0, 1)])), note="one good")
    fetch(s, group, [(a, [0]), (s.name("never"), [0])], "one good")
    commit(s, group, rows(s, (a, [(0, 1), (0, 2)])), note="partition twice")
    commit(s, group, rows(s, (a, [(0, 1)]), (a, [(1, 2)])), note="topic twice")
    fetch(s, group, [(a, [0, 0])], "partition twice")
    fetch(s, group, [(a, [0]), (a, [1])], "topic twice")
    commit(s, group, [], note="nothing")
    commit(s, group, rows(s, (a, [])), note="no partitions")
    fetch(s, group, [], "nothing")
    fetch(s, group, [(a, [])], "no partitions")
    commit(s, group, rows(s, (a, [(0, 1)])), RetentionTimeMs=1000, note="retention")
    for wrong in ("", s.name("a b")):
        commit(s, wrong, rows(s, (a, [(0, 1)])), note=f"group {wrong!r}")
        fetch(s, wrong, [(a, [0])], f"group {wrong!r}")
    commit(s, group, rows(s, (a, [(0, 1)])), generation=5, note="generation in an empty group")
    commit(s, s.name("new"), rows(s, (a, [(0, 1)])), generation=5, member="m", note="generation in an unknown group")
    commit(s, group, rows(s, (a, [(0, 1)])), member="nobody", note="member in an empty group")
    commit(s, group, rows(s, (a, [(0, 1)])), instance="i", note="instance in an empty group")
    fetch(s, group, [(a, [0])], "member", member="nobody", epoch=3)
    fetch(s, group, [(a, [0])], "empty member", member="")


@scenario("OffsetCommit", "OffsetFetch")
def member_commits(s):
    s.coordinator()
    a = s.topic("a", 2)
    group = s.name("g")
    m = Member(s, group, "m")
    m.join("join")
    commit(s, group, rows(s, (a, [(0, 1)])), m.generation, m.id, note="before sync")
    m.sync([(m.id, b"")], "sync")
    commit(s, group, rows(s, (a, [(0, 2)])), m.generation, m.id, note="good")
    commit(s, group, rows(s, (a, [(0, 3)])), m.generation + 1, m.id, note="later generation")
    commit(s, group, rows(s, (a, [(0, 3)])), m.generation - 1, m.id, note="earlier generation")
    commit(s, group, rows(s, (a, [(0, 3)])), m.generation, "nobody", note="unknown member")
    commit(s, group, rows(s, (a, [(0, 3)])), m.generation, "", note="empty member")
    commit(s, group, rows(s, (a, [(0, 3)])), -1, "", note="simple commit in a busy group")
    commit(s, group, rows(s, (a, [(0, 3)])), -1, m.id, note="no generation")
    commit(s, group, rows(s, (a, [(0, 3)])), m.generation, m.id, "i", note="instance")
    fetch(s, group, [(a, [0, 1])], "fetch")
    other = Member(s, group, "o")
    pending = other.begin_join("other")
    if s.version("JoinGroup") >= 4:
        other.joined(pending)
        pending = other.begin_join("other")
    m.until_rebalancing()
    commit(s, group, rows(s, (a, [(1, 5)])), m.generation, m.id, note="during the rebalance")
    m.leave("leave")
    other.joined(pending)
    fetch(s, group, [(a, [0, 1])], "after")


@scenario("OffsetFetch")
def many_groups(s):
    if s.version("OffsetFetch") < 8:
        return
    s.coordinator()
    a = s.topic("a")
    g, h = s.name("g"), s.name("h")
    for group, offset in ((g, 1), (h, 2)):
        s.call("OffsetCommit", {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "Topics": rows(s, (a, [(0, offset)]))})

    def ask(*groups, note=""):
        s.call("OffsetFetch", {"Groups": [fetch_body(s, n, p)["Groups"][0] for n, p in groups]}, note=note)
    ask((g, [(a, [0])]), (h, [(a, [0])]), note="two")
    ask((g, None), (h, None), note="two, all")
    ask((g, None), (s.name("never"), None), ("", [(a, [0])]), note="one good")
    ask((g, None), (g, [(a, [0])]), note="twice")
    ask(note="none")


@scenario("OffsetDelete")
def offset_delete(s):
    s.coordinator()
    a, b = s.topic("a", 2), s.topic("b")
    group = s.name("g")

    def delete(name, places, note=""):
        s.call("OffsetDelete", {"GroupId": name, "Topics": [
            {"Name": n, "Partitions": [{"PartitionIndex": p} for p in parts]} for n, parts in places]}, note=note)
    delete(group, [(a, [0])], "unknown group")
    s.call("OffsetCommit", {"GroupId": group, "GenerationIdOrMemberEpoch": -1,
                            "Topics": rows(s, (a, [(0, 1), (1, 2)]), (b, [(0, 3)]))})
    delete(group, [(a, [0])], "good")
    delete(group, [(a, [0])], "again")
    delete(group, [(a, [7]), (s.name("never"), [0])], "unknown places")
    delete(group, [], "none")
    delete(group, [(a, [])], "no partitions")
    delete("", [(a, [0])], "no group")
    s.call("OffsetFetch", fetch_body(s, group, None))
    m = Member(s, group, "m", protocols=(("range", bytes.fromhex("0000" "00000001") + len(a).to_bytes(2, "big")
                                          + a.encode() + bytes.fromhex("ffffffff")),))
    m.join("subscribed to a")
    m.sync([(m.id, b"")])
    delete(group, [(a, [1]), (b, [0])], "subscribed")
    s.call("OffsetFetch", fetch_body(s, group, None))
    n = Member(s, s.name("connect"), "n", protocol_type="connect")
    n.join("connect")
    delete(s.name("connect"), [(a, [0])], "connect group")
