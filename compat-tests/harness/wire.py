"""The two requests the fixture sends itself, so that readiness does not depend on a client under test."""

import random
import socket
import struct

from harness.deadline import Deadline, Overdue

ANSWER_S = 2


def free_port() -> int:
    """A free port below the ephemeral range: no outgoing connection can take it while the broker restarts."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
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


def live_brokers(port: int, host: str = "127.0.0.1") -> int:
    """How many brokers a Metadata request (version 1, no topics) names; 0 while nobody answers."""
    body = struct.pack(">hhih", 3, 1, 7, -1) + struct.pack(">i", 0)
    try:
        deadline = Deadline(f"answer of {host}:{port}", ANSWER_S)
        with socket.create_connection((host, port), timeout=ANSWER_S) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _read_exactly(connection, 4, deadline))
            answer = _read_exactly(connection, size, deadline)
    except (OSError, Overdue):
        return 0
    correlation, brokers = struct.unpack_from(">ii", answer)
    assert correlation == 7, f"correlation id {correlation} of another request"
    return brokers
