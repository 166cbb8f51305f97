"""One raw connection to a broker: frames out, frames in, and what can happen instead of an answer."""

import socket
import struct
import time

import codec


class Outcome:
    """What a broker did with a request.

    kind: "answer" (body set), "closed", "silent" (nothing within the time), "none" (nothing, and the connection
    went on with the next request), "garbled" (an answer that breaks the definition; detail says how).
    """

    def __init__(self, kind, body=None, detail=None, raw=b""):
        self.kind = kind
        self.body = body
        self.detail = detail
        self.raw = raw

    def __getitem__(self, name):
        if self.kind != "answer":
            raise NoAnswer(f"{self.kind} {self.detail or ''}".strip())
        return self.body[name]

    def __repr__(self):
        return self.kind if self.kind != "answer" else repr(self.body)


class NoAnswer(Exception):
    """A script needed an answer and did not get one."""


class Connection:
    """A blocking socket that counts correlation ids."""

    def __init__(self, host, port, definitions, client_id="differential"):
        self.definitions = definitions
        self.client_id = client_id
        self.correlation = 0
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open = True

    def close(self):
        self.open = False
        self.socket.close()

    def frame(self, api, version, body, header_version=None):
        """The bytes of a request without the length; takes the next correlation id."""
        self.correlation += 1
        header = {
            "RequestApiKey": api.key,
            "RequestApiVersion": version,
            "CorrelationId": self.correlation,
            "ClientId": self.client_id,
        }
        header_version = api.request_header(version) if header_version is None else header_version
        out = bytearray(codec.encode(self.definitions.request_header, header_version, header))
        return bytes(out) + (body if isinstance(body, bytes) else codec.encode(api.request, version, body))

    def send(self, frame, length=None):
        """Send a frame with its length in front (or a lying one)."""
        try:
            self.socket.sendall(struct.pack(">i", len(frame) if length is None else length) + frame)
        except OSError:
            self.open = False

    def receive(self, api, version, correlation, timeout):
        """Wait for the answer of `correlation` and decode it."""
        try:
            data = self._frame(timeout)
        except TimeoutError:
            self.close()
            return Outcome("silent")
        except (OSError, EOFError):
            self.close()
            return Outcome("closed")
        reader = codec.Reader(data)
        try:
            header = codec.decode_header(self.definitions.response_header, api.response_header(version), reader)
            if header["CorrelationId"] != correlation:
                return Outcome("other", detail=header["CorrelationId"], raw=data)
            return Outcome("answer", codec.decode(api.response, version, data[reader.at:]), raw=data)
        except codec.Malformed as problem:
            return Outcome("garbled", detail=str(problem), raw=data)

    def _frame(self, timeout):
        deadline = time.monotonic() + timeout
        size = struct.unpack(">i", self._exactly(4, deadline))[0]
        if not 4 <= size <= 200 << 20:
            raise EOFError(f"frame of {size} bytes")
        return self._exactly(size, deadline)

    def _exactly(self, count, deadline):
        parts = bytearray()
        while len(parts) < count:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self.socket.settimeout(left_s)
            part = self.socket.recv(min(count - len(parts), 1 << 20))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)
