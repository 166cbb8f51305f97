"""Requests that are sent byte by byte: what the fixture needs does not depend on a client under test, and a test may hang up when it likes."""

import os
import random
import socket
import struct

from harness.deadline import Deadline, Overdue

ANSWER_S = 2
CORRELATION_ID = 7

# How many processes may test at a time without taking each other's ports.
PORT_SHARES = 4
_given: set[int] = set()


def free_port() -> int:
    """A free port below the ephemeral range: no outgoing connection can take it while the broker restarts.

    Each of several processes that test at a time has its own, and gives none twice: nobody listens yet on the last one.
    """
    share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PORT_SHARES
    for _ in range(200):
        port = random.randrange(20000, 32000) // PORT_SHARES * PORT_SHARES + share
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def _read_exactly(connection: socket.socket, count: int, deadline: Deadline) -> bytes:
    data = b""
    while len(data) < count:
        connection.settimeout(deadline.left())
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError("closed by the broker")
        data += chunk
    return data


def send(connection: socket.socket, api_key: int, version: int, body: bytes) -> None:
    """Sends a request with a header of version 1 and no client id."""
    request = struct.pack(">hhih", api_key, version, CORRELATION_ID, -1) + body
    connection.sendall(struct.pack(">i", len(request)) + request)


def ask(connection: socket.socket, api_key: int, version: int, body: bytes) -> bytes:
    """The body of the answer to a request."""
    deadline = Deadline(f"answer of {connection.getpeername()}", ANSWER_S)
    send(connection, api_key, version, body)
    (size,) = struct.unpack(">i", _read_exactly(connection, 4, deadline))
    answer = _read_exactly(connection, size, deadline)
    (correlation_id,) = struct.unpack_from(">i", answer)
    assert correlation_id == CORRELATION_ID, f"correlation id {correlation_id} of another request"
    return answer[4:]


def hang_up(connection: socket.socket) -> None:
    """Resets the connection: the broker is not waited for, and gets nothing more to it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def string(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def live_brokers(port: int, host: str = "127.0.0.1") -> int:
    """How many brokers a Metadata request (version 1, no topics) names; 0 while nobody answers."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_S) as connection:
            answer = ask(connection, 3, 1, struct.pack(">i", 0))
    except (OSError, Overdue):
        return 0
    return struct.unpack_from(">i", answer)[0]
