"""Requests that are not what they say: the process lives, answers others, and stays small."""

import contextlib
import random
import socket
import struct

import pytest

from hostile import spoil
from hostile.connection import PROBE, Connection, api_versions, framed
from hostile.memory import bounded_growth
from hostile.well_formed import Request, apis, well_formed

SEED = 20260101
# Sound requests of these may wait: for records, for other members, for a deadline they name themselves.
MAY_WAIT = {"Fetch", "JoinGroup", "SyncGroup", "ShareFetch"}
WAIT_S = 0.3
# Keys behind the last one of Kafka 4.4, and before the first.
UNKNOWN_KEYS = [-1, -32768, 93, 500, 32767]


@pytest.fixture(autouse=True)
def still_lives(broker):
    """After every test the same process answers."""
    pid = broker.process.pid
    yield
    assert broker.process.poll() is None, f"the broker ended with {broker.process.poll()}"
    assert broker.process.pid == pid
    assert api_versions(broker.port), "no answer to ApiVersions"


def spoiled_bodies(request: Request, rng: random.Random) -> list[bytes]:
    body = request.body
    return [
        *spoil.truncations(body),
        *spoil.lies(body, rng, 25),
        *spoil.flips(body, rng, 15),
        *spoil.noise(rng, 3),
        *spoil.tails(body, rng),
    ]


def test_every_api_and_version_takes_spoiled_bodies(broker):
    served = api_versions(broker.port)
    requests = well_formed(served)
    assert {request.api.key for request in requests} == set(served), "an API without golden requests"
    rng = random.Random(SEED)
    silent = []
    with bounded_growth(broker.process.pid), Connection(broker.port) as connection:
        for request in requests:
            may_wait = request.api.name in MAY_WAIT
            for body in spoiled_bodies(request, rng):
                frame = request.api.header(request.version) + body
                outcome = connection.outcome(frame, **({"timeout_s": WAIT_S} if may_wait else {}))
                if outcome == "silent" and not may_wait:
                    silent.append(f"{request}: {frame.hex()}")
                assert broker.process.poll() is None, f"{request} ended the broker: {frame.hex()}"
    assert not silent, "neither answered nor closed:\n" + "\n".join(silent[:20])


def test_spoiled_headers(broker):
    rng = random.Random(SEED)
    sound = [api.header(version) for api in apis().values() for version in (0, 3, 9, 32767, -1)]
    sound += [struct.pack(">hhih", key, 0, 1, -1) for key in UNKNOWN_KEYS]
    with bounded_growth(broker.process.pid), Connection(broker.port) as connection:
        for header in sound:
            for frame in [*spoil.truncations(header), *spoil.lies(header, rng, 6), *spoil.flips(header, rng, 4)]:
                # A flipped header may name an API that waits.
                connection.outcome(frame, WAIT_S)
                assert broker.process.poll() is None, f"ended by {frame.hex()}"


def test_unknown_apis_and_versions_close_the_connection(broker):
    served = api_versions(broker.port)
    frames = [struct.pack(">hhih", key, 0, 1, -1) for key in UNKNOWN_KEYS]
    for api in apis().values():
        if api.name == "ApiVersions":
            continue  # answers in version 0 whatever it is asked in (KIP-511)
        versions = served.get(api.key, range(0))
        highest = versions.stop - 1 if versions else -1
        frames += [api.header(version) for version in (-1, highest + 1, 32767)]
    with Connection(broker.port) as connection:
        for frame in frames:
            assert connection.outcome(frame) == "closed", frame.hex()


@pytest.mark.parametrize("size", [-0x80000000, -1, 104_857_601, 0x7FFFFFFF])
def test_sizes_that_cannot_be_close_the_connection(broker, size):
    with Connection(broker.port) as connection:
        connection.send(struct.pack(">i", size) + b"\0" * 16)
        with pytest.raises(OSError):
            connection.receive(10)


@pytest.mark.parametrize("size", range(8))
def test_frames_too_short_for_a_header(broker, size):
    with Connection(broker.port) as connection:
        assert connection.outcome(b"\0" * size) == "closed"


def half_open(stack: contextlib.ExitStack, port: int, count: int, announced: int, sent: bytes) -> None:
    for _ in range(count):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        connection.sendall(struct.pack(">i", announced) + sent)


@pytest.mark.parametrize("sent", [b"", b"\0\0\0\x09\0\0", b"\0\0\0\x09\0\0\0\x07\0\x01x" + b"\x7f" * 2000])
def test_half_open_frames_cost_what_they_sent(broker, sent):
    with contextlib.ExitStack() as stack, bounded_growth(broker.process.pid):
        half_open(stack, broker.port, 500, 100_000_000, sent)
        for _ in range(20):
            assert api_versions(broker.port)


def test_one_byte_at_a_time(broker):
    with Connection(broker.port) as connection:
        for byte in framed(PROBE):
            connection.send(bytes([byte]))
        assert connection.receive(10)


def test_answers_nobody_reads_are_bounded(broker):
    """Requests without end (50 MB each) from clients that never read: the broker stops reading them."""
    requests = framed(PROBE) * 1000
    with contextlib.ExitStack() as stack, bounded_growth(broker.process.pid):
        for _ in range(5):
            deaf = stack.enter_context(socket.create_connection(("127.0.0.1", broker.port), timeout=10))
            deaf.setblocking(False)
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    deaf.sendall(requests)
        assert api_versions(broker.port)
