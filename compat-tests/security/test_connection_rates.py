"""How fast connections may come (KIP-612): a listener lets them wait, an address is turned away."""

import socket
import time

import pytest
from confluent_kafka.admin import AdminClient
from harness.broker import new_broker
from harness.java_tools import TOOLS, tool
from harness.wire import ask, free_port

API_VERSIONS = 18
ANSWER_S = 15
RATE = 5
BURST = 10 * RATE


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    slow = free_port()
    instance = new_broker(tmp_path_factory.mktemp("broker"), {})
    plain = instance.settings.get("listeners", f"PLAINTEXT://{instance.bootstrap}")
    for name in ("listeners", "advertised.listeners"):
        instance.settings[name] = f"{instance.settings.get(name, plain)},SLOW://127.0.0.1:{slow}"
    instance.settings["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SLOW:PLAINTEXT"
    instance.settings["listener.name.slow.max.connection.creation.rate"] = str(RATE)
    instance.slow = slow
    try:
        instance.start()
        yield instance
    finally:
        instance.close()


def answered(port, address="127.0.0.1"):
    """Whether a connection from an address is answered, rather than closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S, source_address=(address, 0)) as connection:
        connection.settimeout(ANSWER_S)
        try:
            return len(ask(connection, API_VERSIONS, 0, b"")) > 0
        except ConnectionError:
            return False


def test_a_listener_takes_connections_as_fast_as_it_is_told(broker):
    for _ in range(BURST):
        assert answered(broker.slow)
    began = time.monotonic()
    for _ in range(RATE):
        assert answered(broker.slow)
    # Ten seconds' worth came at once, and the next wait. Another listener does not.
    assert 0.5 < time.monotonic() - began < 5
    began = time.monotonic()
    assert answered(broker.port)
    assert time.monotonic() - began < 0.5


def test_an_address_that_comes_too_fast_is_turned_away(broker):
    quota = ["--alter", "--entity-type", "ips", "--entity-name", "127.0.0.9"]
    tool(broker, f"{TOOLS}ConfigCommand", *quota, "--add-config", "connection_creation_rate=1")
    outcomes = [answered(broker.port, "127.0.0.9") for _ in range(11)]
    assert outcomes[:9] == [True] * 9 and not outcomes[-1], outcomes
    assert answered(broker.port)
    tool(broker, f"{TOOLS}ConfigCommand", *quota, "--delete-config", "connection_creation_rate")
    assert answered(broker.port, "127.0.0.9")
    assert AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).brokers
