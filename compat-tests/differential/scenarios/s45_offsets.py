"""ListOffsets, OffsetForLeaderEpoch, DescribeLogDirs, AlterReplicaLogDirs, DeleteRecords."""

from records import batch
from scenarios import scenario


@scenario("ListOffsets", once=True)
def list_offsets(s):
    a, empty = s.topic("a", 2), s.topic("empty")
    for stamp in (1000, 3000, 2000, 3000):
        s.produce(a, batch([b"v", b"w"], base_timestamp=stamp, timestamp_deltas=[0, 10]))

    def ask(name, *parts, isolation=0, replica=-1, note="", timeout=1000):
        s.every("ListOffsets", {
            "ReplicaId": replica, "IsolationLevel": isolation, "TimeoutMs": timeout, "Topics": [{"Name": name, "Partitions": [
                {"PartitionIndex": p, "Timestamp": t, "CurrentLeaderEpoch": e} for p, t, e in parts]}]}, note=note)
    for stamp in (-1, -2, -3, -4, -5, -6, -7, -100, 0, 1, 1000, 1005, 1010, 1011, 2000, 2500, 3000, 3005, 3010, 3011,
                  1 << 62):
        ask(a, (0, stamp, -1), note=f"timestamp {stamp}")
        ask(empty, (0, stamp, -1), note=f"timestamp {stamp}, empty")
    for epoch in (-1, 0, 1, -2, 99):
        ask(a, (0, -1, epoch), note=f"epoch {epoch}")
        ask(a, (0, 1000, epoch), note=f"epoch {epoch}")
    for isolation in (0, 1, 2, -1):
        ask(a, (0, -1, -1), isolation=isolation, note=f"isolation {isolation}")
    for replica in (-2, 0, 1, 2, -3):
        ask(a, (0, -1, -1), replica=replica, note=f"replica {replica}")
    ask(a, (1, -1, -1), (2, -1, -1), (-1, -1, -1), note="partitions")
    ask(a, (0, -1, -1), (0, -2, -1), note="partition twice")
    ask(a, note="no partitions")
    for name in (s.name("never"), "", "a b", "x" * 250):
        ask(name, (0, -1, -1), note="topic")
    s.every("ListOffsets", {"ReplicaId": -1, "Topics": []}, note="nothing")
    row = {"Name": a, "Partitions": [{"PartitionIndex": 0, "Timestamp": -1}]}
    s.every("ListOffsets", {"ReplicaId": -1, "Topics": [row, row]}, note="topic twice")
    ask(a, (0, -1, -1), timeout=0, note="timeout 0")
    ask(a, (0, -1, -1), timeout=-1, note="timeout -1")


@scenario("OffsetForLeaderEpoch", once=True)
def offset_for_leader_epoch(s):
    a, empty = s.topic("a", 2), s.topic("empty")
    s.produce(a, batch([b"1", b"2"]))

    def ask(name, partition, current, epoch, replica=-1, note=""):
        s.every("OffsetForLeaderEpoch", {"ReplicaId": replica, "Topics": [{"Topic": name, "Partitions": [
            {"Partition": partition, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]}]}, note=note)
    for name in (a, empty):
        for current in (-1, 0, 1, -2):
            for epoch in (-1, 0, 1, 7, -2):
                ask(name, 0, current, epoch)
    ask(a, 1, -1, 0)
    ask(a, 2, -1, 0, note="unknown partition")
    for name in (s.name("never"), "", "a b"):
        ask(name, 0, -1, 0, note="topic")
    for replica in (-2, 0, 1, 2):
        ask(a, 0, -1, 0, replica, note=f"replica {replica}")
    s.every("OffsetForLeaderEpoch", {"ReplicaId": -1, "Topics": []}, note="nothing")


@scenario("DescribeLogDirs", once=True)
def describe_log_dirs(s):
    a, b = s.topic("a", 2), s.topic("b")
    s.produce(a, batch([b"1", b"2" * 100]))

    def ask(rows, note=""):
        s.every("DescribeLogDirs", {"Topics": [{"Topic": n, "Partitions": p} for n, p in rows]}, note=note)
    ask([(a, [0, 1])], "one topic")
    ask([(a, [0]), (b, [0])], "two topics")
    ask([(a, [7])], "unknown partition")
    ask([(s.name("never"), [0])], "unknown topic")
    ask([(a, [])], "no partitions")
    ask([], "none")
    api = s.definitions.api("DescribeLogDirs")
    for version in s.versions("DescribeLogDirs"):
        outcome = s.quiet("DescribeLogDirs", {"Topics": None}, version)
        for row in outcome["Results"]:
            row["Topics"] = [t for t in row["Topics"] if t["Name"] in (a, b)]
        s.record(api, version, {"Topics": None}, outcome, "all; only this script's topics compared")


@scenario("AlterReplicaLogDirs")
def alter_replica_log_dirs(s):
    a = s.topic("a", 2)

    def move(rows, note="", path="/no/such/folder"):
        s.call("AlterReplicaLogDirs", {"Dirs": [{"Path": path, "Topics": [
            {"Name": n, "Partitions": p} for n, p in rows]}]}, note=note)
    move([(a, [0])], "unknown folder")
    move([(a, [0, 1, 7])], "unknown folder, several partitions")
    move([(s.name("never"), [0])], "unknown folder and topic")
    move([(a, [0])], "relative folder", "data")
    move([(a, [0])], "no folder", "")
    move([("t" * 240, [0])], "a name without room for the suffix")
    move([], "no topics")
    move([(a, [])], "no partitions")
    s.call("AlterReplicaLogDirs", {"Dirs": []}, note="nothing")


@scenario("DeleteRecords")
def delete_records(s):
    a = s.topic("a")
    for i in range(5):
        s.produce(a, batch([b"%d" % i]))

    def cut(name, partition, offset, note=""):
        s.call("DeleteRecords", {"Topics": [{"Name": name, "Partitions": [
            {"PartitionIndex": partition, "Offset": offset}]}], "TimeoutMs": 5000}, note=note)
    cut(a, 0, 2, "good")
    cut(a, 0, 2, "again")
    cut(a, 0, 1, "back")
    cut(a, 0, 9, "beyond")
    cut(a, 0, -2, "negative")

    def starts(note):
        s.call("ListOffsets", {"ReplicaId": -1, "Topics": [{"Name": a, "Partitions": [
            {"PartitionIndex": 0, "Timestamp": -2}]}]}, note=note)
    starts("start after some")
    cut(a, 0, -1, "all")
    cut(a, 7, 0, "partition")
    cut(s.name("never"), 0, 0, "topic")
    cut("", 0, 0, "no name")
    cut("__consumer_offsets", 0, 0, "internal")
    starts("start after all")
    s.produce(a, batch([b"more"]))
    both = [{"PartitionIndex": 0, "Offset": 6}, {"PartitionIndex": 9, "Offset": 0}]
    s.call("DeleteRecords", {"Topics": [{"Name": a, "Partitions": both}], "TimeoutMs": 5000}, note="one good")
    s.call("DeleteRecords", {"Topics": [{"Name": a, "Partitions": []}], "TimeoutMs": 5000}, note="no partitions")
    s.call("DeleteRecords", {"Topics": [], "TimeoutMs": 5000}, note="nothing")
    s.call("DeleteRecords", {"Topics": [{"Name": a, "Partitions": both[:1]}], "TimeoutMs": 0}, note="no time")


@scenario("DeleteRecords")
def delete_records_by_policy(s):
    for number, policy in enumerate(("compact", "delete", "compact,delete", "")):
        name = s.topic(f"policy{number}", configs={"cleanup.policy": policy})
        s.produce(name, batch([b"value"], keys=[b"key"]))
        for offset in (0, 1, 2, -1):
            s.call("DeleteRecords", {"Topics": [{"Name": name, "Partitions": [
                {"PartitionIndex": 0, "Offset": offset}]}], "TimeoutMs": 5000}, note=f"policy {policy!r} up to {offset}")
