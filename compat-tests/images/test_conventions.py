"""Each image's convention with its own environment and command: only the image's name is another."""

import time

import pytest

CONFLUENT = {
    "KAFKA_NODE_ID": "7",
    "KAFKA_BROKER_ID": "7",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:29092,CONTROLLER://0.0.0.0:29093,PLAINTEXT_HOST://0.0.0.0:9092",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "7@broker:29093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_JMX_PORT": "9101",
    "KAFKA_JMX_HOSTNAME": "localhost",
    "KAFKA_HEAP_OPTS": "-Xmx512M",
    "KAFKA_CONFLUENT_LICENSE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_LOG_DIRS": "/tmp/kraft-combined-logs",
    "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk",
}
BITNAMI = {
    "KAFKA_CFG_NODE_ID": "7",
    "KAFKA_CFG_PROCESS_ROLES": "controller,broker",
    "KAFKA_CFG_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_CFG_ADVERTISED_LISTENERS": "PLAINTEXT://:9092",
    "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_CFG_CONTROLLER_QUORUM_VOTERS": "7@kafka:9093",
    "KAFKA_CFG_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "ALLOW_PLAINTEXT_LISTENER": "yes",
    "KAFKA_ENABLE_KRAFT": "yes",
    "KAFKA_KRAFT_CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk",
}
WURSTMEISTER = {
    "KAFKA_BROKER_ID": "7",
    "KAFKA_ADVERTISED_HOST_NAME": "localhost",
    "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181",
    "KAFKA_CREATE_TOPICS": "first:3:1,second:1:1:compact",
    "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk",
}
REDPANDA = (
    "redpanda start --mode dev-container --smp 1 --memory 1G --overprovisioned --node-id 7 --kafka-addr internal://0.0.0.0:9092,external://0.0.0.0:19092 "
    "--advertise-kafka-addr internal://localhost:9092,external://localhost:19092"
)
RUN = {
    "apache": (CONFLUENT, ["/etc/kafka/docker/run"]),
    "confluent": (CONFLUENT, ["/etc/confluent/docker/run"]),
    "confluent, by no command": (CONFLUENT, []),
    "bitnami": (BITNAMI, ["/opt/bitnami/scripts/kafka/entrypoint.sh", "/opt/bitnami/scripts/kafka/run.sh"]),
    "bitnami, by its short name": (BITNAMI, ["/entrypoint.sh", "/run.sh"]),
    "bitnami, by no command": (BITNAMI, []),
    "wurstmeister": (WURSTMEISTER, ["start-kafka.sh"]),
    "arguments": ({}, ["/etc/kafka/docker/run", "KAFKA_NODE_ID=7", "CLUSTER_ID=MkU3OEVBNTcwNTJENDM2Qk"]),
    "redpanda": ({"KAFKA_CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk"}, ["/entrypoint.sh", *REDPANDA.split()]),
    "rpk": ({"CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk"}, ["rpk", *REDPANDA.split()]),
    "kafka-server-start": (
        {},
        [
            "/opt/kafka/bin/kafka-server-start.sh",
            "/opt/kafka/config/server.properties",
            *("--override", "node.id=7"),
            *("--override", "cluster.id=MkU3OEVBNTcwNTJENDM2Qk"),
        ],
    ),
}


@pytest.mark.parametrize("name", RUN)
def test_the_convention_starts_a_node(run, name):
    env, command = RUN[name]
    server = run("--hostname=kafka", env=env, command=command)
    logs = server.ready()
    assert "node 7, cluster MkU3OEVBNTcwNTJENDM2Qk" in logs
    for line in ["Transitioning from RECOVERY to RUNNING", "[KafkaServer id=7] started"]:
        assert server.stdout().count(line) == 1, logs
    listed = server.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--list").stdout.split()
    if env is WURSTMEISTER:
        assert {"first", "second"} <= set(listed)
        assert logs.count("ZooKeeper") == 1, logs
    if "redpanda" in command:
        assert "Successfully started Redpanda!" in logs and "Started Kafka API server" in logs
        assert "true" in server.exec("rpk", "cluster", "health").stdout
        assert server.exec("wget", "-q", "-O", "-", "http://localhost:9644/v1/status/ready").stdout == '{"status":"ready"}'
        for port in ["8081", "8082"]:
            server.exec("nc", "-z", "localhost", port)
    took, _ = server.stop()
    assert took < 2, server.logs()


JAAS = {"PLAIN": "plain.PlainLoginModule", "SCRAM-SHA-512": "scram.ScramLoginModule"}


def test_bitnamis_users_log_in(run):
    env = {
        **BITNAMI,
        **{name: value.replace("PLAINTEXT", "SASL_PLAINTEXT") for name, value in BITNAMI.items() if "LISTENER" in name},
        "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "KAFKA_CFG_INTER_BROKER_LISTENER_NAME": "SASL_PLAINTEXT",
        "KAFKA_CFG_SASL_ENABLED_MECHANISMS": ",".join(JAAS),
        "KAFKA_CFG_SASL_MECHANISM_INTER_BROKER_PROTOCOL": "PLAIN",
        "KAFKA_CLIENT_USERS": "alice,bob",
        "KAFKA_CLIENT_PASSWORDS": "first,second",
        "KAFKA_INTER_BROKER_USER": "broker",
        "KAFKA_INTER_BROKER_PASSWORD": "third",
    }
    server = run("--hostname=kafka", env=env, command=RUN["bitnami"][1])
    server.ready()
    assert "second" not in server.logs()
    for mechanism, module in JAAS.items():
        for password, code in [("second", 0), ("wrong", 1)]:
            jaas = f'org.apache.kafka.common.security.{module} required username="bob" password="{password}";'
            text = f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\nsasl.jaas.config={jaas}\n"
            server.exec("sh", "-c", "cat > /tmp/client", stdin=text)
            command = "kafka-topics --bootstrap-server localhost:9092 --list --command-config /tmp/client"
            assert server.exec(*command.split(), check=False).returncode == code, (mechanism, server.logs())


def test_services_of_kubernetes_are_no_settings(run):
    links = {
        "KAFKA_PORT": "tcp://10.0.0.1:9092",
        "KAFKA_SERVICE_HOST": "10.0.0.1",
        "KAFKA_SERVICE_PORT": "9092",
        "KAFKA_PORT_9092_TCP": "tcp://10.0.0.1:9092",
        "KAFKA_PORT_9092_TCP_ADDR": "10.0.0.1",
    }
    assert "WARN" not in run(env=links).ready()


def test_a_mounted_file_is_the_base_and_the_environment_wins(run, tmp_path):
    (tmp_path / "server.properties").write_text("node.id=3\nnum.partitions=5\nlog.dirs=/tmp/kafka-logs\n")
    tmp_path.chmod(0o755)
    for place in ["/mnt/shared/config", "/bitnami/kafka/config"]:
        env = {"KAFKA_NUM_PARTITIONS": "4"}
        server = run(f"--volume={tmp_path}:{place}:ro", env=env)
        assert "node 3," in server.ready()
        server.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--create", "--topic", "a")
        described = server.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--describe", "--topic", "a").stdout
        # bitnami's scripts leave the environment alone where there is a file.
        wanted = 5 if "bitnami" in place else 4
        assert f"PartitionCount: {wanted}" in described, server.logs()


HEALTH = [
    ["kafka-broker-api-versions", "--bootstrap-server", "localhost:9092"],
    ["kafka-topics", "--bootstrap-server", "localhost:9092", "--list"],
    ["/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", "localhost:9092", "--list"],
    ["/opt/bitnami/kafka/bin/kafka-topics.sh", "--bootstrap-server", "localhost:9092", "--list"],
    ["nc", "-z", "localhost", "9092"],
    ["/bin/sh", "-c", "nc -vz -w 1 localhost 9092"],
    ["bash", "-c", "</dev/tcp/localhost/9092"],
    ["/bin/bash", "-c", "timeout 5 bash -c 'cat < /dev/null > /dev/tcp/127.0.0.1/9092'"],
    ["sh", "-c", "cat /proc/net/tcp* | awk '{print $2}' | grep -i :2384"],
    ["sh", "-c", "ps aux | grep -v grep | grep -q kafka"],
    ["pgrep", "-f", "kafka"],
    ["sh", "-c", "jps | grep -q Kafka"],
    ["rpk", "cluster", "health"],
]


def test_health_checks_of_every_kind_hold(run):
    server = run()
    server.ready()
    for check in HEALTH:
        done = server.exec(*check, check=False)
        assert done.returncode == 0, (check, done.stdout, done.stderr)
    for check in [["nc", "-z", "localhost", "9"], ["bash", "-c", "</dev/tcp/localhost/9"], ["rpk", "cluster", "health", "--brokers", "localhost:9"]]:
        assert server.exec(*check, check=False).returncode != 0, check


def test_docker_says_that_it_is_healthy(run, engine):
    command = "kafka-topics --bootstrap-server localhost:9092 --list || exit 1"
    server = run(f"--health-cmd={command}", "--health-interval=1s", "--health-retries=30")
    server.ready()
    form = "{{.State.Health.Status}}"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if engine.run("inspect", "--format", form, server.id).stdout.strip() == "healthy":
            return
        time.sleep(0.2)
    raise AssertionError(engine.run("inspect", "--format", "{{json .State.Health}}", server.id).stdout)


# What modules of Testcontainers put into the container and run there, as their sources have it.
SCRIPTS = {
    "old KafkaContainer withKraft (Java)": (
        "echo '' > /etc/confluent/docker/ensure\n"
        "sed -i '/KAFKA_ZOOKEEPER_CONNECT/d' /etc/confluent/docker/configure\n"
        "echo 'kafka-storage format --ignore-formatted -t \"4L6g3nShT-eMCtK--X86sw\" -c /etc/kafka/kafka.properties' >> /etc/confluent/docker/configure\n"
        "/etc/confluent/docker/run\n",
        "bash",
    ),
    "kafka.Run (Go)": (
        "source /etc/confluent/docker/bash-config\n"
        "sed -i '/KAFKA_ZOOKEEPER_CONNECT/d' /etc/confluent/docker/configure\n"
        'echo "kafka-storage format --ignore-formatted -t \\"$(kafka-storage random-uuid)\\" -c /etc/kafka/kafka.properties" >> /etc/confluent/docker/configure\n'
        "echo '' > /etc/confluent/docker/ensure\n"
        "/etc/confluent/docker/configure\n/etc/confluent/docker/launch\n",
        "bash",
    ),
    "with_kraft (Python)": (
        "sed -i '/KAFKA_ZOOKEEPER_CONNECT/d' /etc/confluent/docker/configure\n"
        "echo 'kafka-storage format --ignore-formatted -t \"4L6g3nShT-eMCtK--X86sw\" -c /etc/kafka/kafka.properties' >> /etc/confluent/docker/configure\n"
        "export KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://localhost:9093,BROKER://$(hostname -i):9092\n"
        ". /etc/confluent/docker/bash-config\n/etc/confluent/docker/configure\n/etc/confluent/docker/launch\n",
        "sh",
    ),
    "KafkaBuilder (.NET)": (
        "export KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://localhost:9093,BROKER://localhost:9092,\nexec /etc/kafka/docker/run\n",
        "sh",
    ),
    "StrimziKafkaContainer": (
        "cd /opt/kafka\nprintf 'process.roles=broker,controller\\nnode.id=1\\nlisteners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9094\\n"
        "controller.quorum.voters=1@localhost:9094\\ncontroller.listener.names=CONTROLLER\\nlog.dirs=/tmp/strimzi\\n' > config/kraft/server.properties\n"
        'bin/kafka-storage.sh format -t="4L6g3nShT-eMCtK--X86sw" -c config/kraft/server.properties\n'
        "bin/kafka-server-start.sh config/kraft/server.properties\n",
        "bash",
    ),
}
MODULE = {
    "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9093,BROKER://0.0.0.0:9092,CONTROLLER://0.0.0.0:9094",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER",
    "KAFKA_BROKER_ID": "1",
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9094",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_LOG_FLUSH_INTERVAL_MESSAGES": "9223372036854775807",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_of_modules_start_a_node(run, name):
    script, shell = SCRIPTS[name]
    waiting = "while [ ! -f /tmp/start.sh ]; do sleep 0.1; done; {} /tmp/start.sh"
    server = run("--entrypoint=sh", env=MODULE, command=["-c", waiting.format(shell)])
    server.exec("sh", "-c", "cat > /tmp/start.tmp && mv /tmp/start.tmp /tmp/start.sh", stdin=script)
    logs = server.ready()
    assert server.stdout().count("Transitioning from RECOVERY to RUNNING") == 1, logs
