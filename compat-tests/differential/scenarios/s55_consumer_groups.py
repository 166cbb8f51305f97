"""The consumer protocol (KIP-848): heartbeats, epochs, assignments, static members, expressions, migration; good and bad."""

import struct
import time
import uuid

from scenarios import scenario
from scenarios.s50_groups import Member
from scenarios.s60_commits import commit, fetch, rows

# The broker computes an assignment at most this often (consumer.assignment.interval.ms).
ASSIGNMENT_INTERVAL_S = 1.1
COORDINATOR_LAG_S = 0.3


def member_id(number):
    """The same id for both brokers: whom the assignors favour depends on it."""
    return f"member-{uuid.UUID(int=number + (4 << 76))}"


class Consumer:
    """A member of a consumer group; what it is assigned it has at once, unless it is told to hold on."""

    def __init__(self, s, group, number, topics=(), regex=None, instance=None, assignor=None):
        self.s, self.group, self.id = s, group, member_id(number)
        self.topics, self.regex, self.instance, self.assignor = list(topics), regex, instance, assignor
        self.epoch, self.owned = 0, []

    def body(self, **more):
        body = {"GroupId": self.group, "MemberId": self.id, "MemberEpoch": self.epoch, "InstanceId": self.instance,
                "RackId": None, "RebalanceTimeoutMs": -1, "SubscribedTopicNames": None, "SubscribedTopicRegex": None,
                "ServerAssignor": None, "TopicPartitions": self.owned}
        if self.epoch == 0:
            body |= {"RebalanceTimeoutMs": 60_000, "SubscribedTopicNames": self.topics,
                     "SubscribedTopicRegex": self.regex, "ServerAssignor": self.assignor, "TopicPartitions": []}
        return body | more

    def beat(self, note="", keep=False, **more):
        answer = self.s.call("ConsumerGroupHeartbeat", self.body(**more), note=note)
        if answer and answer["ErrorCode"] == 0:
            self.id, self.epoch = answer["MemberId"], answer["MemberEpoch"]
            if answer["Assignment"] is not None and not keep:
                self.owned = [{"TopicId": row["TopicId"], "Partitions": sorted(row["Partitions"])}
                              for row in answer["Assignment"]["TopicPartitions"]]
        return answer

    def leave(self, note="left", epoch=-1):
        return self.s.call("ConsumerGroupHeartbeat", self.body(MemberEpoch=epoch), note=note)


def reader_topic(s, suffix, partitions=1):
    """A topic that the coordinators know of, too: they learn of it a moment after the others."""
    name = s.topic(suffix, partitions=partitions)
    time.sleep(COORDINATOR_LAG_S)
    return name


def describe(s, *groups, note="described"):
    return s.call("ConsumerGroupDescribe", {"GroupIds": list(groups), "IncludeAuthorizedOperations": False}, note=note)


def seen_from_outside(s, group, note):
    describe(s, group, note=note)
    s.call("DescribeGroups", {"Groups": [group], "IncludeAuthorizedOperations": False}, note=note)


@scenario("ConsumerGroupHeartbeat", "ConsumerGroupDescribe", "DescribeGroups")
def members_come_and_go(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=7)
    group = s.name("g")
    seen_from_outside(s, group, "before")
    first, second, third = (Consumer(s, group, n, [topic]) for n in (1, 2, 3))
    first.beat("first joins")
    seen_from_outside(s, group, "one member")
    first.beat("nothing new")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.beat("second joins")
    describe(s, group, note="two members")
    first.beat("first has to give back")
    describe(s, group, note="giving back")
    second.beat("second waits")
    first.beat("first has given back")
    second.beat("second gets them")
    describe(s, group, note="two members have all")
    third.beat("third joins too soon for an assignment")
    describe(s, group, note="assigning")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    third.beat("third again")
    for step in range(3):
        for consumer, name in ((first, "first"), (second, "second"), (third, "third")):
            consumer.beat(f"{name}, step {step}")
    describe(s, group, note="three members have all")
    second.leave()
    describe(s, group, note="second has left")
    second.beat("heartbeat after leaving")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    for step in range(2):
        first.beat(f"first takes over, step {step}")
        third.beat(f"third takes over, step {step}")
    describe(s, group, note="two are left")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="not empty")
    first.leave("first leaves")
    third.leave("third leaves")
    seen_from_outside(s, group, "empty")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="empty")
    seen_from_outside(s, group, "deleted")


@scenario("ConsumerGroupHeartbeat")
def range_assignor(s):
    s.coordinator()
    one, two = reader_topic(s, "t1", partitions=5), reader_topic(s, "t2", partitions=5)
    group = s.name("g")
    first = Consumer(s, group, 11, [one, two], assignor="range")
    second = Consumer(s, group, 12, [one, two], assignor="range")
    first.beat("first joins")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.beat("second joins")
    first.beat("first gives back")
    first.beat("first has given back")
    second.beat("second gets them")
    describe(s, group)
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.beat("second reads one topic only", SubscribedTopicNames=[one], TopicPartitions=None)
    describe(s, group, note="one topic only")
    for step in range(3):
        second.beat(f"second, step {step}")
        first.beat(f"first, step {step}")
    describe(s, group, note="different subscriptions")


@scenario("ConsumerGroupHeartbeat")
def refused(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=2)
    group = s.name("g")
    c = Consumer(s, group, 21, [topic])
    say = lambda note, **more: s.call("ConsumerGroupHeartbeat", c.body(**more), note=note)  # noqa: E731
    say("not a member of a group that isn't", MemberEpoch=5)
    say("leaves a group that isn't", MemberEpoch=-1)
    say("no group id", GroupId="")
    say("blank group id", GroupId="  ")
    say("no member id, going on", MemberId="", MemberEpoch=3)
    say("no member id, leaving", MemberId="", MemberEpoch=-1)
    say("empty instance id", InstanceId="")
    say("empty rack", RackId="")
    say("no rebalance timeout", RebalanceTimeoutMs=-1)
    say("partitions when joining", TopicPartitions=[{"TopicId": s.id(topic), "Partitions": [0]}])
    say("null partitions when joining", TopicPartitions=None)
    say("no subscription", SubscribedTopicNames=None)
    say("epoch -3", MemberEpoch=-3)
    say("epoch -2 without an instance", MemberEpoch=-2)
    say("unknown assignor", ServerAssignor="best")
    c.beat("joins")
    say("greater epoch", MemberEpoch=9)
    say("joins again", MemberEpoch=0, RebalanceTimeoutMs=60_000, SubscribedTopicNames=[topic], TopicPartitions=[])
    say("unknown member", MemberId="nobody")
    say("unknown instance", InstanceId="nothing")
    say("unknown member leaves", MemberId="nobody", MemberEpoch=-1)
    say("unknown instance leaves", InstanceId="nothing", MemberEpoch=-1)
    say("a topic that isn't", SubscribedTopicNames=[topic, s.name("missing")])
    say("no topics", SubscribedTopicNames=[])
    describe(s, group)
    describe(s, "", note="no name")
    describe(s, group, s.name("other"), note="two, one isn't")


@scenario("ConsumerGroupHeartbeat")
def old_epochs(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=4)
    group = s.name("g")
    first, second = Consumer(s, group, 31, [topic]), Consumer(s, group, 32, [topic])
    first.beat("first joins")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.beat("second joins")
    old = first.epoch
    first.beat("gives back")
    first.beat("has given back")
    s.call("ConsumerGroupHeartbeat", first.body(MemberEpoch=old), note="the epoch before, with what it has")
    s.call("ConsumerGroupHeartbeat", first.body(MemberEpoch=old, TopicPartitions=None), note="the epoch before, silent")
    more = [{"TopicId": s.id(topic), "Partitions": [0, 1, 2, 3]}]
    s.call("ConsumerGroupHeartbeat", first.body(MemberEpoch=old, TopicPartitions=more), note="the epoch before, with too much")
    full = {"RebalanceTimeoutMs": 60_000, "SubscribedTopicNames": [topic]}
    first.beat("a full request", **full)


@scenario("ConsumerGroupHeartbeat")
def static_members(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=3)
    group = s.name("g")
    first = Consumer(s, group, 41, [topic], instance="i1")
    first.beat("joins")
    other = Consumer(s, group, 42, [topic], instance="i1")
    other.beat("its place is taken")
    s.call("ConsumerGroupHeartbeat", other.body(MemberEpoch=first.epoch), note="another's instance id")
    s.call("ConsumerGroupHeartbeat", other.body(MemberEpoch=-2), note="leaves for another")
    first.leave("leaves for a while", epoch=-2)
    describe(s, group, note="away")
    other.beat("takes the place")
    describe(s, group, note="back")
    first.beat("the former one")
    other.leave("leaves for good")
    describe(s, group, note="gone")


@scenario("ConsumerGroupHeartbeat")
def expressions(s):
    if s.version("ConsumerGroupHeartbeat") < 1:
        return
    s.coordinator()
    prefix = s.name("re")
    reader_topic(s, "re1", partitions=2)
    reader_topic(s, "other", partitions=2)
    group = s.name("g")
    c = Consumer(s, group, 51, regex=prefix + ".*")
    s.call("ConsumerGroupHeartbeat", c.body(SubscribedTopicRegex="["), note="not an expression")
    s.call("ConsumerGroupHeartbeat", c.body(SubscribedTopicRegex="(a"), note="an open parenthesis")
    c.topics = None
    c.beat("joins")
    s.until("ConsumerGroupHeartbeat", c.body(RebalanceTimeoutMs=60_000, SubscribedTopicRegex=c.regex),
            lambda a: a["Assignment"] and a["Assignment"]["TopicPartitions"], note="resolved")
    describe(s, group)


@scenario("ConsumerGroupHeartbeat", "OffsetCommit", "OffsetFetch", "OffsetDelete")
def offsets(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=2)
    group = s.name("g")
    c = Consumer(s, group, 61, [topic])
    c.beat("joins")
    places = rows(s, (topic, [(0, 5)]))
    commit(s, group, places, c.epoch, c.id, note="as a member")
    commit(s, group, places, c.epoch + 1, c.id, note="a greater epoch")
    commit(s, group, places, c.epoch - 1, c.id, note="a smaller epoch")
    commit(s, group, places, c.epoch, "nobody", note="not a member")
    commit(s, group, places, note="as an administrator")
    fetch(s, group, [(topic, [0, 1])], note="without a member")
    fetch(s, group, [(topic, [0, 1])], note="as a member", member=c.id, epoch=c.epoch)
    fetch(s, group, [(topic, [0, 1])], note="a stale epoch", member=c.id, epoch=c.epoch + 3)
    fetch(s, group, [(topic, [0])], note="not a member", member="nobody", epoch=1)
    delete = {"GroupId": group, "Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": 0}]}]}
    s.call("OffsetDelete", delete, note="read")
    c.leave()
    commit(s, group, places, note="empty, as an administrator")
    s.call("OffsetDelete", delete, note="no longer read")
    fetch(s, group, None, note="all")


@scenario("ListGroups", "ConsumerGroupHeartbeat")
def listed(s):
    s.coordinator()
    topic = reader_topic(s, "t")
    group = s.name("listed-consumer")
    c = Consumer(s, group, 71, [topic])
    c.beat("joins")
    for types, states in ((["consumer"], []), (["Consumer"], ["Stable"]), (["consumer"], ["empty"]), (["classic"], ["Stable"])):
        answer = s.quiet("ListGroups", {"TypesFilter": types, "StatesFilter": states})
        mine = [row for row in answer["Groups"] if row["GroupId"] == group]
        s.note(f"{types} {states}", mine)
    c.leave()


def subscription(*topics, owned=()):
    """A consumer's subscription, version 1."""
    text = lambda t: struct.pack(">h", len(t)) + t.encode()  # noqa: E731
    data = struct.pack(">hi", 1, len(topics)) + b"".join(map(text, topics)) + struct.pack(">i", -1)
    return data + struct.pack(">i", len(owned)) + b"".join(
        text(t) + struct.pack(">i", len(p)) + struct.pack(f">{len(p)}i", *p) for t, p in owned)


def assignment(topic, *partitions):
    name = topic.encode()
    return struct.pack(">hih", 1, 1, len(name)) + name + struct.pack(f">i{len(partitions)}i", len(partitions), *partitions) + \
        struct.pack(">i", -1)


@scenario("ConsumerGroupHeartbeat", "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
def migration(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=4)
    group = s.name("g")
    classic = Member(s, group, "classic", protocols=(("range", subscription(topic)),))
    classic.join("classic joins")
    classic.sync([(classic.id, assignment(topic, 0, 1, 2, 3))], "classic has all")
    modern = Consumer(s, group, 81, [topic])
    s.call("ConsumerGroupHeartbeat", modern.body(MemberEpoch=1), note="going on in a classic group")
    modern.beat("upgrades")
    s.call("ConsumerGroupDescribe", {"GroupIds": [group]}, note="upgraded")
    classic.heartbeat("told to join again")
    classic.protocols = (("range", subscription(topic, owned=((topic, [0, 1, 2, 3]),))),)
    classic.join("classic joins again")
    classic.sync((), "gives back")
    classic.heartbeat("has to join again")
    classic.protocols = (("range", subscription(topic, owned=((topic, [0, 1]),))),)
    classic.join("has given back")
    classic.sync((), "synced")
    modern.beat("gets them")
    classic.heartbeat("settled")
    classic.heartbeat("wrong generation", GenerationId=77)
    classic.sync((), "wrong protocol", ProtocolName="roundrobin")
    modern.leave("downgrades")
    s.call("DescribeGroups", {"Groups": [group]}, note="downgraded")
    classic.heartbeat("rebalances")
    classic.join("joins the classic group")
    classic.sync([(classic.id, assignment(topic, 0, 1, 2, 3))], "has all again")
    classic.leave("leaves")
    modern = Consumer(s, group, 82, [topic])
    modern.beat("an empty classic group becomes a consumer group")
    modern.leave()
    classic = Member(s, group, "classic", protocols=(("range", subscription(topic)),))
    classic.join("an empty consumer group becomes a classic group")
    s.call("DescribeGroups", {"Groups": [group]}, note="classic again")


@scenario("ConsumerGroupHeartbeat", "JoinGroup")
def migration_refused(s):
    s.coordinator()
    topic = reader_topic(s, "t")
    group = s.name("connect")
    classic = Member(s, group, "classic", protocol_type="connect", protocols=(("sessioned", b"x"),))
    classic.join("a worker joins")
    classic.sync([(classic.id, b"y")], "works")
    Consumer(s, group, 91, [topic]).beat("not of consumers")
    group = s.name("modern")
    modern = Consumer(s, group, 92, [topic])
    modern.beat("joins")
    Member(s, group, "other", protocol_type="connect").join("another type of protocol")
    Member(s, group, "garbage").join("a subscription that can't be read")
    s.call("SyncGroup", {"GroupId": group, "MemberId": modern.id, "GenerationId": modern.epoch}, note="a consumer syncs")
    s.call("Heartbeat", {"GroupId": group, "MemberId": modern.id, "GenerationId": modern.epoch}, note="a consumer's heartbeat")
    row = {"MemberId": modern.id, "GroupInstanceId": None, "Reason": "administrator"}
    s.call("LeaveGroup", {"GroupId": group, "MemberId": modern.id, "Members": [row]}, note="removed by an administrator")
    describe(s, group, note="removed")
