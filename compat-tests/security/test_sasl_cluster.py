"""Three nodes that log in to each other: brokers by SCRAM, controllers by PLAIN, with sessions that end often."""

import os
import signal
import subprocess
import time

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness import paths
from harness.deadline import until
from harness.wire import free_port
from security.sasl_broker import MODULES

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="its settings are Apache Kafka's, its command line is not")
LIMIT_S = 240
SESSION_S = 3
NODES = (1, 2, 3)
CLIENT = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "alice-secret"}


def properties(node, brokers, controllers, data, password="node-secret"):
    voters = ",".join(f"{other}@127.0.0.1:{controllers[other]}" for other in NODES)
    return f"""
process.roles=broker,controller
node.id={node}
controller.listener.names=CONTROLLER
listeners=INSIDE://127.0.0.1:{brokers[node]},CONTROLLER://127.0.0.1:{controllers[node]}
listener.security.protocol.map=INSIDE:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
controller.quorum.voters={voters}
inter.broker.listener.name=INSIDE
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
sasl.mechanism.controller.protocol=PLAIN
connections.max.reauth.ms={SESSION_S * 1000}
listener.name.inside.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required user_alice="alice-secret";
listener.name.inside.scram-sha-256.sasl.jaas.config={MODULES}.scram.ScramLoginModule required username="broker" password="broker-secret";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required username="node" password="{password}" user_node="node-secret";
min.insync.replicas=2
offsets.topic.replication.factor=3
log.dirs={data}
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """The ports of three brokers."""
    folder = tmp_path_factory.mktemp("nodes")
    ports = []
    while len(ports) < 6:
        ports.append(next(port for port in iter(free_port, None) if port not in ports))
    brokers, controllers = dict(zip(NODES, ports[:3])), dict(zip(NODES, ports[3:]))
    barnabas = str(paths.barnabas_binary())
    running = []
    try:
        for node in NODES:
            file = folder / f"{node}.properties"
            file.write_text(properties(node, brokers, controllers, folder / f"data{node}"))
            user = "SCRAM-SHA-256=[name=broker,password=broker-secret]"
            command = [barnabas, "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(file), "--add-scram", user]
            subprocess.run(command, check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
            log = (folder / f"{node}.log").open("wb")
            running.append(subprocess.Popen([barnabas, str(file)], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))
        admin = AdminClient({**CLIENT, "bootstrap.servers": f"127.0.0.1:{brokers[1]}", "log_level": 0})
        until("three brokers", lambda: alive(admin) == 3, 60)
        yield brokers, folder
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(30)
        for node in NODES:
            print(f"--- node {node}\n{(folder / f'{node}.log').read_text()[-3000:]}")


def alive(admin):
    try:
        return len(admin.list_topics(timeout=2).brokers)
    except Exception:  # not there yet
        return 0


def test_replicas_stay_in_sync_over_the_ends_of_sessions(nodes):
    brokers, folder = nodes
    bootstrap = {**CLIENT, "bootstrap.servers": ",".join(f"127.0.0.1:{port}" for port in brokers.values())}
    admin = AdminClient(bootstrap)
    for done in admin.create_topics([NewTopic("sessions", 3, 3)]).values():
        done.result(30)
    producer = Producer({**bootstrap, "acks": "all"})
    delivered = []
    deadline = time.monotonic() + 3 * SESSION_S
    sent = 0
    while time.monotonic() < deadline:
        producer.produce("sessions", str(sent).encode(), on_delivery=lambda error, _: delivered.append(error))
        producer.flush(10)
        sent += 1
        time.sleep(0.1)
    assert delivered == [None] * sent
    consumer = Consumer({**bootstrap, "group.id": "sessions", "auto.offset.reset": "earliest"})
    consumer.subscribe(["sessions"])
    seen = set()

    def all_seen():
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            seen.add(int(message.value()))
        return len(seen) == sent

    until("all records", all_seen, 60)
    consumer.close()
    partitions = admin.list_topics("sessions", timeout=10).topics["sessions"].partitions.values()
    assert all(len(partition.isrs) == 3 for partition in partitions)
    for node in NODES:
        log = (folder / f"{node}.log").read_text()
        assert "it is fenced" not in log and "could not log in" not in log, log


def test_who_has_another_password_is_not_let_in(nodes):
    brokers, folder = nodes
    ports = {node: free_port() for node in NODES}
    first = (folder / "1.properties").read_text()
    stranger = folder / "stranger.properties"
    voters = next(line for line in first.splitlines() if line.startswith("controller.quorum.voters"))
    text = properties(9, {**ports, 9: free_port()}, {**ports, 9: 1}, folder / "stranger", password="wrong")
    lines = [line for line in text.splitlines() if not line.startswith(("controller.quorum.voters", "process.roles", "listeners"))]
    lines += ["process.roles=broker", f"listeners=INSIDE://127.0.0.1:{free_port()}", voters, "cluster.id=AAAAAAAAAAAAAAAAAAAAAQ"]
    stranger.write_text("\n".join(lines))
    log = folder / "stranger.log"
    with log.open("wb") as output:
        command = [str(paths.barnabas_binary()), str(stranger)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        refused = "this node could not log in"
        until("refusal", lambda: refused in log.read_text(), 30)
        assert "Authentication failed: Invalid username or password" in log.read_text()
        assert "node-secret" not in log.read_text()
    finally:
        process.kill()
        process.wait(10)
    assert alive(AdminClient({**CLIENT, "bootstrap.servers": f"127.0.0.1:{brokers[1]}"})) == 3
