"""Clients with right and wrong passwords, unknown users and disabled mechanisms: what they see is what they see of Apache Kafka."""

import asyncio
import subprocess

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from harness.java_tools import TOOLS, java, refused, tool
from kafka import KafkaProducer
from security.sasl_broker import MECHANISMS, MODULES, sasl_broker

LIMIT_S = 300
CONFIGS = TOOLS + "ConfigCommand"
TOPIC = "secured"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    instance = sasl_broker(tmp_path_factory.mktemp("broker"))
    try:
        instance.start()
        admin = AdminClient({"bootstrap.servers": instance.bootstrap})
        infos = [ScramCredentialInfo(each, 4096) for each in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)]
        for info in infos:
            upsertion = UserScramCredentialUpsertion("alice", info, b"alice-secret")
            for done in admin.alter_user_scram_credentials([upsertion]).values():
                done.result(30)
        yield instance
    finally:
        instance.close()


def confluent(broker, mechanism, user, password):
    errors = []
    settings = {
        "bootstrap.servers": broker.sasl_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
        "error_cb": lambda error: errors.append(error.str()),
    }
    producer = Producer(settings)
    try:
        producer.list_topics(timeout=3)
    except KafkaException:
        producer.poll(0)
        return False, " ".join(errors)
    delivered = []
    producer.produce(TOPIC, b"confluent", on_delivery=lambda error, _: delivered.append(error))
    producer.flush(10)
    return delivered == [None], " ".join(errors)


def kafka_python(broker, mechanism, user, password):
    try:
        producer = KafkaProducer(
            bootstrap_servers=broker.sasl_bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_plain_username=user,
            sasl_plain_password=password,
            bootstrap_timeout_ms=3000,
        )
    except Exception as error:  # which one it is differs from release to release
        return False, str(error)
    producer.send(TOPIC, b"kafka-python").get(10)
    producer.close()
    return True, ""


def aiokafka(broker, mechanism, user, password):
    async def produce():
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.sasl_bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_plain_username=user,
            sasl_plain_password=password,
        )
        try:
            await producer.start()
            await producer.send_and_wait(TOPIC, b"aiokafka")
        finally:
            await producer.stop()

    try:
        asyncio.run(asyncio.wait_for(produce(), 10))
    except Exception as error:
        return False, str(error)
    return True, ""


CLIENTS = [confluent, kafka_python, aiokafka]


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_right_password_is_taken(broker, client, mechanism):
    assert client(broker, mechanism, "alice", "alice-secret") == (True, "")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("user, password", [("alice", "wrong"), ("eve", "alice-secret")])
@pytest.mark.parametrize("client", CLIENTS)
def test_others_are_refused(broker, client, mechanism, user, password):
    is_served, said = client(broker, mechanism, user, password)
    assert not is_served
    if client is confluent:
        assert "Authentication failed" in said, said


def test_kcat_lists_with_plain(broker):
    def run(password):
        settings = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "sasl.username=alice", f"sasl.password={password}"]
        flags = [flag for setting in settings for flag in ("-X", setting)]
        command = ["kcat", "-b", broker.sasl_bootstrap, *flags, "-L", "-m", "3"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    assert "1 brokers" in run("alice-secret").stdout
    wrong = run("wrong")
    assert wrong.returncode != 0
    assert "Authentication failed: Invalid username or password" in wrong.stderr


def client_settings(folder, mechanism, user, password):
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    path = folder / "client.properties"
    path.write_text(
        f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n"
        f'sasl.jaas.config={MODULES}.{module} required username="{user}" password="{password}";\n'
    )
    return str(path)


def topics(broker, settings):
    command = java(TOOLS + "TopicCommand", "--bootstrap-server", broker.sasl_bootstrap, "--command-config", settings, "--list")
    return subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_javas_tools_log_in(broker, tmp_path, mechanism):
    done = topics(broker, client_settings(tmp_path, mechanism, "alice", "alice-secret"))
    assert done.returncode == 0, done.stderr


def test_javas_tools_are_told_what_is_wrong(broker, tmp_path):
    for mechanism, password, expected in [
        ("PLAIN", "wrong", "Authentication failed: Invalid username or password"),
        ("SCRAM-SHA-256", "wrong", "invalid credentials with SASL mechanism SCRAM-SHA-256"),
    ]:
        done = topics(broker, client_settings(tmp_path, mechanism, "alice", password))
        assert done.returncode != 0 and expected in done.stdout + done.stderr, done.stdout + done.stderr


def test_users_come_and_go_by_kafka_configs(broker, tmp_path):
    of_carol = ["--entity-type", "users", "--entity-name", "carol"]
    settings = client_settings(tmp_path, "SCRAM-SHA-512", "carol", "carol-secret")
    added = tool(broker, CONFIGS, "--alter", *of_carol, "--add-config", "SCRAM-SHA-512=[iterations=8192,password=carol-secret]")
    assert "Completed updating config for user carol." in added
    described = tool(broker, CONFIGS, "--describe", *of_carol)
    assert "SCRAM credential configs for user-principal 'carol' are SCRAM-SHA-512=iterations=8192" in described
    assert topics(broker, settings).returncode == 0
    few = refused(broker, CONFIGS, "--alter", *of_carol, "--add-config", "SCRAM-SHA-256=[iterations=100,password=x]")
    assert "Iterations 100 is less than the minimum 4096 required for SCRAM-SHA-256" in few
    tool(broker, CONFIGS, "--alter", *of_carol, "--delete-config", "SCRAM-SHA-512")
    assert topics(broker, settings).returncode != 0


def test_jaas_entries_are_shown_to_nobody(broker):
    described = tool(broker, CONFIGS, "--describe", "--all", "--entity-type", "brokers", "--entity-name", "1")
    assert "alice-secret" not in described and "admin-secret" not in described
    assert "listener.name.sasl.plain.sasl.jaas.config=null sensitive=true" in described
