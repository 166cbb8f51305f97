"""Who speaks TLS badly costs little and hinders nobody: half-open handshakes, garbage, records that are cut short or too long."""

import os
import socket
import ssl
import struct
import time

import pytest
from clients import kcat_metadata, librdkafka
from harness.deadline import until
from hostile import memory
from secured import Secured, pem_server

HALF_OPEN = 300
# A connection costs the system's buffers and a few KB.
MEMORY_MAX = 64 * 1024 * 1024
ANSWER_S = 10


@pytest.fixture(scope="module")
def secured(pki, tmp_path_factory):
    with Secured(tmp_path_factory.mktemp("tls"), pem_server(pki)) as secured:
        yield secured


@pytest.fixture
def hello():
    """A client's first message."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def connect(secured, sent=b""):
    connection = socket.create_connection(("127.0.0.1", secured.port), timeout=ANSWER_S)
    if sent:
        connection.sendall(sent)
    return connection


def is_closed(connection):
    """Whether the broker closes it, with or without an alert."""
    def ended():
        try:
            return connection.recv(4096) == b""
        except ConnectionResetError:
            return True

    return until("end", ended, ANSWER_S)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_half_open_handshakes_hinder_nobody(secured, pki, hello):
    pid = secured.broker.process.pid
    kcat_metadata(secured.bootstrap, librdkafka(pki))
    open_before, before = descriptors(pid), memory.resident(pid)
    held = []
    try:
        for number in range(HALF_OPEN):
            # Nothing, a part of a message, and one that is answered and then left alone.
            held.append(connect(secured, [b"", hello[:50], hello][number % 3]))
        began = time.monotonic()
        kcat_metadata(secured.bootstrap, librdkafka(pki))
        assert time.monotonic() - began < ANSWER_S
        assert memory.resident(pid) - before < MEMORY_MAX
    finally:
        for connection in held:
            connection.close()
    until("closed connections", lambda: descriptors(pid) <= open_before + 5, 20)


def test_what_is_no_tls_is_closed(secured, pki, hello):
    too_long = struct.pack(">BHH", 22, 0x0301, 0xFFFF) + bytes(0xFFFF)
    lying = hello[:5] + b"\1\xff\xff\xff" + hello[9:]
    metadata = struct.pack(">ihhih", 14, 3, 1, 7, -1) + struct.pack(">i", 0)
    for sent in [b"GET / HTTP/1.1\r\n\r\n", metadata, bytes(100), b"\xff" * 100_000, too_long, lying + bytes(20_000)]:
        connection = connect(secured)
        try:
            connection.sendall(sent)
        except ConnectionError:
            continue
        with connection:
            connection.shutdown(socket.SHUT_WR)
            assert is_closed(connection), sent[:20]
    kcat_metadata(secured.bootstrap, librdkafka(pki))


def test_a_record_that_is_spoiled_ends_the_connection(secured, pki):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    for record in [struct.pack(">BHH", 23, 0x0303, 32) + bytes(32), struct.pack(">BHH", 23, 0x0303, 0x4101) + bytes(0x4101)]:
        raw = connect(secured)
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            raw_again = socket.socket(fileno=os.dup(tls.fileno()))
            with raw_again:
                raw_again.sendall(record)
                raw_again.settimeout(ANSWER_S)
                assert is_closed(raw_again)
    kcat_metadata(secured.bootstrap, librdkafka(pki))
