"""The console where there is an authorizer: nobody looks without a login, and whoever logs in may do what its user may."""

import base64
import json
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, ResourcePatternType, ResourceType

from certificates import Pki
from harness.deadline import until
from harness.http import Http
from harness.wire import free_port
from principals import authorized

WAIT_S = 20


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    port = free_port()
    with authorized(tmp_path_factory.mktemp("console"), {"barnabas.http.listener": f"127.0.0.1:{port}"}) as secured:
        yield Http(secured.broker, port)


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


ALICE, BOB = (basic(user, f"{user}-secret") for user in ("alice", "bob"))


def test_passwords_travel_by_tls(tmp_path):
    """One address with TLS beside one without; new keys count for new connections."""
    pki = Pki(tmp_path / "pki")
    for name in ("server", "later"):
        pki.server(name)
    current = Path(pki.path("current.pem"))
    current.write_text(pki.text("server.pem"))
    secure, plain = free_port(), free_port()
    settings = {
        "barnabas.http.listener": f"https://127.0.0.1:{secure},127.0.0.1:{plain}",
        "listener.name.http.ssl.keystore.type": "PEM",
        "listener.name.http.ssl.keystore.location": str(current),
    }
    trusting = ssl.create_default_context(cafile=pki.path("ca.crt"))

    def shown():
        with socket.create_connection(("127.0.0.1", secure), WAIT_S) as connection:
            with trusting.wrap_socket(connection, server_hostname="localhost") as secured:
                return secured.getpeercert(binary_form=True)

    with authorized(tmp_path / "broker", settings) as secured:
        session = urllib.request.Request(f"https://localhost:{secure}/console/api/session", headers=ALICE)
        with urllib.request.urlopen(session, timeout=WAIT_S, context=trusting) as answer:
            assert json.load(answer)["user"] == "alice"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(session, timeout=WAIT_S, context=ssl.create_default_context())
        # Whoever speaks without TLS there gets no answer, and disturbs nobody.
        with socket.create_connection(("127.0.0.1", secure), WAIT_S) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not connection.recv(1000).startswith(b"HTTP")
        assert Http(secured.broker, plain).get("/healthz")[0] == 200
        first = shown()
        current.write_text(pki.text("later.pem"))
        until("the new certificate", lambda: shown() != first, WAIT_S)


def test_nobody_looks_without_a_login(http):
    for headers in ({}, basic("alice", "wrong"), basic("nobody", "x"), {"Authorization": "Bearer x"}):
        assert http.console("topics", **headers)[0] == 401, headers
        assert http.console("topics/create", {"name": "never"}, **headers)[0] == 401, headers
    assert http.get("/console")[0] == 401
    assert http.get("/console", **ALICE)[0] == 200
    assert http.console("session", **ALICE)[1]["user"] == "alice"


def test_who_logs_in_may_do_what_the_user_may(http):
    admin = AdminClient({"bootstrap.servers": http.bootstrap})
    status, refused = http.console("topics/create", {"name": "orders"}, **ALICE)
    assert status == 403 and refused["error"]["name"].endswith("AuthorizationException"), refused
    rights = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, "User:alice", "*", AclOperation.ALL, AclPermissionType.ALLOW)
        for kind, name in ((ResourceType.BROKER, "kafka-cluster"), (ResourceType.TOPIC, "*"))
    ]
    for made in admin.create_acls(rights).values():
        made.result(WAIT_S)
    for path, change in (
        ("topics/create", {"name": "orders"}),
        ("produce", {"topic": "orders", "value": "seen"}),
        ("acls/create", {"type": "TOPIC", "name": "or", "pattern": "PREFIXED", "principal": "User:bob", "operation": "DESCRIBE", "permission": "ALLOW"}),
        ("users/set", {"user": "carol", "password": "carol-secret"}),
        ("quotas/set", {"user": "carol", "client": {}, "set": {"producer_byte_rate": "1000"}}),
    ):
        status, answer = http.console(path, change, **ALICE)
        assert status == 200, (path, answer)
    acls = http.console("acls", **ALICE)[1]["acls"]
    assert {(one["principal"], one["name"], one["operation"]) for one in acls} == {
        ("User:alice", "kafka-cluster", "ALL"), ("User:alice", "*", "ALL"), ("User:bob", "or", "DESCRIBE"),
    }
    users = admin.describe_user_scram_credentials(["carol"])["carol"].result(WAIT_S)
    assert [info.iterations for info in users.scram_credential_infos] == [4096]
    assert http.console("users", **ALICE)[1]["users"] == [{"user": "carol", "credentials": [["SCRAM-SHA-512", 4096]]}]
    entity = [["user", "carol"], ["client-id", None]]
    (quota,) = http.console("quotas", **ALICE)[1]["quotas"]
    assert sorted(quota["entity"]) == sorted(entity) and quota["values"] == {"producer_byte_rate": 1000.0}
    # Bob may know of the topic, and neither read nor delete it.
    assert [row[0] for row in http.console("topics", **BOB)[1]["topics"]] == ["orders"]
    assert http.console("messages?topic=orders", **BOB)[0] == 403
    assert http.console("topics/delete", {"name": "orders"}, **BOB)[0] == 403
    assert http.console("acls", **BOB)[0] == 403
    assert [one["value"]["text"] for one in http.console("messages?topic=orders", **ALICE)[1]["records"]] == ["seen"]
    for path, change in (
        ("quotas/set", {"user": "carol", "client": {}, "delete": ["producer_byte_rate"]}),
        ("users/delete", {"user": "carol"}),
        ("acls/delete", {"type": "TOPIC", "name": "or", "pattern": "PREFIXED", "principal": "User:bob", "operation": "DESCRIBE", "permission": "ALLOW"}),
    ):
        assert http.console(path, change, **ALICE) == (200, {"done": True}), path
    assert http.console("topics", **BOB)[1]["topics"] == []
    assert http.console("quotas", **ALICE)[1]["quotas"] == [] and http.console("users", **ALICE)[1]["users"] == []
