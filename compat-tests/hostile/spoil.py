"""Ways to spoil a well-formed body. All take a seeded random, so that a failure can be repeated."""

import random
import struct

# What a length, a count or a size may claim. Compact lengths are one more than they say.
LIES = [
    struct.pack(">i", 0x7FFFFFFF),
    struct.pack(">i", -1),
    struct.pack(">i", -0x80000000),
    struct.pack(">i", 0x00FFFFFF),
    struct.pack(">h", 0x7FFF),
    struct.pack(">h", -2),
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\x07",
    b"\x80\x80\x80\x80\x80\x00",
]


def truncations(body: bytes) -> list[bytes]:
    """The body cut at every byte, at most 40 places."""
    step = max(1, len(body) // 40)
    return [body[:end] for end in range(0, len(body), step)]


def lies(body: bytes, rng: random.Random, count: int) -> list[bytes]:
    """A lying number laid over the body, or put into it, at random places."""
    spoiled = []
    for _ in range(count):
        lie = rng.choice(LIES)
        at = rng.randrange(len(body) + 1)
        spoiled.append(body[:at] + lie + body[at + rng.choice([0, len(lie)]) :])
    return spoiled


def flips(body: bytes, rng: random.Random, count: int) -> list[bytes]:
    """One to four bytes changed."""
    spoiled = []
    for _ in range(count if body else 0):
        changed = bytearray(body)
        for _ in range(rng.randrange(1, 5)):
            changed[rng.randrange(len(changed))] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)])
        spoiled.append(bytes(changed))
    return spoiled


def noise(rng: random.Random, count: int) -> list[bytes]:
    """Bodies of random bytes."""
    return [rng.randbytes(rng.randrange(1, 300)) for _ in range(count)]


def tails(body: bytes, rng: random.Random) -> list[bytes]:
    """Bytes behind a sound body."""
    return [body + b"\0", body + rng.randbytes(20)]
