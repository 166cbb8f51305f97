"""Who may do what in Apache Kafka is imported: ACLs, delegation tokens, users and quotas are shown by its successor as by itself."""

import os

import pytest
from files.kafka import barnabas
from harness.broker import ApacheKafka, Barnabas
from harness.deadline import until
from security.sasl_broker import MODULES, sasl_broker

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="about barnabas and its files")

SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "delegation.token.secret.key": "a-key-of-all-nodes",
}
FIRST = [
    ("acls", "--add", "--allow-principal", "User:alice", "--producer", "--topic", "orders"),
    ("acls", "--add", "--allow-principal", "User:bob", "--allow-host", "127.0.0.1", "--consumer", "--topic", "orders", "--group", "*"),
    ("acls", "--add", "--deny-principal", "User:*", "--operation", "All", "--topic", "internal-", "--resource-pattern-type", "prefixed"),
    ("acls", "--add", "--allow-principal", "User:carol", "--operation", "Alter", "--cluster"),
    ("acls", "--remove", "--force", "--allow-principal", "User:carol", "--operation", "Alter", "--cluster"),
    ("configs", "--alter", "--entity-type", "users", "--entity-name", "bob", "--add-config", "SCRAM-SHA-512=[iterations=8192,password=bob-secret]"),
    ("configs", "--alter", "--entity-type", "users", "--entity-name", "bob", "--add-config", "producer_byte_rate=1000000,request_percentage=20"),
    ("configs", "--alter", "--entity-type", "users", "--entity-default", "--entity-type", "clients", "--entity-name", "c", "--add-config",
     "consumer_byte_rate=5"),
    ("configs", "--alter", "--entity-type", "ips", "--entity-name", "10.0.0.1", "--add-config", "connection_creation_rate=7"),
]
SHOWN = [
    ("acls", "--list"),
    ("configs", "--describe", "--entity-type", "users"),
    ("configs", "--describe", "--entity-type", "users", "--entity-type", "clients"),
    ("configs", "--describe", "--entity-type", "ips"),
]


def shown(broker, login):
    """What the tools say, and the tokens of whoever has logged in."""
    said = {words: barnabas(words[0], "--bootstrap-server", broker.bootstrap, *words[1:]) for words in SHOWN}
    return {**said, "tokens": tokens(broker, login, "--describe")}


def tokens(broker, login, *words):
    return barnabas("delegation-tokens", "--bootstrap-server", broker.sasl_bootstrap, "--command-config", login, *words)


def test_what_apache_kafka_showed_is_shown(tmp_path):
    login = tmp_path / "alice.properties"
    login.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
        f'sasl.jaas.config={MODULES}.plain.PlainLoginModule required username="alice" password="alice-secret";\n'
    )
    kafka = sasl_broker(tmp_path / "kafka", SETTINGS, ApacheKafka)
    try:
        kafka.start()
        for words in FIRST:
            barnabas(words[0], "--bootstrap-server", kafka.bootstrap, *words[1:])
        tokens(kafka, login, "--create", "--max-life-time-period", "-1", "--renewer-principal", "User:bob")
        until("the token", lambda: "[User:bob]" in tokens(kafka, login, "--describe"), 30)
        before = shown(kafka, login)
        kafka.stop()
    finally:
        kafka.close()
    assert "User:carol" not in before["acls", "--list"] and before["acls", "--list"].count("principal=") == 7
    token_id, hmac = before["tokens"].strip().splitlines()[-1].split()[:2]

    ours = sasl_broker(tmp_path / "ours", SETTINGS, Barnabas)
    told = barnabas("import", tmp_path / "kafka" / "data", "--data", ours.folder / "data")
    assert "7 ACLs" in told and "1 delegation tokens" in told, told
    try:
        ours.start()
        assert shown(ours, login) == before
        for user, password, mechanism in [("bob", "bob-secret", "SCRAM-SHA-512"), (token_id, hmac, "SCRAM-SHA-256")]:
            logged_in = login.with_name("other.properties")
            token = ' tokenauth="true"' if user == token_id else ""
            logged_in.write_text(
                f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n"
                f'sasl.jaas.config={MODULES}.scram.ScramLoginModule required username="{user}" password="{password}"{token};\n'
            )
            barnabas("topics", "--bootstrap-server", ours.sasl_bootstrap, "--command-config", logged_in, "--list")
    finally:
        ours.close()
