"""The records of the scenario, the same in every language (see compat-tests/README.md), and a check that explains itself."""

import faulthandler
from dataclasses import dataclass, field

# A program that is not done then tells where it is, and ends: less than harness.program waits for it.
PROGRAM_S = 110
PARTITIONS = 3
PER_CODEC = 6
FIRST_TIMESTAMP = 1_700_000_000_000
STEP_MS = 1_000


@dataclass(frozen=True)
class Record:
    """What a consumer must see, byte for byte."""

    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple = field(default=())


def limit_program() -> None:
    """What every program calls first. Its waits have deadlines of their own; this is for those inside the clients."""
    faulthandler.dump_traceback_later(PROGRAM_S, exit=True)


def records(codecs: list[str]) -> list[tuple[str, list[Record]]]:
    """A batch for each codec, in the order in which they are produced; the odd ones come with the last."""
    sequence = 0
    batches = []
    for codec in codecs:
        batch = []
        for index in range(PER_CODEC):
            value = f"value-{codec}-{index}-" + "x" * 100
            headers = (("codec", codec.encode()), ("codec", b"again"), ("binary", b"\x00\xff\x80"), ("empty", b""))
            timestamp = FIRST_TIMESTAMP + sequence * STEP_MS
            batch.append(Record(sequence % PARTITIONS, timestamp, f"{codec}-{index}".encode(), value.encode(), headers))
            sequence += 1
        batches.append((codec, batch))
    for key, value in ((b"tombstone", None), (None, b"no key"), (b"", b"")):
        batches[-1][1].append(Record(sequence % PARTITIONS, FIRST_TIMESTAMP + sequence * STEP_MS, key, value))
        sequence += 1
    return batches


def expected(codecs: list[str]) -> dict[int, list[Record]]:
    """By partition, in offset order: a record's offset is its index."""
    partitions = {partition: [] for partition in range(PARTITIONS)}
    for _, batch in records(codecs):
        for record in batch:
            partitions[record.partition].append(record)
    return partitions


def check(what: str, got, want) -> None:
    """Ends the program with both values when they differ."""
    if got != want:
        raise SystemExit(f"WRONG {what}:\n  got  {got!r}\n  want {want!r}")
    print(f"ok {what}", flush=True)


def check_records(what: str, got: dict[int, list[tuple[int, Record]]], want: dict[int, list[tuple[int, Record]]]) -> None:
    """Compares (offset, record) lists by partition and names the first difference."""
    for partition in sorted(set(got) | set(want)):
        have, need = got.get(partition, []), want.get(partition, [])
        for a, b in zip(have, need):
            if a != b:
                raise SystemExit(f"WRONG {what}: partition {partition}\n  got  {a!r}\n  want {b!r}")
        check(f"{what}: offsets of partition {partition}", [o for o, _ in have], [o for o, _ in need])
