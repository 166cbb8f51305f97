"""Fetch: offsets, limits, sessions, epochs, topic ids, waiting."""

import time
import uuid

from records import batch
from scenarios import scenario

MADE_UP = uuid.UUID("11111111-2222-3333-4444-555555555555")


def part(partition=0, offset=0, limit=1 << 20, **more):
    return {"Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": limit, **more}


def topics(s, *rows):
    return [{"Topic": name, "TopicId": s.ids.get(name, MADE_UP), "Partitions": parts} for name, parts in rows]


def fetch(s, *rows, note="", timeout=20, version=None, **more):
    body = {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 10 << 20, "Topics": topics(s, *rows), **more}
    return s.call("Fetch", body, version, note=note, timeout=timeout)


@scenario("Fetch")
def plain(s):
    a = s.topic("a", 2)
    for i in range(4):
        s.produce(a, batch([b"%d" % i, b"x" * 50]))
    for offset in (0, 1, 2, 7, 8, 9, -1, -2, 1 << 60, -(1 << 63)):
        fetch(s, (a, [part(offset=offset)]), note=f"offset {offset}")
    for partition in (1, 2, -1):
        fetch(s, (a, [part(partition)]), note="partition")
    for name in (s.name("never"), "", "a b"):
        fetch(s, (name, [part()]), note="topic")
    fetch(s, note="nothing")
    fetch(s, (a, []), note="no partitions")
    fetch(s, (a, [part(0), part(1)]), note="two partitions")
    fetch(s, (a, [part(1), part(0)]), note="other order")
    fetch(s, (a, [part(0), part(0, 4)]), note="partition twice")
    fetch(s, (a, [part(0)]), (a, [part(1)]), note="topic twice")
    fetch(s, (a, [part(0), part(9)]), (s.name("never"), [part(0)]), note="some unknown")
    for isolation in (0, 1, 2, -1, 127):
        fetch(s, (a, [part()]), IsolationLevel=isolation, note=f"isolation {isolation}")
    for limit in (0, 1, -1, 61, 100, 150, 300, 2147483647):
        fetch(s, (a, [part(limit=limit)]), note=f"partition limit {limit}")
        fetch(s, (a, [part(limit=limit), part(1, limit=limit)]), note=f"partition limit {limit}, two")
        fetch(s, (a, [part()]), MaxBytes=limit, note=f"limit {limit}")
        fetch(s, (a, [part(0), part(1)]), MaxBytes=limit, note=f"limit {limit}, two")
    fetch(s, (a, [part(LogStartOffset=5)]), note="log start offset")
    fetch(s, (a, [part()]), RackId="somewhere", note="rack")
    fetch(s, (a, [part()]), MaxWaitMs=-1, note="wait -1")
    fetch(s, (a, [part()]), MinBytes=-1, note="min bytes -1")
    fetch(s, (a, [part()]), ClusterId="wrong", note="cluster id")


@scenario("Fetch")
def limits_over_partitions(s):
    a = s.topic("a", 3)
    for partition in range(3):
        for i in range(3):
            s.produce(a, batch([b"x" * 100]), partition)
    for limit in (1, 170, 200, 340, 500, 520, 700, 1000, 5000):
        fetch(s, (a, [part(0), part(1), part(2)]), MaxBytes=limit, note=f"limit {limit}")
        fetch(s, (a, [part(0, limit=limit), part(1, limit=limit), part(2, limit=limit)]), note=f"each {limit}")
        fetch(s, (a, [part(2, 3), part(1), part(0)]), MaxBytes=limit, note=f"first one at the end, limit {limit}")


@scenario("Fetch")
def epochs(s):
    a = s.topic("a")
    s.produce(a, batch([b"1", b"2"]))
    for epoch in (-1, 0, 1, 5, -2, 2147483647):
        fetch(s, (a, [part(CurrentLeaderEpoch=epoch)]), note=f"leader epoch {epoch}")
        fetch(s, (a, [part(offset=1, LastFetchedEpoch=epoch)]), note=f"last epoch {epoch}")
        fetch(s, (a, [part(offset=2, LastFetchedEpoch=epoch, CurrentLeaderEpoch=0)]), note=f"at the end {epoch}")
        fetch(s, (a, [part(offset=9, LastFetchedEpoch=epoch)]), note=f"out of range {epoch}")
        fetch(s, (a, [part(1, CurrentLeaderEpoch=epoch)]), note=f"unknown partition {epoch}")


@scenario("Fetch")
def replicas(s):
    a = s.topic("a")
    s.produce(a, batch([b"1", b"2"]))
    for replica in (-2, 0, 1, 2, -3):
        more = {"ReplicaId": replica, "ReplicaState": {"ReplicaId": replica, "ReplicaEpoch": -1}}
        if replica == 1:
            continue
        fetch(s, (a, [part()]), **more, note=f"replica {replica}")


@scenario("Fetch")
def waiting(s):
    a = s.topic("a")
    began = time.monotonic()
    fetch(s, (a, [part()]), MaxWaitMs=300, MinBytes=1, note="waits")
    fetch(s, (s.name("never"), [part()]), (a, [part()]), MaxWaitMs=300, MinBytes=1, note="an unknown topic waits")
    s.note("waited", time.monotonic() - began > 0.5)
    began = time.monotonic()
    fetch(s, (a, [part(offset=5)]), MaxWaitMs=10_000, MinBytes=1, note="an error does not wait")
    fetch(s, (a, [part()]), MaxWaitMs=10_000, MinBytes=0, note="no bytes wanted")
    fetch(s, MaxWaitMs=300, MinBytes=1, note="nothing to wait for")
    s.note("did not wait", time.monotonic() - began < 5)
    body = {"MaxWaitMs": 10_000, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": topics(s, (a, [part()]))}
    pending = s.begin("Fetch", body, on="waiter", note="woken")
    time.sleep(0.1)
    s.produce(a, batch([b"now"]))
    began = time.monotonic()
    pending.answer()
    s.note("woken soon", time.monotonic() - began < 3)
    fetch(s, (a, [part()]), MaxWaitMs=200, MinBytes=100_000, note="less than wanted")


@scenario("Fetch")
def sessions(s):
    if s.version("Fetch") < 7:
        return
    a, b = s.topic("a", 2), s.topic("b")
    s.produce(a, batch([b"1"]))

    def forget(name, *partitions):
        return [{"Topic": name, "TopicId": s.ids.get(name, MADE_UP), "Partitions": list(partitions)}]
    made = fetch(s, (a, [part(0), part(1)]), (b, [part()]), SessionId=0, SessionEpoch=0, note="new session")
    session = made["SessionId"]
    fetch(s, SessionId=session, SessionEpoch=1, note="nothing new")
    fetch(s, (a, [part(0, 1)]), SessionId=session, SessionEpoch=2, note="partition moved on")
    s.produce(a, batch([b"2"]), 1)
    fetch(s, SessionId=session, SessionEpoch=3, note="one has news")
    fetch(s, SessionId=session, SessionEpoch=4, note="again the same")
    fetch(s, ForgottenTopicsData=forget(a, 1), SessionId=session, SessionEpoch=5, note="forget")
    fetch(s, ForgottenTopicsData=forget(a, 1), SessionId=session, SessionEpoch=6, note="forget again")
    fetch(s, (a, [part(1, 1)]), SessionId=session, SessionEpoch=7, note="back again")
    fetch(s, SessionId=session, SessionEpoch=7, note="old epoch")
    fetch(s, SessionId=session, SessionEpoch=99, note="epoch ahead")
    fetch(s, SessionId=session, SessionEpoch=8, note="goes on")
    fetch(s, (a, [part(5)]), SessionId=session, SessionEpoch=9, note="unknown partition joins")
    fetch(s, SessionId=session, SessionEpoch=10, note="unknown partition stays")
    fetch(s, (s.name("never"), [part(0)]), SessionId=session, SessionEpoch=11, note="unknown topic joins")
    fetch(s, SessionId=session, SessionEpoch=12, note="unknown topic stays")
    fetch(s, (b, [part(0, 55)]), SessionId=session, SessionEpoch=13, note="out of range joins")
    fetch(s, SessionId=session, SessionEpoch=14, note="out of range stays")
    fetch(s, (a, [part(0)]), SessionId=session, SessionEpoch=-1, note="closed")
    fetch(s, SessionId=session, SessionEpoch=15, note="after closing")
    fetch(s, (a, [part(0)]), SessionId=12345678, SessionEpoch=1, note="unknown session")
    fetch(s, (a, [part(0)]), SessionId=12345678, SessionEpoch=-1, note="close an unknown session")
    fetch(s, (a, [part(0)]), SessionId=12345678, SessionEpoch=0, note="new one in place of an unknown one")
    fetch(s, (a, [part(0)]), SessionId=0, SessionEpoch=1, note="id 0, epoch 1")
    fetch(s, (a, [part(0)]), SessionId=0, SessionEpoch=-1, note="id 0, epoch -1")
    fetch(s, (a, [part(0)]), SessionId=0, SessionEpoch=-2, note="id 0, epoch -2")
    fetch(s, (a, [part(0)]), SessionId=-1, SessionEpoch=0, note="id -1")
    fetch(s, SessionId=0, SessionEpoch=0, note="empty session")
    fetch(s, (s.name("never"), [part()]), SessionId=0, SessionEpoch=0, note="session of an unknown topic")
    gone = s.topic("gone")
    made = fetch(s, (gone, [part()]), SessionId=0, SessionEpoch=0, note="topic to be deleted")
    s.quiet("DeleteTopics", {"Topics": [{"Name": gone}], "TopicNames": [gone], "TimeoutMs": 5000})
    s.gone(gone)
    s.barrier()
    fetch(s, SessionId=made["SessionId"], SessionEpoch=1, note="topic deleted")
    fetch(s, (gone, [part()]), note="deleted topic, no session")


@scenario("Fetch")
def topic_ids(s):
    if s.version("Fetch") < 13:
        return
    a = s.topic("a")
    s.produce(a, batch([b"1"]))
    for topic_id, note in ((MADE_UP, "unknown"), (uuid.UUID(int=0), "zero")):
        row = {"TopicId": topic_id, "Partitions": [part()]}
        s.call("Fetch", {"MaxWaitMs": 0, "MaxBytes": 1000, "Topics": [row]}, note=note)
        s.call("Fetch", {"MaxWaitMs": 0, "MaxBytes": 1000, "Topics": [row, *topics(s, (a, [part()]))]}, note=f"{note} and good")
        s.call("Fetch", {"MaxWaitMs": 0, "MaxBytes": 1000, "Topics": [row], "SessionEpoch": 0}, note=f"{note}, session")
