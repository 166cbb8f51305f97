"""Streams groups (KIP-1071): topologies, tasks, epochs, static members and what is described; good and bad."""

import time

from scenarios import scenario
from scenarios.s55_consumer_groups import Consumer, reader_topic

ASSIGNMENT_INTERVAL_S = 1.1


def topology(sources, epoch=0, changelog=None, repartition=None, **more):
    """One subtopology that reads the sources, or two with a repartition topic between them."""
    topic = lambda name, partitions=0: {  # noqa: E731
        "Name": name, "Partitions": partitions, "ReplicationFactor": 0, "TopicConfigs": [{"Key": "retention.ms", "Value": "60000"}]}
    first = {"SubtopologyId": "0", "SourceTopics": sources, "SourceTopicRegex": [], "StateChangelogTopics": [],
             "RepartitionSinkTopics": [], "RepartitionSourceTopics": [], "CopartitionGroups": []}
    subtopologies = [first]
    if changelog:
        first["StateChangelogTopics"] = [topic(changelog)]
    if repartition:
        first["RepartitionSinkTopics"] = [repartition]
        subtopologies.append({**first, "SubtopologyId": "1", "SourceTopics": [], "StateChangelogTopics": [],
                              "RepartitionSinkTopics": [], "RepartitionSourceTopics": [topic(repartition)]})
    first.update(more)
    return {"Epoch": epoch, "Subtopologies": subtopologies}


class StreamsMember:
    """A process of an application; what it is assigned it has at once."""

    def __init__(self, s, group, name, topology, instance=None, process=None):
        self.s, self.group, self.id, self.topology, self.instance = s, group, name, topology, instance
        self.process = process or f"process-{name}"
        self.epoch = 0
        self.tasks = {"ActiveTasks": [], "StandbyTasks": [], "WarmupTasks": []}

    def body(self, **more):
        body = {"GroupId": self.group, "MemberId": self.id, "MemberEpoch": self.epoch, "EndpointInformationEpoch": -1,
                "InstanceId": self.instance, "RackId": None, "RebalanceTimeoutMs": -1, "Topology": None, "ProcessId": None,
                "UserEndpoint": None, "ClientTags": None, "TaskOffsets": None, "TaskEndOffsets": None,
                "ShutdownApplication": False, **self.tasks}
        if self.epoch == 0:
            body |= {"RebalanceTimeoutMs": 60_000, "Topology": self.topology, "ProcessId": self.process, "ClientTags": [],
                     "ActiveTasks": [], "StandbyTasks": [], "WarmupTasks": []}
        return body | more

    def taken(self, answer):
        if answer.kind == "answer" and answer["ErrorCode"] == 0:
            self.epoch = answer["MemberEpoch"]
            for kind in self.tasks:
                if answer[kind] is not None:
                    self.tasks[kind] = answer[kind]

    def beat(self, note="", **more):
        answer = self.s.call("StreamsGroupHeartbeat", self.body(**more), note=note)
        self.taken(answer)
        return answer

    def until(self, satisfied, note):
        """Heartbeats until it is as it should be; then what it has is compared."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            answer = self.s.quiet("StreamsGroupHeartbeat", self.body())
            self.taken(answer)
            if satisfied(self):
                break
            time.sleep(0.05)
        self.s.note(note, sorted((row["SubtopologyId"], p) for row in self.tasks["ActiveTasks"] or [] for p in row["Partitions"]))

    def count(self):
        return sum(len(row["Partitions"]) for row in self.tasks["ActiveTasks"] or [])

    def leave(self, note="left", epoch=-1):
        return self.s.call("StreamsGroupHeartbeat", self.body(MemberEpoch=epoch), note=note)


def streams_group(s, suffix="g"):
    """The name of a group that assigns at once."""
    name = s.name(suffix)
    s.quiet("IncrementalAlterConfigs", {"Resources": [{"ResourceType": 32, "ResourceName": name, "Configs": [
        {"Name": "streams.initial.rebalance.delay.ms", "ConfigOperation": 0, "Value": "0"}]}]})
    s.barrier()
    return name


def describe(s, *groups, note="described"):
    return s.call("StreamsGroupDescribe", {"GroupIds": list(groups), "IncludeAuthorizedOperations": False}, note=note)


@scenario("StreamsGroupHeartbeat", "StreamsGroupDescribe")
def refused(s):
    s.coordinator()
    source = reader_topic(s, "in", partitions=2)
    group = streams_group(s)
    m = StreamsMember(s, group, "m", topology([source]))
    say = lambda note, **more: s.call("StreamsGroupHeartbeat", m.body(**more), note=note)  # noqa: E731
    say("not a member of a group that isn't", MemberEpoch=5)
    say("leaves a group that isn't", MemberEpoch=-1)
    say("leaves a group that isn't for a while", MemberEpoch=-2, InstanceId="i")
    say("no group id", GroupId="")
    say("blank group id", GroupId="  ")
    say("no member id", MemberId="")
    say("no member id, going on", MemberId="", MemberEpoch=3)
    say("empty instance id", InstanceId="")
    say("empty rack", RackId="")
    say("no rebalance timeout", RebalanceTimeoutMs=-1)
    say("no topology", Topology=None)
    say("no process", ProcessId="")
    say("null process", ProcessId=None)
    say("tasks when joining", ActiveTasks=[{"SubtopologyId": "0", "Partitions": [0]}])
    say("null tasks when joining", ActiveTasks=None)
    say("standby tasks only", StandbyTasks=None)
    say("epoch -3", MemberEpoch=-3)
    say("epoch -2 without an instance", MemberEpoch=-2)
    say("a topology later on", MemberEpoch=1, Topology=topology([source]))
    say("an endpoint without a port", UserEndpoint={"Host": "h", "Port": 0})
    say("no subtopologies", Topology={"Epoch": 0, "Subtopologies": []})
    say("a bad expression", Topology=topology([], SourceTopicRegex=["["]))
    say("copartitioned what is not there", GroupId=s.name("x"), Topology=topology([source], CopartitionGroups=[
        {"SourceTopics": [3], "SourceTopicRegex": [], "RepartitionSourceTopics": []}]))
    describe(s, group, note="nobody joined")
    m.beat("joins")
    m.until(lambda m: m.count() == 2, "assigned")
    say("greater epoch", MemberEpoch=m.epoch + 7)
    say("another topology", MemberEpoch=0, RebalanceTimeoutMs=60_000, ProcessId="p", ClientTags=[], ActiveTasks=[], StandbyTasks=[],
        WarmupTasks=[], Topology=topology([source], epoch=1))
    say("unknown member", MemberId="nobody")
    say("unknown member leaves", MemberId="nobody", MemberEpoch=-1)
    describe(s, "", note="no name")
    describe(s, note="none")
    describe(s, group, s.name("other"), group, note="twice, and one that isn't")
    for api, body in (("ConsumerGroupDescribe", {"GroupIds": [group]}), ("DescribeGroups", {"Groups": [group]}),
                      ("ShareGroupDescribe", {"GroupIds": [group]})):
        s.call(api, body, note="as another kind")
    Consumer(s, group, 2, [source]).beat("a consumer joins it")
    other = Consumer(s, s.name("c"), 3, [source])
    other.beat("a consumer group")
    say("joins a consumer group", GroupId=other.group, MemberEpoch=0, RebalanceTimeoutMs=60_000, ProcessId="p", ClientTags=[],
        ActiveTasks=[], StandbyTasks=[], WarmupTasks=[], Topology=topology([source]))
    describe(s, other.group, note="a consumer group")


@scenario("StreamsGroupHeartbeat", "StreamsGroupDescribe")
def topics_are_checked(s):
    s.coordinator()
    source, two = reader_topic(s, "in", partitions=3), reader_topic(s, "two", partitions=2)
    absent = s.name("absent")
    for name, made in (
        ("a source that is not there", topology([source, absent])),
        ("no source that is there", topology([absent])),
        ("partitions that differ", topology([source, two], CopartitionGroups=[
            {"SourceTopics": [0, 1], "SourceTopicRegex": [], "RepartitionSourceTopics": []}])),
        ("partitions that may differ", topology([source, two])),
        ("an expression", topology([], SourceTopicRegex=[source + ".*"])),
    ):
        group = streams_group(s, name.replace(" ", "-"))
        StreamsMember(s, group, "m", made).beat(name)
        describe(s, group, note=name)


@scenario("StreamsGroupHeartbeat", "StreamsGroupDescribe")
def internal_topics_are_made(s):
    s.coordinator()
    source = reader_topic(s, "in", partitions=3)
    group = streams_group(s)
    changelog, repartition = f"{group}-store-changelog", f"{group}-by-key-repartition"
    m = StreamsMember(s, group, "m", topology([source], changelog=changelog, repartition=repartition))
    m.beat("joins")
    m.until(lambda m: m.count() == 6, "has all tasks")
    for name in (changelog, repartition):
        s.settle(name, 3)
        s.call("Metadata", {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False}, note="an internal topic")
        s.call("DescribeConfigs", {"Resources": [{"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": [
            "cleanup.policy", "retention.ms", "min.insync.replicas", "segment.bytes"]}]}, note="its settings")
    describe(s, group)
    m.leave()
    describe(s, group, note="empty")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="empty")
    describe(s, group, note="deleted")


@scenario("StreamsGroupHeartbeat", "StreamsGroupDescribe")
def members_share_tasks(s):
    s.coordinator()
    source = reader_topic(s, "in", partitions=4)
    group = streams_group(s)
    first, second = (StreamsMember(s, group, name, topology([source])) for name in ("a", "b"))
    first.beat("first joins", UserEndpoint={"Host": "one", "Port": 1})
    first.until(lambda m: m.count() == 4, "first has all")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.beat("second joins")
    first.until(lambda m: m.count() == 2, "first has half")
    second.until(lambda m: m.count() == 2, "second has half")
    describe(s, group, note="two members")
    first.beat("asks for endpoints", EndpointInformationEpoch=0)
    second.beat("offsets of tasks", TaskOffsets=[{"SubtopologyId": "0", "Partition": 0, "Offset": 1}],
                TaskEndOffsets=[{"SubtopologyId": "0", "Partition": 0, "Offset": 5}])
    second.beat("all must stop", ShutdownApplication=True)
    first.beat("hears that all must stop")
    s.call("DeleteGroups", {"GroupsNames": [group]}, note="not empty")
    first.leave("first leaves")
    s.call("StreamsGroupHeartbeat", first.body(), note="heartbeat after leaving")
    time.sleep(ASSIGNMENT_INTERVAL_S)
    second.until(lambda m: m.count() == 4, "second has all")
    s.call("OffsetCommit", {"GroupId": group, "GenerationIdOrMemberEpoch": second.epoch, "MemberId": second.id, "Topics": [
        {"Name": source, "TopicId": s.id(source), "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]}, note="as a member")
    s.call("OffsetCommit", {"GroupId": group, "GenerationIdOrMemberEpoch": second.epoch + 5, "MemberId": second.id, "Topics": [
        {"Name": source, "TopicId": s.id(source), "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1}]}]}, note="a greater epoch")
    second.leave("second leaves")
    describe(s, group, note="empty")


@scenario("StreamsGroupHeartbeat")
def static_members(s):
    s.coordinator()
    source = reader_topic(s, "in", partitions=2)
    group = streams_group(s)
    made = topology([source])
    first = StreamsMember(s, group, "a", made, instance="i")
    first.beat("joins")
    first.until(lambda m: m.count() == 2, "assigned")
    other = StreamsMember(s, group, "b", made, instance="i")
    other.beat("its place is taken")
    first.leave("leaves for a while", epoch=-2)
    describe(s, group, note="away")
    other.beat("takes the place")
    describe(s, group, note="back")
    first.beat("the former one")
    other.leave("leaves for good")
    describe(s, group, note="gone")
