"""Transactions: both ways of speaking, what is refused, markers, offsets, and what readers see."""

import time

from records import batch
from scenarios import scenario
from scenarios.s60_commits import fetch, rows
from wire import NoAnswer

MINUTE = 60_000
# The coordinator is loading, not there, another one; the last transaction is not complete.
LATER = (14, 15, 16, 51)


class Producer:
    """A transactional producer that speaks the versions it is told to."""

    def __init__(self, s, suffix="t"):
        self.s, self.id = s, s.name(suffix)
        self.producer, self.epoch, self.sequence = -1, -1, 0
        s.coordinator(self.id, 1)

    def init(self, note="", producer=-1, epoch=-1, timeout=MINUTE, version=None, **more):
        """Initialized, with what is given as its old id and epoch; waits while the last transaction is aborted."""
        body = {"TransactionalId": self.id, "TransactionTimeoutMs": timeout, "ProducerId": producer,
                "ProducerEpoch": epoch, **more}
        answer = self.s.until("InitProducerId", body, lambda a: a["ErrorCode"] not in LATER,
                              version=version, note=note or "init")
        if answer["ErrorCode"] == 0:
            self.producer, self.epoch, self.sequence = answer["ProducerId"], answer["ProducerEpoch"], 0
        return answer

    def who(self, producer=None, epoch=None):
        return {"ProducerId": self.producer if producer is None else producer,
                "ProducerEpoch": self.epoch if epoch is None else epoch}

    def add(self, places, note="", version=None, who=None, id=None, verify=False):
        topics = [{"Name": name, "Partitions": partitions} for name, partitions in places]
        who = who or self.who()
        version = self.s.version("AddPartitionsToTxn") if version is None else version
        id = self.id if id is None else id
        if version < 4:
            body = {"V3AndBelowTransactionalId": id, "V3AndBelowProducerId": who["ProducerId"],
                    "V3AndBelowProducerEpoch": who["ProducerEpoch"], "V3AndBelowTopics": topics}
        else:
            body = {"Transactions": [{"TransactionalId": id, "VerifyOnly": verify, "Topics": topics, **who}]}
        return self.s.call("AddPartitionsToTxn", body, version, note=note)

    def send(self, topic, values=(b"v",), note="", version=None, partition=0, sequence=None, who=None, id=None, acks=-1):
        who = who or self.who()
        sequence = self.sequence if sequence is None else sequence
        data = batch(values, attributes=0x10, producer=(who["ProducerId"], who["ProducerEpoch"], sequence))
        answer = self.s.call("Produce", {
            "TransactionalId": self.id if id is None else id, "Acks": acks, "TimeoutMs": 5_000,
            "TopicData": [{"Name": topic, "TopicId": self.s.ids[topic],
                           "PartitionData": [{"Index": partition, "Records": data}]}]}, version, note=note)
        if answer.kind == "answer" and answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"] == 0:
            self.sequence = sequence + len(values)
        return answer

    def end(self, commit=True, note="", version=None, who=None, id=None):
        answer = self.s.call("EndTxn", {
            "TransactionalId": self.id if id is None else id, "Committed": commit, **(who or self.who())}, version,
            note=note)
        if answer["ErrorCode"] == 0 and who is None and answer.body.get("ProducerEpoch", -1) >= 0:
            self.producer, self.epoch, self.sequence = answer["ProducerId"], answer["ProducerEpoch"], 0
        return answer

    def settled(self):
        """Wait until the markers are written."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            state = self.s.quiet("DescribeTransactions", {"TransactionalIds": [self.id]})["TransactionStates"][0]
            if not state["TransactionState"].startswith("Prepare"):
                return
            time.sleep(0.01)
        raise NoAnswer("a transaction does not complete")

    def describe(self, note=""):
        """All that the coordinator tells but the time at which the transaction began."""
        self.settled()
        answer = self.s.quiet("DescribeTransactions", {"TransactionalIds": [self.id]})
        state = dict(answer["TransactionStates"][0])
        state["TransactionStartTimeMs"] = state["TransactionStartTimeMs"] >= 0
        state["ProducerId"] = state["ProducerId"] == self.producer
        state["TransactionalId"] = ""
        state["Topics"] = sorted((t["Topic"].removeprefix(self.s.prefix), sorted(t["Partitions"])) for t in state["Topics"])
        self.s.note(note or "described", state)


def read(s, topic, note="", isolation=1, partition=0):
    """What a reader sees of a partition, with the end and the aborted transactions, then the ends."""
    for level in (isolation, 0):
        s.call("Fetch", {
            "MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 50 << 20, "IsolationLevel": level, "Topics": [{
                "Topic": topic, "TopicId": s.ids[topic],
                "Partitions": [{"Partition": partition, "FetchOffset": 0, "PartitionMaxBytes": 50 << 20}]}]},
            note=f"{note} isolation {level}")
        s.call("ListOffsets", {
            "ReplicaId": -1, "IsolationLevel": level, "Topics": [
                {"Name": topic, "Partitions": [{"PartitionIndex": partition, "Timestamp": -1}]}]},
            version=s.versions("ListOffsets")[-1], note=f"{note} end, isolation {level}")


@scenario("InitProducerId", "EndTxn", "AddPartitionsToTxn", alone=True)
def first_way(s):
    """The client adds its partitions, and its epoch stays. Alone: Apache Kafka gathers the questions of all connections to its
    coordinator, and answers them as the version of one of them wants."""
    a = s.topic("a", 2)
    p = Producer(s)
    p.init()
    p.describe("initialized")
    p.end(note="nothing to commit", version=4)
    p.send(a, note="not added", version=11)
    p.add([(a, [0])], version=3)
    p.describe("added")
    p.send(a, [b"1", b"2"], version=11)
    p.send(a, note="another partition", partition=1, version=10, sequence=0)
    p.send(a, note="another partition, knows abortable", partition=1, version=11, sequence=0)
    read(s, a, "open")
    p.end(version=4)
    p.settled()
    p.describe("committed")
    read(s, a, "committed")
    p.end(note="again", version=4)
    p.end(False, note="the other way", version=4)
    p.add([(a, [0, 1])], version=3)
    p.send(a, [b"3"], version=11)
    p.send(a, [b"4"], partition=1, version=11, sequence=0)
    p.end(False, version=4)
    p.settled()
    read(s, a, "aborted")
    read(s, a, "aborted", partition=1)
    p.init(producer=p.producer, epoch=p.epoch, note="goes on")
    p.describe("goes on")


@scenario("InitProducerId", "EndTxn")
def second_way(s):
    """Partitions are added by the broker, and each end bumps the epoch."""
    a = s.topic("a", 2)
    p = Producer(s)
    p.init()
    p.end(note="nothing to commit", version=5)
    p.end(False, note="an abort of nothing", version=5)
    p.settled()
    p.describe("aborted nothing")
    first = p.who()
    p.send(a, [b"1", b"2"])
    p.describe("added by Produce")
    p.send(a, [b"3"], partition=1, sequence=0)
    p.send(a, [b"4"], sequence=2)
    p.end(version=5)
    p.settled()
    read(s, a, "committed")
    read(s, a, "committed", partition=1)
    p.end(note="the commit again", version=5, who=first)
    p.end(False, note="the commit again as an abort", version=5, who=first)
    p.end(note="nothing new to commit", version=5)
    p.send(a, note="of the last transaction", who=first, sequence=3)
    p.send(a, note="a sequence in between", sequence=5)
    p.send(a, note="from the start", sequence=0)
    read(s, a, "open")
    p.end(False, version=5)
    p.settled()
    read(s, a, "aborted")
    p.describe("aborted")


@scenario("AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn", "InitProducerId")
def refused(s):
    """Strangers, old epochs, unknown places, invalid states."""
    a = s.topic("a", 1)
    p = Producer(s)
    unknown = s.name("unknown")
    p.producer, p.epoch = 4242, 0
    p.add([(a, [0])], note="unknown id", id=unknown)
    p.end(note="unknown id", id=unknown)
    s.call("AddOffsetsToTxn", {"TransactionalId": unknown, "GroupId": "g", **p.who()}, note="unknown id")
    p.add([(a, [0])], note="empty id", id="")
    p.end(note="empty id", id="")
    s.call("AddOffsetsToTxn", {"TransactionalId": "", "GroupId": "g", **p.who()}, note="empty id")
    for timeout in (0, -1, 900_001, 2147483647):
        p.init(f"timeout {timeout}", timeout=timeout)
    s.call("InitProducerId", {"TransactionalId": "", "TransactionTimeoutMs": MINUTE}, note="empty id")
    p.init()
    if s.version("InitProducerId") >= 3:
        s.call("InitProducerId", {"TransactionalId": p.id, "TransactionTimeoutMs": MINUTE, "ProducerId": p.producer,
                                  "ProducerEpoch": -1}, note="no epoch")
        s.call("InitProducerId", {"TransactionalId": p.id, "TransactionTimeoutMs": MINUTE, "ProducerId": -1,
                                  "ProducerEpoch": 0}, note="no id")
        s.call("InitProducerId", {"TransactionalId": p.id, "TransactionTimeoutMs": MINUTE, "ProducerId": 987654321,
                                  "ProducerEpoch": 0}, note="another id")
        s.call("InitProducerId", {"TransactionalId": p.id, "TransactionTimeoutMs": MINUTE, "ProducerId": p.producer,
                                  "ProducerEpoch": 9}, note="an epoch to come")
    p.init("again")
    for who, note in ((p.who(987654321), "another producer"), (p.who(epoch=p.epoch - 1), "old epoch"),
                      (p.who(epoch=p.epoch + 1), "epoch to come"), (p.who(-1, -1), "none")):
        p.add([(a, [0])], note=note, who=who)
        p.end(note=note, who=who)
        p.end(False, note=note, who=who)
        s.call("AddOffsetsToTxn", {"TransactionalId": p.id, "GroupId": "g", **who}, note=note)
        p.send(a, note=note, who=who, sequence=0)
        p.send(a, note=note, who=who, sequence=0, version=11)
    p.add([(a, [0, 7]), (s.name("never"), [0])], note="unknown places")
    p.add([], note="no places")
    p.add([(a, [])], note="no partitions")
    p.end(note="nothing begun")
    p.describe("at the end")


@scenario("AddPartitionsToTxn")
def verification(s):
    """Brokers ask whether partitions are in a transaction, for several transactions at once."""
    if s.version("AddPartitionsToTxn") < 4:
        return
    a = s.topic("a", 3)
    p, q = Producer(s, "p"), Producer(s, "q")
    p.init()
    q.init()
    p.add([(a, [0])], note="verify before", verify=True)
    p.add([(a, [0, 1])], note="add")
    p.add([(a, [0, 1, 2])], note="verify", verify=True)
    body = {"Transactions": [
        {"TransactionalId": p.id, "VerifyOnly": True, "Topics": [{"Name": a, "Partitions": [0]}], **p.who()},
        {"TransactionalId": q.id, "VerifyOnly": False, "Topics": [{"Name": a, "Partitions": [2]}], **q.who()},
        {"TransactionalId": s.name("nobody"), "VerifyOnly": True, "Topics": [{"Name": a, "Partitions": [0]}],
         **q.who()}]}
    s.call("AddPartitionsToTxn", body, note="several")
    p.describe("p")
    q.describe("q")


@scenario("Produce")
def stray_batches(s):
    """Transactional batches that belong to no open transaction, and what doesn't fit into one."""
    a = s.topic("a")
    p = Producer(s)
    p.init()
    version = s.version("Produce")
    p.send(a, note="not begun", version=version)
    data = batch([b"plain"], producer=(p.producer, p.epoch, p.sequence))
    s.call("Produce", {"TransactionalId": None, "Acks": -1, "TimeoutMs": 5_000, "TopicData": [
        {"Name": a, "TopicId": s.ids[a], "PartitionData": [{"Index": 0, "Records": data}]}]},
        note="not transactional in an open one")
    p.send(a, note="unknown transactional id", id=s.name("nobody"), sequence=9)
    p.send(a, note="empty transactional id", id="", sequence=9)
    p.send(a, note="acks 1", acks=1)
    two = batch([b"one"], attributes=0x10, producer=(p.producer, p.epoch, 0))
    other = batch([b"two"], attributes=0x10, producer=(p.producer + 7, p.epoch, 0))
    b = s.topic("b")
    s.call("Produce", {"TransactionalId": p.id, "Acks": -1, "TimeoutMs": 5_000, "TopicData": [
        {"Name": a, "TopicId": s.ids[a], "PartitionData": [{"Index": 0, "Records": two}]},
        {"Name": b, "TopicId": s.ids[b], "PartitionData": [{"Index": 0, "Records": other}]}]},
        note="two producers")
    p.end(False, version=5)
    p.settled()
    p.send(a, note="after the end", version=version, who=p.who(epoch=p.epoch - 1))
    read(s, a, "at the end")


# Alone: Apache Kafka verifies several transactions by one request, and answers all as one of them asked.
@scenario("TxnOffsetCommit", "AddOffsetsToTxn", "OffsetFetch", alone=True)
def offsets(s):
    """Offsets that count with their transaction."""
    s.coordinator()
    a = s.topic("a", 3)
    group = s.name("g")
    p = Producer(s)
    p.init()
    last = s.versions("OffsetFetch")[-1]

    def commit(places, note="", who=None, id=None, group=group, generation=-1, member="", instance=None, **more):
        topics = rows(s, *places, **more)
        return s.call("TxnOffsetCommit", {
            "TransactionalId": p.id if id is None else id, "GroupId": group, "GenerationIdOrMemberEpoch": generation,
            "MemberId": member, "GroupInstanceId": instance, "Topics": topics, **(who or p.who())}, note=note)

    implicit = s.version("TxnOffsetCommit") >= 5
    if not implicit:
        commit([(a, [(0, 1)])], "not added")
        s.call("AddOffsetsToTxn", {"TransactionalId": p.id, "GroupId": group, **p.who()})
    commit([(a, [(0, 10), (1, 11)])], "good")
    fetch(s, group, [(a, [0, 1])], "pending")
    s.call("OffsetFetch", {"GroupId": group, "Topics": [{"Name": a, "PartitionIndexes": [0, 2]}], "RequireStable": True,
                           "Groups": [{"GroupId": group, "MemberId": None, "MemberEpoch": -1, "Topics": [
                               {"Name": a, "TopicId": s.ids[a], "PartitionIndexes": [0, 2]}]}]},
           version=last, note="pending, stable")
    commit([(a, [(0, 12)])], "metadata", CommittedMetadata="m", CommittedLeaderEpoch=0)
    commit([(a, [(0, 12)])], "too long metadata", CommittedMetadata="x" * 4097)
    commit([(a, [(9, 12)]), (s.name("never"), [(0, 1)])], "unknown places")
    commit([(a, [(0, 12)])], "a generation", generation=3)
    commit([(a, [(0, 12)])], "a member", member="nobody")
    commit([(a, [(0, 12)])], "an instance", instance="nobody")
    commit([(a, [(0, 12)])], "another group", group=s.name("h"), generation=0)
    commit([(a, [(0, 12)])], "no group", group="")
    commit([(a, [(0, 12)])], "old epoch", who=p.who(epoch=p.epoch - 1))
    commit([(a, [(0, 12)])], "another producer", who=p.who(987654321))
    commit([(a, [(0, 12)])], "another transactional id", id=s.name("nobody"))
    p.describe("open")
    p.end(version=5 if implicit else 4)
    p.settled()
    fetch(s, group, [(a, [0, 1])], "committed")
    if not implicit:
        s.call("AddOffsetsToTxn", {"TransactionalId": p.id, "GroupId": group, **p.who()})
    commit([(a, [(0, 20), (2, 22)])], "to be aborted")
    s.call("OffsetCommit", {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
                            "Topics": rows(s, (a, [(1, 99)]))}, version=9, note="beside the transaction")
    p.end(False, version=5 if implicit else 4)
    p.settled()
    fetch(s, group, [(a, [0, 1, 2])], "aborted")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="deleted")


@scenario("WriteTxnMarkers")
def markers(s):
    """Markers as tools and coordinators send them."""
    a = s.topic("a", 2)
    p = Producer(s)
    p.init()
    p.send(a, [b"hanging"])

    def write(note, commit=False, topic=a, partitions=(0,), who=None, coordinator=0, transaction=0):
        return s.call("WriteTxnMarkers", {"Markers": [{
            **(who or p.who()), "TransactionResult": commit, "CoordinatorEpoch": coordinator,
            "TransactionVersion": transaction,
            "Topics": [{"Name": topic, "PartitionIndexes": list(partitions)}]}]}, note=note)

    read(s, a, "hanging")
    write("unknown places", partitions=(7,))
    write("unknown topic", topic=s.name("never"))
    if s.version("WriteTxnMarkers") >= 2:
        write("not bumped", transaction=2)
    write("abort", coordinator=3)
    read(s, a, "aborted")
    write("an older coordinator", coordinator=2)
    write("again", coordinator=3)
    write("where nothing is open", partitions=(0, 1), coordinator=3)
    write("another producer", who={"ProducerId": 987654321, "ProducerEpoch": 5})
    s.call("WriteTxnMarkers", {"Markers": []}, note="none")
    read(s, a, "at the end")
    s.note("producers", sorted(
        (row["ProducerId"] == p.producer, row["ProducerEpoch"], row["CoordinatorEpoch"], row["CurrentTxnStartOffset"],
         row["LastSequence"])
        for row in s.quiet("DescribeProducers", {"Topics": [{"Name": a, "PartitionIndexes": [0]}]})
        ["Topics"][0]["Partitions"][0]["ActiveProducers"]))


@scenario("InitProducerId")
def fenced(s):
    """A second producer of the same id."""
    a = s.topic("a")
    old, young = Producer(s), Producer(s)
    old.init("old")
    old.send(a, [b"lost"])
    answer = s.call("InitProducerId", {"TransactionalId": old.id, "TransactionTimeoutMs": MINUTE}, note="young, at once")
    s.note("at once", answer["ErrorCode"])
    young.init("young")
    old.send(a, [b"too late"], note="old", sequence=1)
    old.send(a, [b"too late"], note="old, first way", sequence=1, version=11)
    for version in s.versions("EndTxn"):
        s.call("EndTxn", {"TransactionalId": old.id, "Committed": True, **old.who()}, version, note="old")
    for version in range(0, 4):
        old.add([(a, [0])], note="old", version=version)
    if s.version("InitProducerId") >= 3:
        s.call("InitProducerId", {"TransactionalId": old.id, "TransactionTimeoutMs": MINUTE, **old.who()},
               note="old goes on")
    young.send(a, [b"kept"])
    young.end(version=5)
    young.settled()
    read(s, a, "at the end")
    young.describe("at the end")


@scenario("ListTransactions", "DescribeTransactions")
def told(s):
    """Listed and described."""
    a = s.topic("a")
    p, q = Producer(s, "p"), Producer(s, "q")
    p.init()
    q.init()
    p.send(a)

    def listed(note, **filters):
        answer = s.quiet("ListTransactions", filters, version=s.version("ListTransactions"))
        rows = sorted((row["TransactionalId"].removeprefix(s.prefix), row["TransactionState"])
                      for row in answer["TransactionStates"] if row["TransactionalId"].startswith(s.prefix))
        s.note(note, [answer["ErrorCode"], rows, answer["UnknownStateFilters"]])

    listed("all")
    for states in (["Ongoing"], ["Empty"], ["Dead"], ["PrepareEpochFence"], ["nonsense"], ["Ongoing", "nonsense"], ["ongoing"], [""]):
        listed(f"states {states}", StateFilters=states)
    listed("producer", ProducerIdFilters=[p.producer])
    listed("no such producer", ProducerIdFilters=[987654321])
    listed("no producer at all", ProducerIdFilters=[-1])
    if s.version("ListTransactions") >= 1:
        for duration in (-1, 0, 3_600_000):
            if duration:
                listed(f"duration {duration}", DurationFilter=duration)
    if s.version("ListTransactions") >= 2:
        for pattern in (f"{s.prefix}-p", f"{s.prefix}-.*", "", ".*", "-p", "(", None, "(?i)" + p.id.upper()):
            listed(f"pattern {str(pattern).lower().replace(s.prefix, '')}", TransactionalIdPattern=pattern)
    s.call("DescribeTransactions", {"TransactionalIds": ["", s.name("nobody")]}, note="unknown")
    s.call("DescribeTransactions", {"TransactionalIds": []}, note="none")
    p.describe("p")
    q.describe("q")
    p.end(False, version=5)
    p.settled()
    listed("ended")
