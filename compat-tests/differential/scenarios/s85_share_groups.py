"""Share groups (KIP-932): members, offsets and their administration; good and bad."""

import base64
import time
import uuid

from scenarios import scenario
from scenarios.s55_consumer_groups import ASSIGNMENT_INTERVAL_S, Consumer, reader_topic
from wire import NoAnswer

INITIALIZE_SECONDS = 20


def share_member_id(number):
    """The same id for both brokers, as Kafka writes a UUID."""
    return base64.urlsafe_b64encode(uuid.UUID(int=number + (4 << 76)).bytes).decode().rstrip("=")


class ShareMember:
    """A member of a share group and its session with the broker. Its requests go over a connection of its own."""

    def __init__(self, s, group, number, topics):
        self.s, self.group, self.id, self.topics = s, group, share_member_id(number), list(topics)
        self.epoch, self.session = 0, 0

    def body(self, **more):
        names = self.topics if self.epoch == 0 else None
        return {"GroupId": self.group, "MemberId": self.id, "MemberEpoch": self.epoch, "RackId": None,
                "SubscribedTopicNames": names} | more

    def beat(self, note="", **more):
        answer = self.s.call("ShareGroupHeartbeat", self.body(**more), note=note)
        if answer and answer["ErrorCode"] == 0:
            self.epoch = answer["MemberEpoch"]
        return answer

    def settle(self, partitions, note="assigned"):
        """Heartbeats until this many partitions are assigned; the last answer is compared."""
        deadline = time.monotonic() + INITIALIZE_SECONDS
        while time.monotonic() < deadline:
            answer = self.s.quiet("ShareGroupHeartbeat", self.body(SubscribedTopicNames=self.topics))
            self.epoch = answer["MemberEpoch"]
            rows = (answer["Assignment"] or {}).get("TopicPartitions", [])
            if sum(len(row["Partitions"]) for row in rows) == partitions:
                self.beat(note, SubscribedTopicNames=self.topics)
                return
            time.sleep(0.05)
        raise NoAnswer("setup: share partitions are not assigned")

    def leave(self, note="left"):
        return self.s.call("ShareGroupHeartbeat", self.body(MemberEpoch=-1), note=note)


def share_group(s, suffix="g", **settings):
    """The name of a group that reads from the start."""
    name = s.name(suffix)
    settings = {"share.auto.offset.reset": "earliest", **settings}
    altered = s.quiet("IncrementalAlterConfigs", {"Resources": [{"ResourceType": 32, "ResourceName": name, "Configs": [
        {"Name": key, "ConfigOperation": 0, "Value": value} for key, value in settings.items()]}]})
    if altered["Responses"][0]["ErrorCode"]:
        raise NoAnswer(f"setup: {altered['Responses'][0]['ErrorMessage']}")
    s.barrier()
    return name


def describe(s, *groups, note="described"):
    return s.call("ShareGroupDescribe", {"GroupIds": list(groups), "IncludeAuthorizedOperations": False}, note=note)


def stands(s, group, places, note="offsets"):
    """Where the group stands; the places may be none, for all that it has."""
    topics = None if places is None else [{"TopicName": name, "Partitions": partitions} for name, partitions in places]
    return s.call("DescribeShareGroupOffsets", {"Groups": [{"GroupId": group, "Topics": topics}]}, note=note)


def move(s, group, places, note="moved"):
    return s.call("AlterShareGroupOffsets", {"GroupId": group, "Topics": [
        {"TopicName": name, "Partitions": [{"PartitionIndex": p, "StartOffset": o} for p, o in parts]}
        for name, parts in places]}, note=note)


def forget(s, group, names, note="forgotten"):
    return s.call("DeleteShareGroupOffsets", {"GroupId": group, "Topics": [{"TopicName": n} for n in names]}, note=note)


@scenario("ShareGroupHeartbeat", "ShareGroupDescribe")
def refused(s):
    s.coordinator()
    topic = reader_topic(s, "t", partitions=2)
    group = s.name("g")
    m = ShareMember(s, group, 1, [topic])
    say = lambda note, **more: s.call("ShareGroupHeartbeat", m.body(**more), note=note)  # noqa: E731
    say("not a member of a group that isn't", MemberEpoch=5)
    say("leaves a group that isn't", MemberEpoch=-1)
    say("no group id", GroupId="")
    say("blank group id", GroupId="  ")
    say("no member id", MemberId="")
    say("no member id, going on", MemberId="", MemberEpoch=3)
    say("a member id that is no uuid", MemberId="nobody", MemberEpoch=1)
    say("empty rack", RackId="")
    say("no subscription", SubscribedTopicNames=None)
    say("an empty subscription", SubscribedTopicNames=[])
    say("epoch -2", MemberEpoch=-2)
    say("epoch -3", MemberEpoch=-3)
    describe(s, group, note="nobody joined")
    m.beat("joins")
    m.settle(2)
    say("greater epoch", MemberEpoch=m.epoch + 7)
    say("joins again", MemberEpoch=0, SubscribedTopicNames=[topic])
    say("unknown member", MemberId=share_member_id(9))
    say("unknown member leaves", MemberId=share_member_id(9), MemberEpoch=-1)
    describe(s, "", note="no name")
    describe(s, note="none")
    describe(s, group, s.name("other"), group, note="twice, and one that isn't")
    for api, body in (("ConsumerGroupDescribe", {"GroupIds": [group]}), ("DescribeGroups", {"Groups": [group]}),
                      ("StreamsGroupDescribe", {"GroupIds": [group]})):
        s.call(api, body, note="as another kind")
    c = Consumer(s, group, 2, [topic])
    c.beat("a consumer joins it")
    s.call("OffsetCommit", {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": [
        {"Name": topic, "TopicId": s.id(topic), "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]},
        note="offsets of the other kind")
    other = Consumer(s, s.name("c"), 3, [topic])
    other.beat("a consumer group")
    say("joins a consumer group", GroupId=other.group, MemberEpoch=0, SubscribedTopicNames=[topic])
    describe(s, other.group, note="a consumer group")


@scenario("ShareGroupHeartbeat", "ShareGroupDescribe")
def members_come_and_go(s):
    s.coordinator()
    topic, more = reader_topic(s, "t", partitions=4), reader_topic(s, "u", partitions=1)
    group = s.name("g")
    first, second, third = (ShareMember(s, group, n, [topic]) for n in (1, 2, 3))
    first.beat("first joins")
    first.settle(4)
    describe(s, group, note="one member")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.beat("second joins")
    second.settle(2)
    first.settle(2, "first has half")
    describe(s, group, note="two members")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.topics = [topic, more]
    second.beat("second wants more", SubscribedTopicNames=second.topics)
    second.settle(3)
    describe(s, group, note="two topics")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    third.beat("third joins")
    for member, name in ((first, "first"), (second, "second"), (third, "third")):
        member.beat(f"{name} hears")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.topics = [s.name("absent")]
    second.beat("second wants what is not there", SubscribedTopicNames=second.topics)
    describe(s, group, note="three members")
    third.leave()
    s.call("ShareGroupHeartbeat", third.body(), note="heartbeat after leaving")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="not empty")
    first.leave("first leaves")
    second.leave("second leaves")
    describe(s, group, note="empty")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="empty")
    describe(s, group, note="deleted")


@scenario("DescribeShareGroupOffsets", "AlterShareGroupOffsets", "DeleteShareGroupOffsets")
def offsets(s):
    s.coordinator()
    topic, other = reader_topic(s, "t", partitions=2), reader_topic(s, "u")
    group = share_group(s)
    absent = s.name("absent")
    stands(s, group, None, "all of a group that isn't")
    stands(s, group, [(topic, [0, 1])], "of a group that isn't")
    stands(s, "", None, "all of no group")
    stands(s, "", [(topic, [0])], "of no group")
    stands(s, "", [(absent, [0])], "of no group and no topic")
    forget(s, group, [topic], "of a group that isn't")
    m = ShareMember(s, group, 1, [topic])
    m.beat("joins")
    m.settle(2)
    stands(s, group, None, "all")
    stands(s, group, [(topic, [0, 1]), (other, [0])], "and one that it does not read")
    stands(s, group, [(topic, [7]), (absent, [0])], "what is not there")
    stands(s, group, [], "none")
    move(s, group, [(topic, [(0, 1)])], "while it is read")
    forget(s, group, [topic], "while it is read")
    m.leave()
    move(s, group, [(topic, [(0, 3), (1, 0)])])
    stands(s, group, None, "all, moved")
    move(s, group, [(topic, [(7, 3)]), (absent, [(0, 1)]), (other, [(0, 0)])], "some not there")
    move(s, group, [(topic, [(0, -1)])], "before the start")
    move(s, group, [(topic, [(0, -5)])], "negative")
    move(s, group, [(topic, [(0, 1 << 40)])], "beyond the end")
    stands(s, group, None, "all, moved again")
    move(s, group, [(topic, [(0, 1)]), (topic, [(0, 2)])], "a topic twice")
    move(s, group, [], "nothing")
    forget(s, group, [topic, absent])
    stands(s, group, None, "all but forgotten")
    forget(s, group, [topic], "again")
    forget(s, group, [], "nothing")
    forget(s, "", [topic], "of no group")
    move(s, "", [(topic, [(0, 1)])], "of no group")
    move(s, s.name("new"), [(topic, [(0, 1)])], "of a new group")
    describe(s, s.name("new"), note="made by an administrator")
    stands(s, s.name("new"), None, "of a new group")
    c = Consumer(s, s.name("c"), 5, [topic])
    c.beat("a consumer group")
    move(s, c.group, [(topic, [(0, 1)])], "of a consumer group")
    forget(s, c.group, [topic], "of a consumer group")
    stands(s, c.group, None, "of a consumer group")
    s.call("OffsetFetch", {"Groups": [{"GroupId": group, "Topics": None}], "RequireStable": False}, note="as a consumer's")
    s.call("OffsetDelete", {"GroupId": group, "Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": 0}]}]},
           note="as a consumer's")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="with offsets")
    stands(s, group, None, "all of a deleted group")
