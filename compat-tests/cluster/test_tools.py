"""Apache Kafka's own tools at a cluster of three: moving replicas, leaders, the quorum, features, configs of single brokers."""

import json
import re

import pytest
from kafka import KafkaAdminClient, TopicPartition

from cluster import judged
from harness import program
from harness.deadline import until
from harness.java_tools import TOOLS, java, refused, tool
from harness.wire import live_brokers

LIMIT_S = 300


def describe(cluster, topic):
    """{partition: {column: value}} as kafka-topics.sh shows it."""
    shown = tool(cluster, TOOLS + "TopicCommand", "--describe", "--topic", topic)
    rows = {}
    for line in shown.splitlines():
        columns = {name.strip(): value.strip() for name, value in (part.split(":", 1) for part in line.split("\t") if ":" in part)}
        if "Partition" in columns:
            rows[int(columns["Partition"])] = columns
    return rows


def test_topics_show_leader_replicas_and_isr(cluster):
    tool(cluster, TOOLS + "TopicCommand", "--create", "--topic", "shown", "--partitions", "3", "--replication-factor", "3")
    rows = describe(cluster, "shown")
    assert sorted(int(row["Leader"]) for row in rows.values()) == [1, 2, 3]
    for row in rows.values():
        assert sorted(row["Replicas"].split(",")) == sorted(row["Isr"].split(",")) == ["1", "2", "3"]
        assert row["Leader"] == row["Replicas"].split(",")[0]
        assert row["Elr"] == row["LastKnownElr"] == ""


def test_more_replicas_than_brokers_are_refused(cluster):
    said = refused(cluster, TOOLS + "TopicCommand", "--create", "--topic", "too-many", "--replication-factor", "4")
    assert "Unable to replicate the partition 4 time(s)" in said and "only 3 broker(s) are registered" in said


def test_replicas_move(cluster, tmp_path):
    topic = "moved"
    tool(cluster, TOOLS + "TopicCommand", "--create", "--topic", topic, "--replica-assignment", "1:2,2:3,3:1")
    records = "".join(f"record {n}\n" for n in range(3000))
    program.run(["kcat", "-P", "-b", cluster.bootstrap, "-t", topic, "-X", "acks=all"], stdin=records)
    wanted = {0: [3, 1], 1: [1, 2], 2: [2, 3, 1]}
    plan = {"version": 1, "partitions": [{"topic": topic, "partition": p, "replicas": replicas} for p, replicas in wanted.items()]}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    command = TOOLS + "reassign.ReassignPartitionsCommand"
    started = tool(cluster, command, "--reassignment-json-file", str(path), "--execute")
    assert "Successfully started partition reassignments for moved-0,moved-1,moved-2" in started

    def done():
        shown = tool(cluster, command, "--reassignment-json-file", str(path), "--verify")
        return all(f"Reassignment of partition {topic}-{p} is completed." in shown for p in wanted)

    until("end of the reassignment", done, 60)
    assert "No partition reassignments found." in tool(cluster, command, "--list")
    rows = describe(cluster, topic)
    assert {p: [int(n) for n in row["Replicas"].split(",")] for p, row in rows.items()} == wanted
    assert {p: sorted(int(n) for n in row["Isr"].split(",")) for p, row in rows.items()} == {p: sorted(w) for p, w in wanted.items()}
    read = program.run(["kcat", "-C", "-b", cluster.bootstrap, "-t", topic, "-e", "-q", "-o", "beginning"])
    assert sorted(read.splitlines()) == sorted(records.splitlines())

    def removed():
        return not list(cluster.nodes[2].data.glob("moved-0")) and not list(cluster.nodes[3].data.glob("moved-1"))

    until("the removed replicas' folders are gone", removed, 90)


def test_a_reassignment_is_cancelled(cluster, tmp_path):
    tool(cluster, TOOLS + "TopicCommand", "--create", "--topic", "cancelled", "--replica-assignment", "1:2")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"version": 1, "partitions": [{"topic": "cancelled", "partition": 0, "replicas": [2, 3]}]}))
    # While the new replica's node is away the reassignment goes on. The tool would not begin it: it refuses brokers that are gone.
    node = cluster.nodes[3]
    node.kill()
    until("two nodes", lambda: all(live_brokers(cluster.nodes[n].port) == 2 for n in (1, 2)), 60)
    try:
        command = TOOLS + "reassign.ReassignPartitionsCommand"
        admin = KafkaAdminClient(bootstrap_servers=cluster.nodes[1].bootstrap)
        place = TopicPartition("cancelled", 0)
        try:
            assert admin.alter_partition_reassignments({place: [2, 3]}) == {place: None}
        finally:
            admin.close()
        assert "cancelled-0: replicas: 2,3,1. adding: 3. removing: 1." in tool(cluster, command, "--list")
        tool(cluster, command, "--reassignment-json-file", str(path), "--cancel", "--preserve-throttles")
        assert "No partition reassignments found." in tool(cluster, command, "--list")
        assert describe(cluster, "cancelled")[0]["Replicas"] == "2,1"
    finally:
        node.start()
        cluster.wait_until_whole()


def test_the_preferred_leader_is_elected(cluster):
    topic = "preferred"
    tool(cluster, TOOLS + "TopicCommand", "--create", "--topic", topic, "--replica-assignment", "3:1:2")
    assert describe(cluster, topic)[0]["Leader"] == "3"
    node = cluster.nodes[3]
    node.stop()
    until("another leader", lambda: describe(cluster, topic)[0]["Leader"] in "12", 30)
    node.start()
    judged.wait_for_isr(cluster, topic)
    assert describe(cluster, topic)[0]["Leader"] != "3"
    elected = tool(cluster, TOOLS + "LeaderElectionCommand", "--election-type", "preferred", "--topic", topic, "--partition", "0")
    assert "Successfully completed leader election (PREFERRED) for partitions preferred-0" in elected
    assert describe(cluster, topic)[0]["Leader"] == "3"


def quorum(cluster):
    shown = tool(cluster, TOOLS + "MetadataQuorumCommand", "describe", "--status")
    return {name.strip(): value.strip() for name, value in (line.split(":", 1) for line in shown.splitlines() if ":" in line)}


def test_the_quorum_is_described(cluster):
    status = quorum(cluster)
    assert status["LeaderId"] in "123"
    assert sorted(re.findall(r'"id": (\d+)', status["CurrentVoters"])) == ["1", "2", "3"]
    replication = tool(cluster, TOOLS + "MetadataQuorumCommand", "describe", "--replication").splitlines()
    rows = [line.split() for line in replication[1:] if line.strip()]
    assert sorted(row[0] for row in rows) == ["1", "2", "3"]
    assert sorted(row[-1] for row in rows) == ["Follower", "Follower", "Leader"]


def test_controllers_are_asked_themselves(cluster):
    controllers = ",".join(f"{node.host}:{node.controller_port}" for node in cluster.nodes.values())
    shown = program.run(java(TOOLS + "MetadataQuorumCommand", "--bootstrap-controller", controllers, "describe", "--status"), 90)
    assert "LeaderId:" in shown
    listed = program.run(java(TOOLS + "ClusterTool", "list-endpoints", "--bootstrap-controller", controllers), 90)
    rows = [line.split() for line in listed.splitlines()[1:]]
    assert sorted(row[0] for row in rows) == ["1", "2", "3"]
    features = program.run(java(TOOLS + "FeatureCommand", "--bootstrap-controller", controllers, "describe"), 90)
    assert "metadata.version" in features


def test_the_cluster_lists_its_brokers(cluster):
    listed = tool_of_cluster(cluster, "list-endpoints")
    rows = [line.split() for line in listed.splitlines()[1:]]
    assert sorted(int(row[0]) for row in rows) == [1, 2, 3]
    assert {int(row[0]): int(row[2]) for row in rows} == {n: node.port for n, node in cluster.nodes.items()}


def tool_of_cluster(cluster, what):
    return program.run(java(TOOLS + "ClusterTool", what, "--bootstrap-server", cluster.bootstrap), 90)


def test_log_dirs_of_all_brokers_are_described(cluster):
    shown = tool(cluster, TOOLS + "LogDirsCommand", "--describe", "--topic-list", "shown")
    told = json.loads(shown.splitlines()[-1])
    assert sorted(broker["broker"] for broker in told["brokers"]) == [1, 2, 3]
    for broker in told["brokers"]:
        partitions = [row["partition"] for folder in broker["logDirs"] for row in folder["partitions"]]
        assert sorted(partitions) == ["shown-0", "shown-1", "shown-2"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_settings_of_single_brokers(cluster, number):
    command = TOOLS + "ConfigCommand"
    entity = ["--entity-type", "brokers", "--entity-name", str(number)]
    value = str(1000 + number)
    tool(cluster, command, "--alter", *entity, "--add-config", f"log.cleaner.backoff.ms={value}")

    def shown():
        return f"log.cleaner.backoff.ms={value} " in tool(cluster, command, "--describe", *entity)

    until("the setting", shown, 30)
    others = [n for n in (1, 2, 3) if n != number]
    for other in others:
        told = tool(cluster, command, "--describe", "--entity-type", "brokers", "--entity-name", str(other))
        assert f"log.cleaner.backoff.ms={value} " not in told
