"""Three nodes with TLS and SASL between all of them, and an authorizer: who may what is known on each, whoever leads."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType, ResourceType
from harness import paths
from harness.deadline import until
from harness.wire import free_port
from security.sasl_broker import MODULES
from security.secured_wire import SecuredConnection

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="its settings are Apache Kafka's, its command line is not")
NODES = (1, 2, 3)
TOPIC = "orders"
TOPIC_AUTHORIZATION_FAILED, THROTTLING_QUOTA_EXCEEDED = 29, 89
# Partitions that may be created at once with a quota of one per second: eleven windows of a second.
BURST = 11


def properties(node, brokers, controllers, data, pki):
    voters = ",".join(f"{other}@127.0.0.1:{controllers[other]}" for other in NODES)
    return f"""
process.roles=broker,controller
node.id={node}
controller.listener.names=CONTROLLER
listeners=INSIDE://127.0.0.1:{brokers[node]},CONTROLLER://127.0.0.1:{controllers[node]}
listener.security.protocol.map=INSIDE:SASL_SSL,CONTROLLER:SASL_SSL
controller.quorum.voters={voters}
inter.broker.listener.name=INSIDE
ssl.keystore.type=PEM
ssl.keystore.location={pki.path("server.pem")}
ssl.truststore.type=PEM
ssl.truststore.location={pki.path("ca.crt")}
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.inside.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required user_admin="admin-secret" user_alice="alice-secret" user_bob="bob-secret" user_mallory="mallory-secret";
listener.name.inside.scram-sha-512.sasl.jaas.config={MODULES}.scram.ScramLoginModule required username="broker" password="broker-secret";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required username="node" password="node-secret" user_node="node-secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:broker;User:node
delegation.token.secret.key=of-all-nodes
min.insync.replicas=2
offsets.topic.replication.factor=3
group.initial.rebalance.delay.ms=0
log.dirs={data}
"""


class Cluster:
    def __init__(self, folder, pki):
        ports = []
        while len(ports) < 6:
            ports.append(next(port for port in iter(free_port, None) if port not in ports))
        self.folder, self.pki, self.running = folder, pki, {}
        self.brokers, controllers = dict(zip(NODES, ports[:3])), dict(zip(NODES, ports[3:]))
        for node in NODES:
            file = folder / f"{node}.properties"
            file.write_text(properties(node, self.brokers, controllers, folder / f"data{node}", pki))
            user = "SCRAM-SHA-512=[name=broker,password=broker-secret]"
            command = [str(paths.barnabas_binary()), "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(file), "--add-scram", user]
            subprocess.run(command, check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
            self.start(node)

    def start(self, node):
        log = (self.folder / f"{node}.log").open("ab")
        command = [str(paths.barnabas_binary()), str(self.folder / f"{node}.properties")]
        self.running[node] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def login(self, user):
        return {
            "bootstrap.servers": ",".join(f"127.0.0.1:{port}" for port in self.brokers.values()),
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": self.pki.path("ca.crt"),
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": f"{user}-secret",
            "log_level": 0,
        }

    def log(self, node):
        return (self.folder / f"{node}.log").read_text()


@pytest.fixture(scope="module")
def cluster(pki, tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("nodes"), pki)
    try:
        admin = AdminClient(cluster.login("admin"))
        until("three brokers", lambda: alive(admin) == 3, 60)
        for done in admin.create_topics([NewTopic(TOPIC, 3, 3)]).values():
            done.result(30)
        yield cluster
    finally:
        for process in cluster.running.values():
            process.send_signal(signal.SIGTERM)
        for process in cluster.running.values():
            process.wait(30)
        for node in NODES:
            print(f"--- node {node}\n{cluster.log(node)[-3000:]}")


def alive(admin):
    try:
        return len(admin.list_topics(timeout=2).brokers)
    except Exception:  # not there yet
        return 0


def produced(settings, value):
    """The error of a record that all replicas are to have, 0 if there is none."""
    producer = Producer({**settings, "acks": "all", "message.timeout.ms": 20_000})
    outcome = []
    producer.produce(TOPIC, value, on_delivery=lambda error, _: outcome.append(error))
    producer.flush(30)
    assert outcome, "no word of the record"
    return outcome[0].code() if outcome[0] else 0


def allow(cluster, *operations, user="alice"):
    entries = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        for kind, name, operation in operations
    ]
    admin = AdminClient(cluster.login("admin"))
    for done in admin.create_acls(entries).values():
        done.result(30)


def asked_at(cluster, node, user):
    """A connection to this node, by which it is asked whoever decides."""
    return SecuredConnection(cluster.brokers[node], cluster.pki.path("ca.crt"), user)


def test_who_may_not_create_is_refused_by_the_controller_whoever_is_asked(cluster):
    for node in NODES:
        with asked_at(cluster, node, "mallory") as mallory:
            assert mallory.create_topic(f"of-mallory-{node}") == TOPIC_AUTHORIZATION_FAILED
    told = "Principal = User:mallory is Denied operation = CREATE from host = 127.0.0.1 on resource = Topic:LITERAL:of-mallory-{} for request = CreateTopics"

    def tellers():
        return {node for node in NODES if any(told.format(asked) in cluster.log(node) for asked in NODES)}

    until("a word of all refusals", lambda: sum(cluster.log(node).count(told.format(asked)) for node in NODES for asked in NODES) == 3, 10)
    [teller] = tellers()
    assert "this node is the active controller" in cluster.log(teller)


def test_a_quota_of_changes_is_spent_once_over_all_nodes(cluster):
    allow(cluster, (ResourceType.BROKER, "kafka-cluster", AclOperation.CREATE), user="bob")
    with asked_at(cluster, 1, "admin") as admin:
        admin.set_quota("bob", "controller_mutation_rate", 1.0)

    def spend(node):
        """How many topics a node has created when it refuses one for the quota."""
        with asked_at(cluster, node, "bob") as bob:
            for created in range(4 * BURST):
                error = bob.create_topic(f"of-bob-{node}-{created}")
                if error == THROTTLING_QUOTA_EXCEEDED:
                    return created
                assert error == 0, error
        raise AssertionError("never refused")

    began = time.monotonic()
    with ThreadPoolExecutor(len(NODES)) as all_nodes:
        created = list(all_nodes.map(spend, NODES, timeout=60))
    print(f"created {created}")
    # The last one may exceed what is left, and a second brings one more.
    assert BURST <= sum(created) <= BURST + 2 + time.monotonic() - began


def test_acls_count_on_each_node_and_after_a_failover(cluster):
    alice = cluster.login("alice")
    assert produced(alice, b"refused") in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._UNKNOWN_TOPIC)
    allow(
        cluster,
        (ResourceType.TOPIC, TOPIC, AclOperation.WRITE),
        (ResourceType.TOPIC, TOPIC, AclOperation.READ),
        (ResourceType.GROUP, "billing", AclOperation.READ),
    )
    assert produced(alice, b"one") == 0
    cluster.running[1].kill()
    cluster.running[1].wait(10)
    assert produced(alice, b"two") == 0
    consumer = Consumer({**alice, "group.id": "billing", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    seen = set()

    def both():
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            seen.add(message.value())
        return seen == {b"one", b"two"}

    until("both records", both, 60)
    consumer.close()
    cluster.start(1)
    admin = AdminClient(cluster.login("admin"))

    def all_in_sync():
        partitions = admin.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions.values()
        return all(len(partition.isrs) == 3 for partition in partitions)

    until("all replicas", all_in_sync, 60)
    for node in NODES:
        log = cluster.log(node)
        assert "could not log in" not in log and "is no member of the cluster" not in log, log
        # Whoever looks whether a broker lives says nothing that is no TLS.
        assert "corrupt" not in log and "InvalidContentType" not in log, log
