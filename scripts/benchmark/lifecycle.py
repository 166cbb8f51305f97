"""Start, memory and a long load: measured on servers of their own, which nothing else has used."""

import shutil
import time
from contextlib import contextmanager

from benchmark.measure import Workload
from benchmark.summary import metrics_of_report

SETTLE_SECONDS = 3
AFTER_SECONDS = 10
PARTITIONS = 2000
# Below what Apache Kafka takes as one change of its metadata.
PARTITIONS_OF_A_TOPIC = 2000
CONNECTIONS = 5000
SUSTAINED_BYTES = 12 << 30


@contextmanager
def own_server(run, kind, settings=None):
    """A server on a fresh folder that is gone afterwards; started by the caller."""
    server = run.new_server(kind, settings)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


def rest(server):
    time.sleep(SETTLE_SECONDS)
    return server.memory_mb()


def start(partitions, at_rest=False):
    def measure(run, kind, _number_of_round):
        with own_server(run, kind) as server:
            server.start()
            for first in range(0, partitions, PARTITIONS_OF_A_TOPIC):
                server.create_topic(f"many-{first}", min(partitions - first, PARTITIONS_OF_A_TOPIC))
            server.stop()
            run.settle()
            ready = {"ready_ms": server.start()}
            return ready | ({"resident_mb": rest(server)} if at_rest else {})

    return measure


def idle(run, kind, _number_of_round):
    with own_server(run, kind) as server:
        server.start()
        return {"resident_mb": rest(server)}


def partition(run, kind, _number_of_round):
    """Both after a restart: what was allocated for the creation is gone."""
    with own_server(run, kind) as server:
        memory = []
        for partitions in [0, PARTITIONS]:
            server.start()
            if partitions:
                server.create_topic("many", partitions)
            server.stop()
            server.start()
            memory.append(rest(server))
            server.stop()
        return {"kb_each": (memory[1] - memory[0]) * 1024 / PARTITIONS}


def connection(run, kind, _number_of_round):
    with own_server(run, kind) as server:
        server.start()
        held = run.generate(server, "hold", "--connections", CONNECTIONS)
        return {"kb_each": (held["with_bytes"] - held["before_bytes"]) / 1024 / CONNECTIONS}


def under_load(run, kind, _number_of_round):
    with own_server(run, kind) as server:
        server.start()
        seconds = run.seconds(1.5)
        most = 0
        for command, *options in [
            ("produce", "--topic", "a", "--batch", "1M", "--connections", 64, "--in-flight", 4, "--partitions", 8, "--bytes-max", "2G"),
            ("produce", "--topic", "b", "--batch", 138, "--record", 100, "--connections", 1000, "--in-flight", 4, "--partitions", 1000),
            ("tail", "--topic", "c", "--consumers", 50, "--bytes-max", "4G"),
        ]:
            report = run.generate(server, command, *options, "--seconds", seconds)
            most = max(most, report["resident_bytes"] / 2**20)
        time.sleep(AFTER_SECONDS)
        return {"resident_mb": most, "resident_after_mb": server.memory_mb()}


def sustained(run, kind, _number_of_round):
    """Retention keeps the disk small; what it deletes is part of the load, as it is in life."""
    settings = {"log.initial.task.delay.ms": 1000, "log.retention.check.interval.ms": 1000}
    topic = "segment.bytes=134217728,retention.bytes=268435456"
    with own_server(run, kind, settings) as server:
        server.start()
        options = ("--partitions", 4, "--batch", "64K", "--topic-configs", topic, "--bytes-max", int(SUSTAINED_BYTES * run.scale))
        report = run.generate(server, "produce", "--topic", "sustained", *options, "--warm-up", 0.5, "--seconds", 120)
        return metrics_of_report(report, "produce") | {"gb": report["classes"]["produce"]["bytes"] / 1e9}


def workloads():
    yield Workload("start/empty", "exec to the first answer, empty", start(0), ("ready_ms",), rounds=5, quick=True)
    yield Workload("start/partitions-1000", "exec to the first answer, 1,000 partitions", start(1000), ("ready_ms",), rounds=2)
    # Apache Kafka needs minutes for 20,000: beside it stand 2,000.
    for partitions, servers in [(2000, ("barnabas", "kafka")), (20_000, ("barnabas",))]:
        yield Workload(f"start/partitions-{partitions}", f"clean start, {partitions:,} partitions, and memory at rest",
                       start(partitions, at_rest=True), ("ready_ms", "resident_mb"), servers, rounds=1 if "kafka" in servers else 2)
    yield Workload("memory/idle", "memory at rest", idle, ("resident_mb",), rounds=1, quick=True)
    yield Workload("memory/connection", f"memory of an idle connection ({CONNECTIONS:,})", connection, ("kb_each",), rounds=1)
    yield Workload("memory/partition", f"memory of an idle partition ({PARTITIONS:,})", partition, ("kb_each",), rounds=1)
    yield Workload("memory/load", "memory under load, and 10 s after", under_load, ("resident_mb", "resident_after_mb"), rounds=1)
    yield Workload("sustained/12G", "produce, 12 GiB without a pause, 64 KiB batches, retention at work", sustained,
                   ("gb", "cpu_s_per_gb", "gb_per_s", "p99_us", "max_us", "resident_mb"), rounds=1)
