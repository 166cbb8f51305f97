"""Apache Kafka's own tools over TLS, with --command-config."""

import subprocess

import pytest

from certificates import PASSWORD
from clients import java_properties
from harness import program
from harness.java_tools import TOOLS, java
from secured import Secured, pem_server


@pytest.fixture(scope="module")
def secured(pki, tmp_path_factory):
    with Secured(tmp_path_factory.mktemp("tools"), {**pem_server(pki), "ssl.client.auth": "required"}) as secured:
        yield secured


def settings(pki, client):
    return {
        "security.protocol": "SSL",
        "ssl.truststore.type": "PKCS12",
        "ssl.truststore.location": pki.trust("PKCS12"),
        "ssl.truststore.password": PASSWORD,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pki.path(f"{client}.java.pem"),
    }


@pytest.fixture(scope="module")
def client(pki, tmp_path_factory):
    """A file for --command-config. Java's tools read PKCS#8 keys, as OpenSSL makes them."""
    (pki.folder / "client.java.pem").write_text(pki.text("client.key") + pki.text("client.crt"))
    return java_properties(tmp_path_factory.mktemp("java"), settings(pki, "client"))


def test_topics_are_made_and_told(secured, client):
    base = java(f"{TOOLS}TopicCommand", "--bootstrap-server", secured.bootstrap, "--command-config", client)
    program.run([*base, "--create", "--topic", "by-tool", "--partitions", "2"], 90)
    assert "PartitionCount: 2" in program.run([*base, "--describe", "--topic", "by-tool"], 90)


def test_console_producer_and_consumer(secured, client):
    at = ["--bootstrap-server", secured.bootstrap, "--topic", "by-console"]
    program.run(java(f"{TOOLS}ConsoleProducer", *at, "--command-config", client), 90, stdin="one\ntwo\n")
    consumer = java(f"{TOOLS}consumer.ConsoleConsumer", *at, "--command-config", client, "--from-beginning", "--max-messages", "2")
    assert program.run(consumer, 90).split() == ["one", "two"]


def test_ed25519_on_both_sides(pki, tmp_path):
    store = {"ssl.keystore.type": "PKCS12", "ssl.keystore.password": PASSWORD}
    server = {**pem_server(pki), **store, "ssl.keystore.location": pki.pkcs12("server-ed25519"), "ssl.client.auth": "required"}
    client = {**settings(pki, "client"), **store, "ssl.keystore.location": pki.pkcs12("client-ed25519")}
    with Secured(tmp_path / "node", server) as secured:
        config = java_properties(tmp_path, client)
        program.run(java(f"{TOOLS}TopicCommand", "--bootstrap-server", secured.bootstrap, "--command-config", config, "--list"), 90)


def test_without_a_certificate_the_tool_is_not_let_in(secured, pki, tmp_path):
    given = settings(pki, "client")
    for key in ("ssl.keystore.type", "ssl.keystore.location"):
        del given[key]
    config = java_properties(tmp_path, {**given, "default.api.timeout.ms": "15000", "request.timeout.ms": "10000"})
    command = java(f"{TOOLS}TopicCommand", "--bootstrap-server", secured.bootstrap, "--command-config", config, "--list")
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
