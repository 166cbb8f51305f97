"""The image by itself: what it is, how it starts without settings, stops, keeps data, and for whom it runs."""

import json
import time

import pytest

from harness import paths
from harness.wire import free_port
from images.conftest import IMAGE

SIZE_MAX = 30_000_000
STOPS_WITHIN_S = 2
READY = ["Transitioning from RECOVERY to RUNNING", "[KafkaServer id=1] started", "Kafka Server started"]


def roundtrip(bootstrap: str, topic: str = "greetings") -> None:
    """A record there and back, by librdkafka, from this machine."""
    confluent_kafka = pytest.importorskip("confluent_kafka")
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": 20_000})
    errors = []
    producer.produce(topic, b"hello", callback=lambda error, _: errors.append(error))
    producer.flush(25)
    assert errors == [None]
    settings = {"bootstrap.servers": bootstrap, "group.id": f"readers-{time.monotonic()}", "auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer(settings)
    try:
        consumer.subscribe([topic])
        deadline = time.monotonic() + 30
        while (message := consumer.poll(1)) is None or message.error():
            assert time.monotonic() < deadline, f"no record: {message and message.error()}"
        assert message.value() == b"hello"
    finally:
        consumer.close()


def test_it_is_small_and_nobody_is_root(engine):
    inspected = json.loads(engine.run("inspect", IMAGE).stdout)[0]
    if "release" in paths.barnabas_binary().parts:
        assert inspected["Size"] < SIZE_MAX
    config = inspected["Config"]
    assert config["User"] == "1000:1000"
    assert config["Cmd"] == ["/etc/kafka/docker/run"] and not config["Entrypoint"]


def test_without_settings_all_reach_it(network, run):
    """The machine by a published port, the container itself, and a neighbour in its network."""
    port = 9092
    server = run(f"--publish=127.0.0.1:{port}:9092", f"--network={network}", "--network-alias=kafka")
    server.ready()
    for line in READY:
        assert server.stdout().count(line) == 1, server.logs()
    roundtrip(f"localhost:{port}")
    assert "greetings" in server.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--list").stdout.split()
    neighbour = run(f"--network={network}", command=["sleep", "60"])
    listed = neighbour.exec("kafka-topics", "--bootstrap-server", "kafka:9092", "--list")
    assert "greetings" in listed.stdout.split()
    neighbour.exec("kafka-console-producer", "--bootstrap-server", "kafka:9092", "--topic", "greetings", stdin="from next door\n")
    read = ["kafka-console-consumer", "--bootstrap-server", "kafka:9092", "--topic", "greetings", "--from-beginning", "--max-messages", "2"]
    assert neighbour.exec(*read).stdout.splitlines() == ["hello", "from next door"]


def test_a_port_published_as_another_needs_an_advertised_listener(run):
    port = free_port()
    env = {"KAFKA_LISTENERS": "PLAINTEXT://:9092", "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{port}"}
    server = run(f"--publish=127.0.0.1:{port}:9092", env=env)
    server.ready()
    roundtrip(f"localhost:{port}")


def test_it_stops_at_once_and_cleanly(run):
    server = run()
    server.ready()
    took, code = server.stop()
    assert (took < STOPS_WITHIN_S, code) == (True, 0), (took, server.logs())
    interrupted = run("--stop-signal=INT")
    interrupted.ready()
    took, code = interrupted.stop()
    assert (took < STOPS_WITHIN_S, code) == (True, 0), (took, interrupted.logs())


@pytest.mark.parametrize(
    ("place", "env"),
    [
        ("/var/lib/kafka/data", {"KAFKA_PROCESS_ROLES": "broker,controller"}),
        ("/tmp/kraft-combined-logs", {}),
        ("/tmp/kafka-logs", {}),
        ("/bitnami", {"KAFKA_CFG_NUM_PARTITIONS": "1"}),
        ("/bitnami/kafka", {"KAFKA_CFG_NUM_PARTITIONS": "1"}),
        ("/kafka", {}),
        ("/data", {"KAFKA_LOG_DIRS": "/data"}),
    ],
)
def test_a_volume_is_kept_wherever_an_image_has_it(volume, run, place, env):
    user = () if place != "/data" else ("--user=0",)
    options = (f"--volume={volume}:{place}", "--hostname=kafka", *user)
    first = run(*options, env={**env, "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw"})
    first.ready()
    first.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--create", "--topic", "kept")
    first.stop()
    # Another id in the environment changes nothing: the volume's stays.
    second = run(*options, env={**env, "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"})
    assert "cluster 4L6g3nShT-eMCtK--X86sw" in second.ready()
    assert "kept" in second.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--list").stdout.split()


@pytest.mark.parametrize(
    "options",
    [("--user=12345:54321",), ("--user=1001:0",), ("--user=0:0",), ("--read-only",), ("--read-only", "--tmpfs=/tmp", "--user=4711:0")],
    ids=" ".join,
)
def test_any_user_may_run_it_and_the_root_may_be_read_only(run, options):
    server = run(*options, env={"KAFKA_NUM_PARTITIONS": "3"})
    server.ready()
    server.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--create", "--topic", "a")
    described = server.exec("kafka-topics", "--bootstrap-server", "localhost:9092", "--describe", "--topic", "a").stdout
    assert "PartitionCount: 3" in described


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"KAFKA_NUM_PARTITIONS": "many"}, "KAFKA_NUM_PARTITIONS=many"),
        ({"KAFKA_ADVERTISED_LISTENERS": "OTHER://a:1", "KAFKA_LISTENERS": "PLAINTEXT://:1"}, "KAFKA_ADVERTISED_LISTENERS=OTHER://a:1"),
        ({"KAFKA_CREATE_TOPICS": "a:x:1"}, "KAFKA_CREATE_TOPICS=a:x:1 is not valid"),
        ({"KAFKA_CREATE_TOPICS": "a:1:3"}, "topic a could not be created"),
        ({"CLUSTER_ID": "no id"}, "CLUSTER_ID=no id is not valid"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_used_ends_it_with_a_message(engine, env, expected):
    variables = [f"--env={name}={value}" for name, value in env.items()]
    ended = engine.run("run", "--rm", *variables, IMAGE, check=False)
    assert ended.returncode == 1
    assert expected in ended.stdout + ended.stderr
