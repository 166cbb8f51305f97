"""Kafka's command line tools in the binary: as clients of listeners with TLS and SASL, by `--command-config`."""

import subprocess

import pytest

from secured import Secured, pem_server

from harness.paths import barnabas_binary

PASSWORD = "alice-secret"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
DEADLINE_S = 30


@pytest.fixture(scope="module")
def tls(pki, tmp_path_factory):
    with Secured(tmp_path_factory.mktemp("tls"), pem_server(pki)) as secured:
        yield secured


@pytest.fixture(scope="module")
def sasl(tmp_path_factory):
    settings = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{PLAIN} required user_alice="{PASSWORD}";',
        "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config": f"{SCRAM} required;",
    }
    with Secured(tmp_path_factory.mktemp("sasl"), settings, "SASL_PLAINTEXT") as secured:
        yield secured


def tool(*arguments, stdin=""):
    return subprocess.run([barnabas_binary(), *arguments], input=stdin, capture_output=True, text=True, timeout=DEADLINE_S)


def properties(folder, **given):
    path = folder / "client.properties"
    path.write_text("".join(f"{key.replace('_', '.')}={value}\n" for key, value in given.items()))
    return str(path)


def user(folder, mechanism, module, name, password):
    jaas = f'{module} required username="{name}" password="{password}";'
    return properties(folder, security_protocol="SASL_PLAINTEXT", sasl_mechanism=mechanism, sasl_jaas_config=jaas)


def test_a_trusted_broker_is_spoken_to_by_tls(tls, pki, tmp_path):
    trust = properties(
        tmp_path, security_protocol="SSL", ssl_truststore_type="PEM", ssl_truststore_location=pki.path("ca.crt")
    )
    address = ["--bootstrap-server", tls.bootstrap, "--command-config", trust]
    created = tool("topics", "--create", "--topic", "t", *address)
    assert (created.returncode, created.stdout) == (0, "Created topic t.\n"), created.stderr
    written = tool("console-producer", "--topic", "t", *address, stdin="hello\n")
    assert written.returncode == 0, written.stderr
    read = tool("console-consumer", "--topic", "t", "--from-beginning", "--max-messages", "1", *address)
    assert (read.returncode, read.stdout) == (0, "hello\n"), read.stderr


def test_a_stranger_is_not_spoken_to(tls, pki, tmp_path):
    trust = properties(
        tmp_path, security_protocol="SSL", ssl_truststore_type="PEM", ssl_truststore_location=pki.path("stranger.crt")
    )
    refused = tool("topics", "--list", "--bootstrap-server", tls.bootstrap, "--command-config", trust)
    assert refused.returncode == 1
    assert "SSL handshake failed" in refused.stdout + refused.stderr


def test_who_logs_in_by_plain_is_served(sasl, tmp_path):
    address = ["--bootstrap-server", sasl.bootstrap, "--command-config"]
    created = tool("topics", "--create", "--topic", "t", *address, user(tmp_path, "PLAIN", PLAIN, "alice", PASSWORD))
    assert (created.returncode, created.stdout) == (0, "Created topic t.\n"), created.stderr
    refused = tool("topics", "--list", *address, user(tmp_path, "PLAIN", PLAIN, "alice", "guessed"))
    assert refused.returncode == 1
    assert "Authentication failed" in refused.stdout + refused.stderr
    assert "guessed" not in refused.stdout + refused.stderr


def test_a_user_made_by_kafka_configs_logs_in_by_scram(sasl, tmp_path):
    credential = f"SCRAM-SHA-256=[password={PASSWORD}]"
    open_address = ["--bootstrap-server", sasl.broker.bootstrap]
    made = tool("configs", *open_address, "--alter", "--user", "bob", "--add-config", credential)
    assert made.returncode == 0, made.stderr
    bob = user(tmp_path, "SCRAM-SHA-256", SCRAM, "bob", PASSWORD)
    listed = tool("topics", "--list", "--bootstrap-server", sasl.bootstrap, "--command-config", bob)
    assert listed.returncode == 0, listed.stdout + listed.stderr
