"""Delegation tokens (KIP-48): byte by byte in Kafka's order of checks, and by its own tool."""

import base64
import struct
from contextlib import contextmanager

import pytest
from clients import java_properties
from harness import program
from harness.deadline import until
from harness.java_tools import TOOLS, java, refused
from harness.wire import string
from principals import authorized
from security.sasl_wire import Connection, Scram

MODULES = "org.apache.kafka.common.security"
USERS = ("alice", "bob", "eve")
CREATE, RENEW, EXPIRE, DESCRIBE = 38, 39, 40, 41
NOT_FOUND, OWNER_MISMATCH, NOT_ALLOWED, NOT_AUTHORIZED, BAD_PRINCIPAL = 62, 63, 64, 65, 67


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    users = " ".join(f'user_{name}="{name}-secret"' for name in USERS)
    settings = {
        "delegation.token.secret.key": "a-key-of-all-nodes",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "super.users": "User:ANONYMOUS;User:alice",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f"{MODULES}.plain.PlainLoginModule required {users};",
        "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
    }
    with authorized(tmp_path_factory.mktemp("tokens"), settings) as secured:
        yield secured


class User(Connection):
    """Who has logged in by a password."""

    def __init__(self, secured, name):
        super().__init__(secured.port)
        assert self.plain(name, f"{name}-secret")[0] == 0

    def create(self, renewers=(), lifetime_ms=-1):
        """Error, owner, expiry, end, id and HMAC."""
        named = b"".join(string(kind) + string(name) for kind, name in renewers)
        answer = self.ask(CREATE, 1, struct.pack(">i", len(renewers)) + named + struct.pack(">q", lifetime_ms))
        error, at = struct.unpack_from(">h", answer)[0], 2
        kind, at = text(answer, at)
        name, at = text(answer, at)
        _, expiry, end = struct.unpack_from(">qqq", answer, at)
        token_id, at = text(answer, at + 24)
        size = struct.unpack_from(">i", answer, at)[0]
        return error, f"{kind}:{name}", expiry, end, token_id, answer[at + 4 : at + 4 + size]

    def create_for(self, owner):
        """The error of a token for another user, by version 3."""
        def compact(value):
            return bytes([len(value) + 1]) + value.encode()

        frame = struct.pack(">hhih", CREATE, 3, 7, -1) + b"\0"
        self.send(frame + compact("User") + compact(owner) + b"\1" + struct.pack(">q", -1) + b"\0")
        return struct.unpack_from(">h", self.receive(), 5)[0]

    def change(self, key, hmac, period_ms=-1):
        """Error and expiry after RENEW or EXPIRE."""
        answer = self.ask(key, 1, struct.pack(">i", len(hmac)) + hmac + struct.pack(">q", period_ms))
        return struct.unpack_from(">hq", answer)

    def described(self):
        """The error, and how many tokens there are to see."""
        return struct.unpack_from(">hi", self.ask(DESCRIBE, 1, struct.pack(">i", -1)))


def text(answer, at):
    size = struct.unpack_from(">h", answer, at)[0]
    return answer[at + 2 : at + 2 + size].decode(), at + 2 + size


def log_in(connection, token_id, hmac):
    """The last answer of an exchange of SCRAM with a token."""
    assert connection.handshake("SCRAM-SHA-256")[0] == 0
    scram = Scram(token_id, base64.b64encode(hmac).decode())
    bare = scram.bare(",tokenauth=true")
    first = connection.authenticate(f"n,,{bare}".encode())
    if first[0]:
        return first
    return connection.authenticate(scram.final(first[2].decode(), bare=bare))


@contextmanager
def holding(secured, token_id, hmac):
    """A connection of who logs in with a token, and how long it may. Apache Kafka's brokers learn of tokens late."""
    opened = []

    def logged_in():
        opened.append(Connection(secured.port))
        return log_in(opened[-1], token_id, hmac)

    try:
        error, message, _, lifetime = until("login with a token", lambda: (answer := logged_in())[0] == 0 and answer, 10)
        assert error == 0, message
        yield opened[-1], lifetime
    finally:
        for connection in opened:
            connection.socket.close()


def test_a_token_is_its_owners(secured):
    with User(secured, "bob") as bob, User(secured, "eve") as eve:
        error, owner, expiry, end, token_id, hmac = bob.create([("User", "alice")], 600_000)
        assert (error, owner, expiry, len(hmac)) == (0, "User:bob", end, 64)
        with holding(secured, token_id, hmac) as (holder, lifetime):
            assert 500_000 < lifetime <= 600_000
            # With a token nobody gets another one.
            assert struct.unpack_from(">h", holder.ask(DESCRIBE, 1, struct.pack(">i", -1)))[0] == NOT_ALLOWED
        until("the token", lambda: bob.described() == (0, 1), 10)
        assert eve.described() == (0, 0)
        assert eve.change(RENEW, hmac)[0] == OWNER_MISMATCH
        assert eve.change(RENEW, b"x" * 64)[0] == NOT_FOUND
        with User(secured, "alice") as alice:
            assert alice.change(RENEW, hmac, 1000) < (0, end)
        assert bob.change(EXPIRE, hmac)[0] == 0
        until("an end of the token", lambda: bob.described() == (0, 0), 10)
        with Connection(secured.port) as late:
            assert log_in(late, token_id, hmac)[0] == 58


def test_a_wrong_proof_is_no_token(secured):
    with User(secured, "bob") as bob, Connection(secured.port) as thief:
        _, _, _, _, token_id, hmac = bob.create()
        error, message, _, _ = log_in(thief, token_id, bytes(64))
        assert (error, message) == (58, "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256")
        assert bob.change(EXPIRE, hmac)[0] == 0


def test_a_token_for_another_takes_a_right(secured):
    with User(secured, "eve") as eve, User(secured, "alice") as alice:
        assert eve.create_for("bob") == NOT_AUTHORIZED
        assert alice.create_for("bob") == 0
        assert eve.create([("Group", "bob")])[0] == BAD_PRINCIPAL


def test_in_the_open_there_are_none(secured):
    with Connection(secured.broker.port) as anybody:
        answer = anybody.ask(CREATE, 1, struct.pack(">iq", 0, -1))
        assert struct.unpack_from(">h", answer)[0] == NOT_ALLOWED
        assert struct.unpack_from(">hq", anybody.ask(RENEW, 1, struct.pack(">iq", 0, -1))) == (NOT_ALLOWED, -1)


def test_kafkas_own_tool_and_a_java_client(secured, tmp_path):
    def config(module, mechanism, options):
        return java_properties(tmp_path, {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.jaas.config": f"{MODULES}.{module} required {options};",
        })

    password = config("plain.PlainLoginModule", "PLAIN", 'username="eve" password="eve-secret"')

    def tokens(*arguments):
        command = java(f"{TOOLS}DelegationTokenCommand", "--bootstrap-server", secured.bootstrap, "--command-config", password, *arguments)
        return program.run(command, 90)

    created = tokens("--create", "--max-life-time-period", "-1", "--renewer-principal", "User:bob")
    row = created.strip().splitlines()[-1].split()
    token_id, hmac, owner, requester, renewers = row[:5]
    assert (owner, requester, renewers) == ("User:eve", "User:eve", "[User:bob]")
    assert hmac in tokens("--describe", "--owner-principal", "User:eve")
    login = f'username="{token_id}" password="{hmac}" tokenauth="true"'
    token = config("scram.ScramLoginModule", "SCRAM-SHA-256", login)
    described = java(f"{TOOLS}TopicCommand", "--bootstrap-server", secured.bootstrap, "--command-config", token, "--list")
    program.run(described, 90)
    assert "Completed expire operation" in tokens("--expire", "--expiry-time-period", "-1", "--hmac", hmac)
    outcome = refused(secured, f"{TOOLS}TopicCommand", "--command-config", token, "--list")
    assert "invalid credentials with SASL mechanism SCRAM-SHA-256" in outcome
