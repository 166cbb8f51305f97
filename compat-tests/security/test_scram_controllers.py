"""Three nodes whose controllers log in to each other by SCRAM alone, as a user that their folders were formatted with."""

import os

import pytest
from harness.cluster import Cluster
from harness.deadline import until
from security.sasl_broker import MODULES

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="Apache Kafka 4.4.0 ends at its start with these settings")
JAAS = f'{MODULES}.scram.ScramLoginModule required username="node" password="node-secret";'
USER = ["--add-scram", "SCRAM-SHA-256=[name=node,password=node-secret]"]
SETTINGS = {
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "sasl.mechanism.controller.protocol": "SCRAM-SHA-256",
    "listener.name.controller.sasl.enabled.mechanisms": "SCRAM-SHA-256",
    "listener.name.controller.scram-sha-256.sasl.jaas.config": JAAS,
}


def test_controllers_find_each_other_by_scram(tmp_path):
    cluster = Cluster(tmp_path, 3, SETTINGS, formatted=USER)
    try:
        cluster.start()
        # Also when all have to find each other anew.
        for node in cluster.nodes.values():
            node.kill()
        cluster.start()
    finally:
        cluster.close()


def test_who_has_another_password_is_not_let_in(tmp_path):
    def of_node(node):
        wrong = JAAS.replace("node-secret", "guessed")
        return {"listener.name.controller.scram-sha-256.sasl.jaas.config": wrong} if node == 3 else {}

    cluster = Cluster(tmp_path, 3, SETTINGS, of_node=of_node, formatted=USER)
    try:
        for node in cluster.nodes.values():
            node.spawn()
        for number in (1, 2):
            cluster.nodes[number].wait_until_live(2)
        until("a refusal", lambda: "invalid credentials with SASL mechanism SCRAM-SHA-256" in cluster.nodes[3].log_tail(), 30)
    finally:
        cluster.close()
