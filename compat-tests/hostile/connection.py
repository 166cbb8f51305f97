"""A raw connection that says what became of a frame, and the requests it needs itself."""

import socket
import struct
import time

ANSWER_DEADLINE_S = 10
PROBE_ID = 4242
PROBE = struct.pack(">hhih", 18, 0, PROBE_ID, -1)


class Connection:
    """One connection; opened anew whenever the broker has closed it."""

    def __init__(self, port: int):
        self.port = port
        self.socket = None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def send(self, data: bytes) -> None:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_DEADLINE_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(data)

    def receive(self, timeout_s: float) -> bytes:
        """The next response, correlation id first. A TimeoutError when it is not there whole in time."""
        deadline = time.monotonic() + timeout_s
        (size,) = struct.unpack(">i", self._exactly(4, deadline))
        return self._exactly(size, deadline)

    def _exactly(self, count: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"{len(data)} of {count} bytes")
            self.socket.settimeout(left_s)
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise ConnectionError("closed by the broker")
            data += chunk
        return bytes(data)

    def outcome(self, frame: bytes, timeout_s: float = ANSWER_DEADLINE_S) -> str:
        """Sends a frame and an ApiVersions request behind it. "answered": something came back and the connection lives,
        or only the probe was answered (acks=0); "closed"; "silent": neither within the time."""
        deadline = time.monotonic() + timeout_s
        try:
            self.send(framed(frame) + framed(PROBE))
            while struct.unpack(">i", self.receive(deadline - time.monotonic())[:4])[0] != PROBE_ID:
                pass
        except TimeoutError:
            self.close()
            return "silent"
        except OSError:
            self.close()
            return "closed"
        return "answered"

    def request(self, frame: bytes) -> bytes:
        """Sends a frame and returns the body of its answer, behind the correlation id."""
        self.send(framed(frame))
        return self.receive(ANSWER_DEADLINE_S)[4:]


def framed(frame: bytes) -> bytes:
    """A frame with its length in front."""
    return struct.pack(">i", len(frame)) + frame


def api_versions(port: int) -> dict[int, range]:
    """What the broker serves: versions by API key (ApiVersions version 0)."""
    with Connection(port) as connection:
        body = connection.request(PROBE)
    error, count = struct.unpack_from(">hi", body)
    assert error == 0, f"ApiVersions answered error {error}"
    rows = struct.iter_unpack(">hhh", body[6 : 6 + 6 * count])
    return {key: range(lowest, highest + 1) for key, lowest, highest in rows}
