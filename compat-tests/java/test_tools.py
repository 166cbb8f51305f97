"""Apache Kafka's own command line tools, as its bin/kafka-*.sh start them. They share a broker and a topic."""

import json
import re

import pytest

from harness import program
from harness.java_tools import TOOLS, java, refused, tool

TOPIC = "tools"


@pytest.fixture(scope="module")
def topic(broker):
    """A topic of three partitions, with what the verifiable producer, then the console producer wrote to it."""
    create = ["--create", "--topic", TOPIC, "--partitions", "3", "--replication-factor", "1", "--config", "retention.ms=-1"]
    assert "Created topic tools." in tool(broker, TOOLS + "TopicCommand", *create)
    wrote = tool(broker, TOOLS + "VerifiableProducer", "--topic", TOPIC, "--max-messages", "100", "--acks", "-1")
    last = json.loads(wrote.strip().splitlines()[-1])
    assert (last["name"], last["sent"], last["acked"]) == ("tool_data", 100, 100)
    properties = ["parse.key=true", "key.separator=:", "parse.headers=true", "null.marker=NULL"]
    flags = [flag for one in properties for flag in ("--reader-property", one)]
    lines = "h:1\tkey:value\nh:2,two:3\tgone:NULL\n"
    console = ["--topic", TOPIC, *flags, "--compression-codec", "zstd"]
    tool(broker, TOOLS + "ConsoleProducer", *console, stdin=lines)
    return TOPIC


@pytest.fixture(scope="module")
def group(broker, topic):
    """A group that the verifiable consumer made; it read and committed everything."""
    command = [*java(TOOLS + "VerifiableConsumer", "--bootstrap-server", broker.bootstrap), "--topic", topic]
    command += ["--group-id", "tools-group", "--max-messages", "102", "--reset-policy", "earliest"]
    events = [json.loads(line) for line in program.run(command, 90).splitlines() if line.startswith("{")]
    committed = [event for event in events if event["name"] == "offsets_committed"]
    assert committed and all(event["success"] for event in committed)
    assert sum(event["count"] for event in events if event["name"] == "records_consumed") == 102
    return "tools-group"


def test_topics_are_listed_and_described(broker, topic):
    assert topic in tool(broker, TOOLS + "TopicCommand", "--list").split()
    described = tool(broker, TOOLS + "TopicCommand", "--describe", "--topic", topic)
    assert "PartitionCount: 3\tReplicationFactor: 1\tConfigs: " in described and "retention.ms=-1" in described
    assert described.count("Isr: ") == 3 and "Leader: none" not in described
    assert "already exists" in refused(broker, TOOLS + "TopicCommand", "--create", "--topic", topic)
    assert "does not exist" in refused(broker, TOOLS + "TopicCommand", "--describe", "--topic", "no-such-topic")


def test_topics_grow_and_go(broker):
    command = TOOLS + "TopicCommand"
    tool(broker, command, "--create", "--topic", "tools-short", "--partitions", "1")
    tool(broker, command, "--alter", "--topic", "tools-short", "--partitions", "4")
    assert "PartitionCount: 4" in tool(broker, command, "--describe", "--topic", "tools-short")
    tool(broker, command, "--delete", "--topic", "tools-short")
    assert "tools-short" not in tool(broker, command, "--list").split()


def test_console_consumer_shows_every_part_of_a_record(broker, topic):
    shown = ["print.key=true", "print.headers=true", "print.offset=true", "print.partition=true", "null.literal=NULL"]
    flags = [flag for one in shown for flag in ("--formatter-property", one)]
    out = tool(broker, TOOLS + "consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--max-messages", "102", *flags)
    lines = [line.split("\t") for line in out.splitlines()]
    assert sorted(int(line[4]) for line in lines if line[3] == "NULL") == list(range(100))
    assert [line[2:] for line in lines if line[3] == "key"] == [["h:1", "key", "value"]]
    assert [line[2:] for line in lines if line[3] == "gone"] == [["h:2,two:3", "gone", "NULL"]]


def test_get_offsets_finds_ends_beginnings_and_times(broker, topic):
    def offsets(time):
        lines = tool(broker, TOOLS + "GetOffsetShell", "--topic", topic, "--time", time).split()
        return {int(p): int(o) for _, p, o in (line.split(":") for line in lines)}

    ends = offsets("latest")
    assert sorted(ends) == [0, 1, 2] and sum(ends.values()) == 102
    assert offsets("earliest") == {0: 0, 1: 0, 2: 0}
    assert offsets("max-timestamp").keys() <= ends.keys()
    assert offsets("1000") == {partition: 0 for partition, end in ends.items() if end}


def test_groups_are_described_reset_and_deleted(broker, group):
    command = TOOLS + "consumer.group.ConsumerGroupCommand"
    assert group in tool(broker, command, "--list").split()
    assert "Empty" in tool(broker, command, "--list", "--state")

    def positions():
        lines = tool(broker, command, "--describe", "--group", group, "--offsets").splitlines()
        rows = [line.split() for line in lines if line.startswith(group)]
        return {int(row[2]): (int(row[3]), int(row[4]), int(row[5])) for row in rows}

    read = positions()
    assert sum(end for _, end, _ in read.values()) == 102
    assert all(position == end and lag == 0 for position, end, lag in read.values())
    assert group not in tool(broker, command, "--describe", "--group", group, "--members")
    state = tool(broker, command, "--describe", "--group", group, "--state")
    assert "Empty" in state and broker.bootstrap in state
    tool(broker, command, "--group", group, "--reset-offsets", "--to-earliest", "--topic", TOPIC, "--execute")
    assert all(position == 0 and lag == end for position, end, lag in positions().values())
    tool(broker, command, "--group", group, "--reset-offsets", "--to-latest", "--topic", f"{TOPIC}:1", "--execute")
    assert positions()[1][0] == read[1][0] and positions()[0][0] == 0
    tool(broker, command, "--delete-offsets", "--group", group, "--topic", f"{TOPIC}:1")
    assert 1 not in positions()
    tool(broker, command, "--delete", "--group", group)
    assert group not in tool(broker, command, "--list").split()


def test_settings_of_topics_and_brokers_change(broker, topic):
    command = TOOLS + "ConfigCommand"
    entity = ["--entity-type", "topics", "--entity-name", topic]
    tool(broker, command, *entity, "--alter", "--add-config", "max.message.bytes=5000,cleanup.policy=[delete,compact]")
    described = tool(broker, command, *entity, "--describe")
    assert "max.message.bytes=5000" in described and "cleanup.policy=delete,compact" in described
    assert "DEFAULT_CONFIG:message.max.bytes=1048588" in described
    tool(broker, command, *entity, "--alter", "--delete-config", "max.message.bytes,cleanup.policy")
    assert "max.message.bytes" not in tool(broker, command, *entity, "--describe")
    assert "Invalid value" in refused(broker, command, *entity, "--alter", "--add-config", "retention.ms=soon")

    brokers = ["--entity-type", "brokers", "--entity-default"]
    tool(broker, command, *brokers, "--alter", "--add-config", "log.retention.ms=86400000")
    assert "log.retention.ms=86400000" in tool(broker, command, *brokers, "--describe")
    assert "86400000" in tool(broker, command, *entity, "--describe", "--all")
    tool(broker, command, *brokers, "--alter", "--delete-config", "log.retention.ms")
    assert "Cannot update" in refused(broker, command, *brokers, "--alter", "--add-config", "node.id=7")


def test_log_dirs_hold_the_topic(broker, topic):
    out = tool(broker, TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic)
    described = json.loads(out.strip().splitlines()[-1])
    partitions = described["brokers"][0]["logDirs"][0]["partitions"]
    assert sorted(one["partition"] for one in partitions) == [f"{topic}-{n}" for n in range(3)]
    assert sum(one["size"] for one in partitions) > 0


def test_the_cluster_describes_itself(broker):
    address = ["--bootstrap-server", broker.bootstrap]
    identity = program.run(java(TOOLS + "ClusterTool", "cluster-id", *address))
    assert len(identity.strip().split("Cluster ID: ")[1]) == 22
    endpoints = program.run(java(TOOLS + "ClusterTool", "list-endpoints", *address))
    assert str(broker.port) in endpoints
    quorum = tool(broker, TOOLS + "MetadataQuorumCommand", "describe", "--status")
    assert "LeaderEpoch:" in quorum and "CurrentVoters:" in quorum
    features = tool(broker, TOOLS + "FeatureCommand", "describe")
    assert re.search(r"Feature: metadata.version\s.*FinalizedVersionLevel: 4.4-IV2\s", features)
    assert re.search(r"Feature: group.version\s.*FinalizedVersionLevel: 1\s", features)
    versions = tool(broker, TOOLS + "BrokerApiVersionsCommand")
    assert "Produce(0): 0 to 13 [usable: 13]" in versions
    assert "Fetch(1): 4 to 18 [usable: 18]" in versions
