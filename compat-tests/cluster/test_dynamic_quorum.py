"""A quorum whose voters its log directories were formatted with (kraft.version 1), not its settings; they come and go (KIP-853)."""

import re
import subprocess

import pytest

from cluster import judged
from cluster.conftest import started
from harness import paths, program
from harness.cluster import DIRECTORY_IDS, Cluster
from harness.deadline import until
from harness.java_tools import TOOLS, java, refused, tool

QUORUM = TOOLS + "MetadataQuorumCommand"
JOIN_S = 60


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    yield from started(Cluster(tmp_path_factory.mktemp("cluster"), dynamic=True))


def replicas(cluster):
    """{(node id, directory id): Leader, Follower or Observer}; nothing while one leads that is no voter any more."""
    # The binary's own tool: it is asked often.
    command = [str(paths.barnabas_binary()), "kafka-metadata-quorum", "--bootstrap-server", cluster.bootstrap, "describe", "--replication"]
    asked = subprocess.run(command, timeout=30, capture_output=True, text=True)
    if asked.returncode != 0 and "the quorum has no leader" in asked.stderr + asked.stdout:
        return {}
    assert asked.returncode == 0, asked.stderr
    rows = [line.split() for line in asked.stdout.splitlines()[1:] if line.strip()]
    return {(int(row[0]), row[1]): row[-1] for row in rows}


def directory(node):
    properties = (node.data / "meta.properties").read_text()
    return re.search(r"directory.id=(\S+)", properties)[1]


def test_it_outlives_the_loss_of_each_node(cluster, tmp_path):
    judged.create(cluster, "kept")
    judged.wait_for_isr(cluster, "kept")
    with judged.Load(cluster, "kept", tmp_path) as load:
        for node in cluster.nodes.values():
            load.wait_for_more(100, "records are acknowledged")
            node.kill()
            load.wait_for_more(100, f"records are acknowledged without node {node.node_id}")
            node.start()
            judged.wait_for_isr(cluster, "kept")
        load.kill()
        judged.judge(cluster, load)


def test_a_controller_comes_gets_a_new_disk_and_another_one_goes(cluster):
    node = cluster.join(4)
    node.start()
    first = directory(node)
    assert replicas(cluster)[(4, first)] == "Observer"
    # Kafka's tool takes where it listens and its directory from its settings.
    of_node = ["--command-config", str(node.properties), "add-controller"]
    added = tool(cluster, QUORUM, *of_node)
    assert f"Added controller 4 with directory id {first}" in added
    assert replicas(cluster)[(4, first)] in ("Follower", "Leader")
    assert "DuplicateVoterException" in refused(cluster, QUORUM, *of_node)

    # An empty disk is another voter; with controller.quorum.auto.join.enable it takes the place by itself.
    node.kill()
    node.close()
    node = cluster.join(4, {"controller.quorum.auto.join.enable": "true"})
    second = directory(node)
    node.start()
    voters = {(n, DIRECTORY_IDS[n]) for n in (1, 2, 3)} | {(4, second)}
    until("the new disk has the vote", lambda: {key for key, role in replicas(cluster).items() if role != "Observer"} == voters, JOIN_S)

    # The active controller removes itself, at its own listener.
    leader = next(key for key, role in replicas(cluster).items() if role == "Leader")
    controllers = ",".join(f"{other.host}:{other.controller_port}" for other in cluster.nodes.values())
    gone = ["remove-controller", "--controller-id", str(leader[0]), "--controller-directory-id"]
    wrong = refused(cluster, QUORUM, *gone, first if leader[1] != first else second)
    assert "VoterNotFoundException" in wrong
    program.run(java(QUORUM, "--bootstrap-controller", controllers, *gone, leader[1]), 90)
    until("another one leads", lambda: set(replicas(cluster).items()) >= {(leader, "Observer")}, JOIN_S)
    assert sorted(replicas(cluster).values()).count("Leader") == 1
    judged.create(cluster, "after", replicas=4)
    judged.wait_for_isr(cluster, "after", 4)
