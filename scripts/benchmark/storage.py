"""What the log does on the disk: recovery, compaction, retention, cold reads; and what a steady producer feels of them.

Each is measured on a server of its own. The producer sends 2,000 batches of 1 KiB a second (open loop), first alone, then beside.
"""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from benchmark.lifecycle import own_server
from benchmark.measure import Workload, wait_until

# The tasks of the log run at once; nothing is flushed or checkpointed but by what is measured.
EAGER = {"log.initial.task.delay.ms": 200, "log.retention.check.interval.ms": 300, "log.cleaner.backoff.ms": 100}
LAZY = {"log.flush.offset.checkpoint.interval.ms": 3_600_000}
RECOVERED_BYTES, RECOVERED_BYTES_MIN = 4 << 30, 2 << 30
COLD_BYTES, COLD_BYTES_MIN = 4 << 30, 2 << 30
COMPACTED_BYTES = 450 << 20
SEGMENTS = 1000
PATIENCE_SECONDS = 120
READ_BYTES = 1 << 20


def steady(run, server, topic, seconds, *more):
    """Latencies of a steady producer; with --beside the server is not waited for to rest."""
    options = ("--topic", topic, "--keep", "--connections", 8, "--rate", 2000, "--batch", "1K", "--record", 900, *more)
    report = run.generate(server, "produce", *options, "--warm-up", 0.2, "--seconds", run.seconds(seconds))
    return report["classes"]["produce"]["latency_us"]


def quiet(run, server, topic, seconds):
    """Latencies of the steady producer alone: the better of two, since one stall of the disk would flatter what comes beside."""
    return min((steady(run, server, topic, seconds) for _ in range(2)), key=lambda latency: latency["p99"])


def beside(alone, other):
    """What a p99 becomes beside something else."""
    return {"alone_p99_us": alone["p99"], "p99_us": other["p99"], "times_alone": other["p99"] / alone["p99"], "max_us": other["max"]}


def fill(run, server, topic, size, *options):
    return run.generate(server, "fill", "--topic", topic, "--bytes", int(size), *options)


def files(server, folders):
    """All files in a server's folders of such names."""
    return [path for folder in server.data.glob(folders) if folder.is_dir() for path in folder.iterdir() if path.is_file()]


def logs(server, topic):
    """The log files of a topic, in order."""
    return sorted(path for path in files(server, f"{topic}-*") if path.suffix == ".log")


def drop_cached(paths):
    """Writes everything back and drops these files from the page cache, and no others: who is beside keeps what it uses."""
    os.sync()
    for path in paths:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_speed(paths):
    """GB/s at which files are read one after the other."""
    buffer, total, began = bytearray(READ_BYTES), 0, time.monotonic()
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                total += count
    return total / 1e9 / (time.monotonic() - began)


def recovery(run, kind, _number_of_round):
    """From exec to all partitions answering, after kill -9 with nothing flushed and nothing cached."""
    partitions = 8
    with own_server(run, kind, LAZY) as server:
        server.start()
        filled = fill(run, server, "crashed", max(RECOVERED_BYTES * run.scale, RECOVERED_BYTES_MIN), "--partitions", partitions, "--batch", "64K")
        expected = server.ends("crashed", partitions)
        server.kill()
        drop_cached(files(server, "*"))
        before = read_speed(logs(server, "crashed"))
        drop_cached(files(server, "*"))
        began = time.monotonic()
        server.start(PATIENCE_SECONDS)
        if not wait_until(lambda: server.ends("crashed", partitions) is not None, PATIENCE_SECONDS):
            raise RuntimeError("not all partitions are back")
        seconds = time.monotonic() - began
        if server.ends("crashed", partitions) != expected:
            raise ValueError(f"recovered {server.ends('crashed', partitions)} of {expected}")
        server.kill()
        drop_cached(files(server, "*"))
        # What the disk (or the host's cache behind it) can do: the better of before and after.
        disk = max(before, read_speed(logs(server, "crashed")))
        speed = filled["bytes"] / 1e9 / seconds
        return {"gb": filled["bytes"] / 1e9, "seconds": seconds, "gb_per_s": speed, "disk_gb_per_s": disk, "of_disk": speed / disk}


def cleaned_to(server, topic):
    """Offsets below which the partitions of a topic are clean."""
    checkpoint = server.data / "cleaner-offset-checkpoint"
    text = checkpoint.read_text() if checkpoint.exists() else ""
    return {int(partition): int(offset) for partition, offset in re.findall(rf"^{topic} (\d+) (\d+)$", text, re.MULTILINE)}


def active_segments(server, topic):
    """The base offset of each partition's last segment."""
    return {int(path.parent.name.rpartition("-")[2]): int(path.stem) for path in logs(server, topic)}


def keyed(run, server, topic, size, partitions=1):
    """A topic with each key dozens of times, to be compacted as soon as its policy says so."""
    configs = "segment.bytes=33554432,retention.ms=-1,min.cleanable.dirty.ratio=0.01"
    batches = ("--batch", "128K", "--record", 150, "--keys", 100_000)
    fill(run, server, topic, size, "--partitions", partitions, *batches, "--topic-configs", configs)


def compaction(run, kind, _number_of_round):
    """Records cleaned in a second, and CPU for them; the second topic is measured, for Apache Kafka's compiler."""
    with own_server(run, kind, EAGER) as server:
        server.start()
        for topic, share in [("first", 0.3), ("second", 1)]:
            keyed(run, server, topic, COMPACTED_BYTES * run.scale * share)
            run.settle()
            expected, cpu, began = active_segments(server, topic), server.cpu_seconds(), time.monotonic()
            server.alter_topic(topic, "cleanup.policy", "compact")
            if not wait_until(lambda: cleaned_to(server, topic) == expected, PATIENCE_SECONDS):
                raise RuntimeError(f"clean to {cleaned_to(server, topic)} of {expected}")
            seconds, spent, records = time.monotonic() - began, server.cpu_seconds() - cpu, sum(expected.values())
        return {"records_per_s": records / seconds, "cpu_s_per_m_records": spent / (records / 1e6), "seconds": seconds}


def beside_compaction(run, kind, _number_of_round):
    with own_server(run, kind, EAGER) as server:
        server.start()
        keyed(run, server, "compacted", 6 * COMPACTED_BYTES, partitions=4)
        steady(run, server, "steady", 0.5)
        run.settle()
        alone = quiet(run, server, "steady", 2)
        expected = active_segments(server, "compacted")
        server.alter_topic("compacted", "cleanup.policy", "compact")
        other = steady(run, server, "steady", 2, "--beside")
        if cleaned_to(server, "compacted") == expected:
            raise ValueError("the compaction was over before the producer: it needs more records")
        if not wait_until(lambda: cleaned_to(server, "compacted"), PATIENCE_SECONDS):
            raise RuntimeError("nothing was compacted")
        return beside(alone, other)


def beside_retention(run, kind, _number_of_round):
    """The producer's partition loses a thousand segments: the largest pause then, above the largest without."""
    topic, segment = "retained", 1 << 20
    with own_server(run, kind, EAGER) as server:
        server.start()
        configs = f"segment.bytes={segment},retention.ms=-1"
        fill(run, server, topic, (SEGMENTS + 20) * segment, "--batch", "64K", "--topic-configs", configs)
        steady(run, server, topic, 0.5)
        run.settle()
        alone = quiet(run, server, topic, 3)
        before = len(logs(server, topic))
        server.alter_topic(topic, "retention.bytes", 4 * segment)
        other = steady(run, server, topic, 3, "--beside")
        # What the producer itself has added since stays.
        if before - len(logs(server, topic)) < SEGMENTS:
            raise ValueError(f"{len(logs(server, topic))} of {before} segments were left when the producer was done")
        return beside(alone, other) | {"pause_ms": (other["max"] - alone["max"]) / 1000}


def beside_cold_reader(run, kind, _number_of_round):
    size = int(max(COLD_BYTES * run.scale, COLD_BYTES_MIN))
    with own_server(run, kind) as server:
        server.start()
        fill(run, server, "cold", size, "--batch", "64K")
        steady(run, server, "steady", 0.5)
        run.settle()
        alone = quiet(run, server, "steady", 2)
        drop_cached(files(server, "cold-*"))
        with ThreadPoolExecutor(1) as pool:
            once = ("--bytes-max", int(size * 0.98), "--warm-up", 0, "--seconds", PATIENCE_SECONDS, "--beside")
            reader = pool.submit(run.generate, server, "fetch", "--topic", "cold", "--keep", "--batch", "64K", *once)
            other = steady(run, server, "steady", 2, "--beside")
            was_done = reader.done()
            read = reader.result()
        if was_done:
            raise ValueError("the reader was done before the producer: it needs more to read")
        return beside(alone, other) | {"gb_per_s": read["classes"]["fetch"]["bytes"] / 1e9 / read["seconds"]}


def workloads():
    shows = ("times_alone", "p99_us", "alone_p99_us")
    yield Workload("storage/recovery", "recovery after kill -9, nothing flushed, nothing cached", recovery,
                   ("of_disk", "gb_per_s", "disk_gb_per_s", "gb", "seconds"), rounds=1)
    yield Workload("storage/compaction", "compaction, records of 150 B", compaction, ("records_per_s", "cpu_s_per_m_records", "seconds"), rounds=2)
    yield Workload("storage/beside-compaction", "steady producer beside a compaction", beside_compaction, shows, rounds=3)
    yield Workload("storage/beside-retention", "steady producer while its partition loses 1,000 segments", beside_retention,
                   ("pause_ms", "max_us", "p99_us", "alone_p99_us"), rounds=3)
    yield Workload("storage/beside-cold-reader", "steady producer beside a cold reader of several GB", beside_cold_reader,
                   (*shows, "gb_per_s"), rounds=2)
