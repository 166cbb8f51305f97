"""Well-formed requests to spoil: for every API and version the ones that Apache Kafka's own classes wrote.

The bodies come from the protocol crate's golden file, the header versions from its table of APIs.
"""

import re
import struct
from dataclasses import dataclass

from harness import paths

GOLDEN = paths.REPOSITORY / "crates" / "protocol" / "tests" / "golden" / "every-message.txt"
TABLE = paths.REPOSITORY / "crates" / "protocol" / "src" / "api.rs"
ROW = re.compile(r"^    (\w+) = (\d+), (\d+), (\d+), (Some\((\d+)\)|None), \w+;$", re.MULTILINE)
CORRELATION_ID = 77


@dataclass(frozen=True)
class Api:
    """One row of the table of APIs."""

    name: str
    key: int
    flexible_from: int

    def header(self, version: int, correlation_id: int = CORRELATION_ID) -> bytes:
        """A request header with the client id "x"."""
        header = struct.pack(">hhih", self.key, version, correlation_id, 1) + b"x"
        return header + b"\0" if version >= self.flexible_from else header


@dataclass(frozen=True)
class Request:
    """A well-formed request: header and body, without the frame's length."""

    api: Api
    version: int
    body: bytes

    @property
    def frame(self) -> bytes:
        return self.api.header(self.version) + self.body

    def __str__(self) -> str:
        return f"{self.api.name} v{self.version}"


def apis() -> dict[int, Api]:
    """Every API that Kafka 4.4 knows, by key."""
    rows = ROW.findall(TABLE.read_text())
    assert len(rows) > 50, f"{TABLE} is not written as this expects"
    return {int(key): Api(name, int(key), int(flexible or 1 << 15)) for name, key, _, _, _, flexible in rows}


def well_formed(served: dict[int, range]) -> list[Request]:
    """The golden requests of every served API and version."""
    known = apis()
    requests = []
    for line in GOLDEN.read_text().splitlines():
        kind, *rest = line.split(" ")
        if kind == "request":
            key, version = int(rest[0]), int(rest[1])
            if version in served.get(key, ()):
                requests.append(Request(known[key], version, bytes.fromhex(rest[2] if len(rest) > 2 else "")))
    return requests
