"""Sessions that end, and clients that authenticate anew (KIP-368)."""

import time

import pytest
from confluent_kafka import Producer
from security.sasl_broker import sasl_broker
from security.sasl_wire import Closed, Connection

LIFETIME_S = 2
SETTINGS = {
    "connections.max.reauth.ms": "60000",
    "listener.name.sasl.plain.connections.max.reauth.ms": str(LIFETIME_S * 1000),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    instance = sasl_broker(tmp_path_factory.mktemp("broker"), SETTINGS)
    try:
        instance.start()
        yield instance
    finally:
        instance.close()


@pytest.fixture
def connection(broker):
    """One whose client has authenticated."""
    with Connection(broker.sasl_port) as opened:
        assert opened.plain("alice", "alice-secret") == (0, "", b"", LIFETIME_S * 1000)
        yield opened


def expire():
    """Waits until a session that has just begun is over: nothing tells of it."""
    time.sleep(LIFETIME_S + 0.1)


def test_a_session_that_is_over_is_closed_at_the_next_request(connection):
    assert connection.is_served()
    expire()
    with pytest.raises(Closed):
        connection.is_served()


def test_a_session_that_is_over_may_be_renewed(connection):
    expire()
    assert connection.plain("alice", "alice-secret")[0] == 0
    assert connection.is_served()


def test_who_authenticates_anew_stays_who_it_was(connection):
    expire()
    error, message, _, _ = connection.plain("bob", "bob-secret")
    assert error == 58
    assert message == "Cannot change principals during re-authentication from User.alice: User.bob"
    assert connection.is_closed()


def test_a_wrong_password_ends_a_session(connection):
    expire()
    assert connection.plain("alice", "wrong")[:2] == (58, "Authentication failed: Invalid username or password")
    assert connection.is_closed()


def test_another_mechanism_ends_a_session_at_its_token(connection):
    expire()
    assert connection.handshake("SCRAM-SHA-256")[0] == 0
    with pytest.raises(Closed):
        connection.authenticate(b"n,,n=alice,r=abc")


def test_a_client_goes_on_over_the_ends_of_its_sessions(broker):
    errors = []
    settings = {
        "bootstrap.servers": broker.sasl_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "alice",
        "sasl.password": "alice-secret",
        "error_cb": lambda error: errors.append(str(error)),
    }
    producer = Producer(settings)
    delivered = []
    deadline = time.monotonic() + 3 * LIFETIME_S
    while time.monotonic() < deadline:
        producer.produce("sessions", b"x", on_delivery=lambda error, _: delivered.append(error))
        producer.flush(10)
        time.sleep(0.2)
    assert set(delivered) == {None} and not errors, errors
