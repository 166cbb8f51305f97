"""Metrics that clients push (KIP-714): librdkafka's and Java's, subscribed by Kafka's own tool, seen at /metrics."""

import subprocess
import time

from confluent_kafka import Consumer, Producer
from prometheus_client.parser import text_string_to_metric_families

from harness.java_tools import TOOLS, java, tool

WAIT_S = 30


def clients(http):
    """Of each client that has pushed: the names of its metrics."""
    found = {}
    for family in text_string_to_metric_families(http.get("/metrics")[2]):
        for sample in family.samples:
            if "client_instance_id" in sample.labels:
                found.setdefault(sample.labels["client_id"], set()).add(sample.name)
    return found


def wait_for(http, client, name):
    deadline = time.monotonic() + WAIT_S
    while name not in (names := clients(http).get(client, set())):
        assert time.monotonic() < deadline, f"{client} has pushed {names}"
        time.sleep(0.1)


def test_clients_push_what_is_subscribed(http):
    tool(
        http.broker,
        TOOLS + "ClientMetricsCommand",
        *["--alter", "--name", "all", "--interval", "200"],
        *["--metrics", "org.apache.kafka.producer.,org.apache.kafka.consumer.", "--match", "client_id=.*pushes"],
    )
    settings = {"bootstrap.servers": http.bootstrap}
    silent = Producer({**settings, "client.id": "silent"})
    producer = Producer({**settings, "client.id": "librdkafka-pushes"})
    for each in (silent, producer):
        each.produce("pushed", b"x")
        assert each.flush(WAIT_S) == 0
    consumer = Consumer({**settings, "client.id": "consumer-pushes", "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["pushed"])
    assert len(consumer.consume(2, WAIT_S)) == 2
    command = java(TOOLS + "ConsoleProducer", "--bootstrap-server", http.bootstrap, "--topic", "pushed")
    command += ["--command-property", "client.id=java-pushes"]
    # What is written leaves at the end of the line.
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            process.stdin.write("x\n")
            wait_for(http, "librdkafka-pushes", "org_apache_kafka_producer_connection_creation_total")
            wait_for(http, "consumer-pushes", "org_apache_kafka_consumer_connection_creation_total")
            wait_for(http, "java-pushes", "org_apache_kafka_producer_connection_creation_total")
            process.stdin.close()
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()
    consumer.close()
    found = clients(http)
    assert "silent" not in found
    assert all(name.startswith("org_apache_kafka_producer_") for name in found["java-pushes"]), found
