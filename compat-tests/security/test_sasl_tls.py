"""SASL within TLS: SASL_SSL, by PLAIN and SCRAM, with and without a certificate of the client's."""

import subprocess

import pytest
from clients import kcat_refused, kcat_round_trip, librdkafka
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from harness.java_tools import TOOLS, java
from secured import Secured, pem_server
from security.sasl_broker import MODULES, PLAIN, SCRAM


@pytest.fixture(scope="module")
def secured(pki, tmp_path_factory):
    settings = {
        **pem_server(pki),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": PLAIN,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": SCRAM,
    }
    with Secured(tmp_path_factory.mktemp("broker"), settings, "SASL_SSL") as opened:
        admin = AdminClient({"bootstrap.servers": opened.broker.bootstrap})
        upsertion = UserScramCredentialUpsertion("alice", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), b"alice-secret")
        for done in admin.alter_user_scram_credentials([upsertion]).values():
            done.result(30)
        yield opened


def settings_of(pki, mechanism, password="alice-secret", **more):
    own = {"security.protocol": "sasl_ssl", "sasl.mechanism": mechanism, "sasl.username": "alice", "sasl.password": password}
    return librdkafka(pki, **{**own, **more})


@pytest.mark.parametrize("client", [None, "client"])
def test_plain_within_tls(secured, pki, client):
    kcat_round_trip(secured.bootstrap, settings_of(pki, "PLAIN", client=client))


def test_scram_within_tls(secured, pki):
    delivered = []
    producer = Producer({"bootstrap.servers": secured.bootstrap, **settings_of(pki, "SCRAM-SHA-512")})
    producer.produce("within", b"x", on_delivery=lambda error, _: delivered.append(error))
    producer.flush(15)
    assert delivered == [None]


def test_a_wrong_password_within_tls(secured, pki):
    said = kcat_refused(secured.bootstrap, settings_of(pki, "PLAIN", password="wrong"))
    assert "Authentication failed: Invalid username or password" in said


def test_java_within_tls(secured, pki, tmp_path):
    path = tmp_path / "client.properties"
    path.write_text(
        f"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\nssl.truststore.location={pki.path('ca.crt')}\n"
        f'sasl.jaas.config={MODULES}.scram.ScramLoginModule required username="alice" password="alice-secret";\n'
    )
    command = java(TOOLS + "TopicCommand", "--bootstrap-server", secured.bootstrap, "--command-config", str(path), "--list")
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
