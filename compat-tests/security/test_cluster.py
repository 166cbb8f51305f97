"""Three nodes that ask each other by TLS alone, brokers and controllers, each with a key of its own and required to show it."""

import pytest

from clients import kcat_round_trip, librdkafka
from harness import program
from harness.broker import Barnabas
from harness.cluster import Cluster
from harness.wire import free_port
from secured import pem_server

LIMIT_S = 300


@pytest.fixture(scope="module")
def cluster(pki, tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), 3)
    try:
        for number, node in cluster.nodes.items():
            name = f"node-{number}"
            pki.signed(name, f"/O=Nodes/CN={name}", ["subjectAltName=DNS:localhost,IP:127.0.0.1"])
            node.secured_port = free_port()
            listeners = f"PLAINTEXT://127.0.0.1:{node.port},INTERNAL://127.0.0.1:{node.secured_port}"
            given = {
                "listeners": f"{listeners},CONTROLLER://127.0.0.1:{node.controller_port}",
                "advertised.listeners": listeners,
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:SSL,CONTROLLER:SSL",
                "inter.broker.listener.name": "INTERNAL",
                "ssl.client.auth": "required",
                **pem_server(pki, name),
            }
            kept = [line for line in node.properties.read_text().splitlines() if line.partition("=")[0] not in given]
            node.properties.write_text("\n".join(kept + [f"{key}={value}" for key, value in given.items()]) + "\n")
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def test_records_are_replicated_and_read_at_every_node(cluster, pki):
    topic = "replicated"
    for node in cluster.nodes.values():
        program.run(["kcat", "-P", "-b", node.bootstrap, "-t", topic, "-X", "acks=all"], stdin=f"from {node.node_id}\n")
    for node in cluster.nodes.values():
        read = program.run(["kcat", "-C", "-b", node.bootstrap, "-t", topic, "-e", "-q", "-o", "beginning"])
        assert sorted(read.splitlines()) == ["from 1", "from 2", "from 3"]
        settings = librdkafka(pki, "client")
        kcat_round_trip(f"127.0.0.1:{node.secured_port}", settings)


def test_a_node_is_killed_and_comes_back(cluster):
    node = cluster.nodes[1]
    node.restart(hard=True)
    cluster.wait_until_whole()
    program.run(["kcat", "-P", "-b", node.bootstrap, "-t", "replicated", "-X", "acks=all"], stdin="again\n")


def test_all_of_it_went_by_tls(cluster):
    if not isinstance(cluster.nodes[1], Barnabas):
        return
    for node in cluster.nodes.values():
        assert "bad frame" not in node.log.read_text()
