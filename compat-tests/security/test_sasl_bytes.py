"""SASL byte by byte: what is answered, what closes the connection, and when."""

import struct

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from harness import wire
from security.sasl_broker import MECHANISMS, sasl_broker
from security.sasl_wire import (
    API_VERSIONS,
    FETCH,
    METADATA,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    Closed,
    Connection,
    Scram,
    request,
    timed,
)

DELAY_S = 0.2
SETTINGS = {"connection.failed.authentication.delay.ms": "200", "sasl.server.max.receive.size": "60000"}
INVALID = "Authentication failed: Invalid username or password"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    instance = sasl_broker(tmp_path_factory.mktemp("broker"), SETTINGS)
    try:
        instance.start()
        admin = AdminClient({"bootstrap.servers": instance.bootstrap})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        users = [UserScramCredentialUpsertion(name, info, b"alice-secret") for name in ("alice", "a,b=c")]
        for done in admin.alter_user_scram_credentials(users).values():
            done.result(30)
        yield instance
    finally:
        instance.close()


@pytest.fixture
def connection(broker):
    with Connection(broker.sasl_port) as opened:
        yield opened


def test_versions_are_told_once(connection):
    assert struct.unpack_from(">h", connection.ask(API_VERSIONS, 0, b""))[0] == 0
    connection.send(request(API_VERSIONS, 0))
    assert connection.is_closed()


def test_versions_may_be_asked_for_again_after_an_error(connection):
    assert struct.unpack_from(">h", connection.ask(API_VERSIONS, 99, b"\0"))[0] == 35
    assert struct.unpack_from(">h", connection.ask(API_VERSIONS, 0, b""))[0] == 0
    assert connection.plain("alice", "alice-secret")[0] == 0


@pytest.mark.parametrize(
    "frame",
    [
        request(METADATA, 1, struct.pack(">i", 0)),
        request(PRODUCE, 3, b"garbage"),
        request(SASL_AUTHENTICATE, 1, struct.pack(">i", 0)),
        request(SASL_HANDSHAKE, 9, wire.string("PLAIN")),
        b"\0alice\0alice-secret",
        b"",
    ],
    ids=["metadata", "garbage", "authenticate", "handshake-9", "token", "empty"],
)
def test_anything_else_closes_the_connection(connection, frame):
    connection.send(frame)
    assert connection.is_closed()


def test_frames_are_small_until_the_client_is_known(broker, connection):
    connection.socket.sendall(struct.pack(">i", 60001))
    assert connection.is_closed()
    with Connection(broker.sasl_port) as known:
        assert known.plain("alice", "alice-secret")[0] == 0
        known.send(request(METADATA, 1, struct.pack(">i", 1) + wire.string("t" * 30000) + bytes(40000)))
        assert known.receive()


def test_an_unknown_mechanism_is_answered_with_those_that_there_are(connection):
    error, names = connection.handshake("plain")
    assert error == 33 and sorted(names) == sorted(MECHANISMS)
    assert connection.is_closed()


def test_tokens_are_frames_after_a_handshake_of_version_0(broker, connection):
    assert connection.handshake("PLAIN", version=0)[0] == 0
    connection.send(b"\0alice\0alice-secret")
    assert connection.receive() == b""
    assert connection.is_served()
    with Connection(broker.sasl_port) as other:
        other.handshake("PLAIN", version=0)
        other.send(b"\0alice\0wrong")
        assert other.is_closed()


@pytest.mark.parametrize(
    "token, expected",
    [
        (b"\0alice\0wrong", INVALID),
        (b"\0eve\0alice-secret", INVALID),
        (b"\0admin\0admin-secret", INVALID),
        (b"bob\0alice\0alice-secret", "Authentication failed: Client requested an authorization id that is different from username"),
        (b"\0\0x", "Authentication failed: username not specified"),
        (b"\0alice\0", "Authentication failed: password not specified"),
        (b"alice", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
        (b"\0alice\0alice-secret\0\0", "Invalid SASL/PLAIN response: expected 3 tokens, got 4"),
    ],
)
def test_plain_is_refused_late_and_in_kafkas_words(connection, token, expected):
    assert connection.handshake("PLAIN")[0] == 0
    (error, message, _, _), took = timed(lambda: connection.authenticate(token))
    assert (error, message) == (58, expected)
    assert took >= DELAY_S * 0.9
    assert connection.is_closed()


def test_nothing_behind_a_refusal_runs(broker, connection):
    token = b"\0alice\0wrong"
    create = struct.pack(">i", 1) + wire.string("behind") + struct.pack(">ihiiii", 1, 1, 0, 0, 5000, 0)
    frames = [
        request(SASL_HANDSHAKE, 1, wire.string("PLAIN")),
        request(SASL_AUTHENTICATE, 1, struct.pack(">i", len(token)) + token),
        request(METADATA, 4, struct.pack(">i", 1) + wire.string("behind") + b"\x01"),
        request(19, 2, create),
    ]
    connection.socket.sendall(b"".join(struct.pack(">i", len(frame)) + frame for frame in frames))
    connection.receive()
    assert struct.unpack_from(">h", connection.receive(), 4)[0] == 58
    assert connection.is_closed()
    with Connection(broker.port) as plain:
        assert b"behind" not in plain.ask(METADATA, 1, struct.pack(">i", -1))


def test_what_is_sent_before_the_answer_runs_after_it(connection):
    token = b"\0alice\0alice-secret"
    frames = [
        request(SASL_HANDSHAKE, 1, wire.string("PLAIN")),
        request(SASL_AUTHENTICATE, 1, struct.pack(">i", len(token)) + token),
    ]
    connection.socket.sendall(b"".join(struct.pack(">i", len(frame)) + frame for frame in frames))
    connection.receive()
    assert struct.unpack_from(">h", connection.receive(), 4)[0] == 0
    assert connection.is_served()


@pytest.mark.parametrize(
    "key, version, body, error_at",
    [
        (FETCH, 7, struct.pack(">iiiibiiii", -1, 0, 0, 0, 0, 0, 0, 0, 0), 4),
        (SASL_HANDSHAKE, 1, wire.string("PLAIN"), 0),
        (API_VERSIONS, 0, b"", 0),
        (METADATA, 1, struct.pack(">i", 0), None),
    ],
    ids=["fetch", "handshake", "versions", "metadata"],
)
def test_a_request_in_a_tokens_place_is_answered_in_its_own_kind(connection, key, version, body, error_at):
    assert connection.handshake("PLAIN")[0] == 0
    answer = connection.ask(key, version, body)
    if error_at is not None:
        assert struct.unpack_from(">h", answer, error_at)[0] == 34
    assert connection.is_closed()


def test_who_is_known_needs_no_second_handshake(broker, connection):
    assert connection.plain("alice", "alice-secret")[0] == 0
    assert connection.handshake("PLAIN")[0] == 34
    assert connection.authenticate(b"\0alice\0alice-secret")[0] == 34
    assert connection.is_served()
    with Connection(broker.port) as plain:
        assert plain.handshake("PLAIN")[0] == 34
        assert plain.authenticate(b"")[0] == 34
        assert plain.is_served()


@pytest.mark.parametrize("user", ["alice", "a,b=c"])
def test_scram_goes_through(connection, user):
    client = Scram(user, "alice-secret")
    assert connection.handshake("SCRAM-SHA-256")[0] == 0
    error, _, first, _ = connection.authenticate(f"n,,{client.bare()}".encode())
    assert error == 0 and first.startswith(b"r=" + client.nonce.encode())
    error, _, last, lifetime = connection.authenticate(client.final(first.decode()))
    assert (error, last, lifetime) == (0, client.expected, 0)
    assert connection.is_served()


@pytest.mark.parametrize(
    "first",
    ["y,,n=alice,r=abc", "p=tls-unique,,n=alice,r=abc", "n,,n=eve,r=abc", "n,,n=ali=ce,r=abc", "n,,r=abc,n=alice", "", "x"],
)
def test_a_first_message_that_is_none_is_refused(connection, first):
    assert connection.handshake("SCRAM-SHA-256")[0] == 0
    error, message, _, _ = connection.authenticate(first.encode())
    assert error == 58 and message.endswith("invalid credentials with SASL mechanism SCRAM-SHA-256")
    assert connection.is_closed()


def begun(connection, gs2="n,,", extensions=""):
    """A client and the server's first message."""
    client = Scram("alice", "alice-secret")
    assert connection.handshake("SCRAM-SHA-256")[0] == 0
    error, message, first, _ = connection.authenticate(f"{gs2}{client.bare(extensions)}".encode())
    assert error == 0, message
    return client, first.decode()


def test_the_nonce_is_compared_in_full(connection):
    client, first = begun(connection)
    both = first.split(",")[0].removeprefix("r=")
    error, _, _, _ = connection.authenticate(client.final(first, nonce=client.nonce + both))
    assert error == 58


def test_the_channel_binding_is_not_compared(connection):
    client, first = begun(connection)
    assert connection.authenticate(client.final(first, binding="eSws"))[0] == 0


def test_an_extension_of_the_first_message_is_signed(connection):
    client, first = begun(connection, extensions=",x=y")
    assert connection.authenticate(client.final(first, bare=client.bare(",x=y")))[0] == 0


def test_the_reserved_extension_is_not_signed(connection):
    client, first = begun(connection, gs2="n,,m=ext,")
    assert connection.authenticate(client.final(first))[0] == 0


def test_an_extension_of_the_last_message_is_not_signed(connection):
    client, first = begun(connection)
    proven = f"c=biws,{first.split(',')[0]}"
    assert connection.authenticate(client.final(first, extensions=",x=y", proven=proven))[0] == 0


def test_a_proof_of_the_wrong_length_is_not_answered(connection):
    client, first = begun(connection)
    whole = client.final(first).decode()
    with pytest.raises(Closed):
        connection.authenticate(f"{whole.split(',p=')[0]},p=AAAA".encode())
