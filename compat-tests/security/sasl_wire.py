"""SASL byte by byte: requests of a connection that may be closed at any moment, and a SCRAM client that may lie."""

import base64
import hashlib
import hmac
import socket
import struct
import time

from harness import wire
from harness.deadline import Deadline

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
METADATA, FETCH, PRODUCE = 3, 1, 0
ANSWER_S = 5


class Closed(Exception):
    """The broker has closed the connection without an answer."""


class Connection:
    """One connection; answers within 5 s."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame):
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self):
        """The next frame."""
        size = struct.unpack(">i", self._read(4))[0]
        return self._read(size)

    def ask(self, key, version, body):
        """The body of the answer to a request."""
        self.send(request(key, version, body))
        return self.receive()[4:]

    def is_closed(self):
        """Whether the broker closes the connection without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _read(self, count):
        data, deadline = b"", Deadline("answer", ANSWER_S)
        while len(data) < count:
            self.socket.settimeout(deadline.left())
            try:
                chunk = self.socket.recv(count - len(data))
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise Closed
            data += chunk
        return data

    def handshake(self, mechanism, version=1):
        """The error, and the mechanisms that there are."""
        answer = self.ask(SASL_HANDSHAKE, version, wire.string(mechanism))
        error, count = struct.unpack_from(">hi", answer)
        names, at = [], 6
        for _ in range(count):
            (length,) = struct.unpack_from(">h", answer, at)
            names.append(answer[at + 2 : at + 2 + length].decode())
            at += 2 + length
        return error, names

    def authenticate(self, token):
        """Error, message, token and lifetime of the session of an answer to SaslAuthenticate 1."""
        answer = self.ask(SASL_AUTHENTICATE, 1, struct.pack(">i", len(token)) + token)
        error, length = struct.unpack_from(">hh", answer)
        message = None if length < 0 else answer[4 : 4 + length].decode()
        at = 4 + max(length, 0)
        (size,) = struct.unpack_from(">i", answer, at)
        (lifetime,) = struct.unpack_from(">q", answer, at + 4 + size)
        return error, message, answer[at + 4 : at + 4 + size], lifetime

    def plain(self, user, password):
        assert self.handshake("PLAIN")[0] == 0
        return self.authenticate(f"\0{user}\0{password}".encode())

    def is_served(self):
        """Whether Metadata is answered."""
        return struct.unpack_from(">i", self.ask(METADATA, 1, struct.pack(">i", 0)))[0] == 1


def request(key, version, body=b"", client_id=None):
    """A request's frame, its header of version 1."""
    name = struct.pack(">h", -1) if client_id is None else wire.string(client_id)
    return struct.pack(">hhi", key, version, wire.CORRELATION_ID) + name + body


def timed(call):
    """What a call returns, and how long it took."""
    before = time.monotonic()
    result = call()
    return result, time.monotonic() - before


class Scram:
    """The client of one exchange (RFC 5802)."""

    def __init__(self, user, password, mechanism="SCRAM-SHA-256", nonce="fyko+d2lbbFgONRv9qkxdawL"):
        self.user = user.replace("=", "=3D").replace(",", "=2C")
        self.password, self.nonce = password.encode(), nonce
        self.hash = mechanism.removeprefix("SCRAM-").replace("-", "").lower()

    def bare(self, extensions=""):
        return f"n={self.user},r={self.nonce}{extensions}"

    def _mac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def final(self, server_first, bare=None, nonce=None, binding="biws", extensions="", proven=None):
        """The last message; `proven` is what is signed of it, where that differs from what is sent."""
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = self._mac(salted, b"Client Key")
        without = f"c={binding},r={nonce or fields['r']}{extensions}"
        signed = f"{bare or self.bare()},{server_first},{proven or without}".encode()
        signature = self._mac(hashlib.new(self.hash, client_key).digest(), signed)
        proof = bytes(one ^ other for one, other in zip(client_key, signature))
        self.expected = b"v=" + base64.b64encode(self._mac(self._mac(salted, b"Server Key"), signed))
        return f"{without},p={base64.b64encode(proof).decode()}".encode()
