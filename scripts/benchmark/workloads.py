"""The workloads, by groups, in the order of a run. Names are what `scripts/bench NAME…` takes, whole or up to a slash."""

from benchmark import clients, lifecycle, storage
from benchmark.measure import SERVERS, Workload, generated

COST = ("cpu_s_per_gb", "gb_per_s", "p99_us")
SMALL = ("requests_per_s", "cpu_us_per_request", "p99_us")
OPEN = ("p50_us", "p99_us", "p999_us", "cpu_us_per_request")
SAME_LOAD = ("cpu_cores", "p50_us", "p99_us")
# A Produce of about 200 bytes: one record of 100.
SMALL_BATCH = ("--batch", 138, "--record", 100)
BRIEF = {"seconds": 1.0, "warm_up": 0.2, "rounds": 3}


def workload(name, title, command, *options, counted, shows, servers=("barnabas", "kafka"), rounds=5, quick=False, **measure):
    return Workload(name, title, generated(command, *options, counted=counted, **measure), shows, servers, rounds, quick)


def produce(name, title, *options, shows=COST, **more):
    if "--bytes-max" not in options:
        options = (*options, "--bytes-max", "1200M")
    return workload(f"produce/{name}", f"produce, {title}", "produce", *options, counted="produce", shows=shows, **more)


def produces():
    """Cost of producing: 16 KiB batches, 8 partitions, 4 connections, 4 requests in flight each, acks=1; one thing varied."""
    base = ("--partitions", 8, "--connections", 4)
    bulk = {"seconds": 1.5, "servers": SERVERS}
    yield produce("batch-16K", "16 KiB batches", *base, quick=True, **bulk)
    yield produce("batch-1M", "1 MiB batches", *base, "--batch", "1M", "--bytes-max", "2G", quick=True, **bulk)
    yield produce("batch-1K", "1 KiB batches", *base, "--batch", "1K", "--record", 900, **bulk | {"seconds": 1, "rounds": 3})
    yield produce("batch-64K", "64 KiB batches", *base, "--batch", "64K", "--bytes-max", "2G", **bulk | {"rounds": 3})
    yield produce("partitions-1", "1 partition", "--partitions", 1, **BRIEF)
    yield produce("partitions-1000", "1,000 partitions", "--partitions", 1000, "--bytes-max", "600M", servers=SERVERS, keep=True, **BRIEF)
    for connections, in_flight in [(1, 4), (64, 1), (1000, 1)]:
        options = ("--partitions", 8, "--connections", connections, "--in-flight", in_flight)
        title = f"{connections:,} connection{'s' if connections > 1 else ''}"
        servers = SERVERS if connections > 1 else ("barnabas", "kafka")
        yield produce(f"connections-{connections}", title, *options, servers=servers, **BRIEF)
    yield produce("acks-0", "acks=0", *base, "--acks", 0, shows=("cpu_s_per_gb", "gb_per_s"), servers=SERVERS, **BRIEF)
    yield produce("acks-all", "acks=all", *base, "--acks", -1, **BRIEF)
    yield produce("idempotent", "idempotent", *base, "--acks", -1, "--idempotent", **BRIEF)
    yield workload("produce/transactions", "produce, transactions of 16 batches of 16 KiB", "transact", *base, "--bytes-max", "1200M",
                   counted="transaction", shows=("cpu_s_per_gb", "requests_per_s", "p50_us", "p99_us"), **BRIEF)
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        title = f"{codec} passed through, 64 KiB batches"
        yield produce(f"codec-{codec}", title, *base, "--batch", "64K", "--codec", codec, **BRIEF)
    for codec in ["lz4", "zstd"]:
        compressed = ("--batch", "64K", "--topic-configs", f"compression.type={codec}")
        yield produce(f"recompressed-{codec}", f"compressed by the broker with {codec}", *base, *compressed, **BRIEF)


def requests():
    """Small requests, closed and open loop; synced writes; what groups ask."""
    small = (*SMALL_BATCH, "--partitions", 8)
    connections = ("--connections", 1000, "--in-flight", 1)
    yield produce("small", "200 B requests, 1,000 connections", *small, *connections, shows=SMALL, servers=SERVERS, quick=True)
    for rate, quick in [(10_000, False), (60_000, True)]:
        options = (*small, "--connections", 100, "--rate", rate)
        title = f"200 B requests, {rate:,} a second (open loop)"
        yield produce(f"open-{rate // 1000}k", title, *options, shows=OPEN, servers=SERVERS, quick=quick)
    flushed = ("--topic-configs", "flush.messages=1", "--partitions", 8, "--batch", "1K", "--record", 900)
    for name, title, producers, in_flight in [("flush", "64 producers of 1 KB", 64, 1),
                                              ("flush-x4", "64 producers, 4 requests in flight each", 64, 4),
                                              ("flush-256", "256 producers", 256, 1)]:
        yield produce(name, f"flush.messages=1, {title}", *flushed, "--connections", producers, "--in-flight", in_flight,
                      shows=("requests_per_s", "p50_us", "p99_us"), rounds=5 if name == "flush" else 3, quick=name == "flush")
    yield workload("groups/commits", "offset commits, 64 groups", "commit", counted="commit", shows=SMALL, **BRIEF)
    yield workload("groups/joins", "join, assignment, leave; 32 groups of one", "join", counted="join", shows=SMALL, **BRIEF)


def fetches():
    def fetch(name, title, *options, command="fetch", counted="fetch", shows=COST, **more):
        return workload(f"fetch/{name}", title, command, *options, counted=counted, shows=shows, **more)

    hot = ("--connections", 1, "--preload", "256M")
    yield fetch("hot", "fetch, hot catch-up", *hot, "--bytes-max", "8G", servers=SERVERS, keep=True, quick=True)
    cold = ("--connections", 1, "--preload", "512M", "--bytes-max", "480M")
    yield fetch("cold", "fetch, cold catch-up (not in the page cache)", *cold, seconds=10, warm_up=0, rounds=3, evict=True)
    for consumers in [1, 10, 50]:
        title = f"tail, 1 producer, {consumers} consumer{'s' if consumers > 1 else ''}"
        options = ("--consumers", consumers, "--bytes-max", "8G")
        yield fetch(f"tail-{consumers}", title, *options, command="tail", quick=consumers == 50)
    session = ("--partitions", 1000, "--consumers", 4, "--rate", 2000, *SMALL_BATCH)
    yield fetch("sessions", "4 consumers with sessions of 1,000 partitions, 2,000 records a second", *session, command="session",
                keep=True, shows=SAME_LOAD, rounds=3)
    end_to_end = ("--window", 1, "--batch", 170, "--record", 100, "--acks", -1)
    yield fetch("end-to-end", "end to end, one record at a time, acks=all", *end_to_end, command="tail", counted="delivery",
                shows=("p50_us", "p99_us", "p999_us"), quick=True)


def shares():
    """Queues: consumers of a share group that accept each record, in their next request."""
    for partitions, consumers in [(1, 1), (1, 50), (16, 1), (16, 50)]:
        title = f"share group, {plural(consumers, 'consumer')}, {plural(partitions, 'partition')}"
        options = ("--partitions", partitions, "--consumers", consumers, "--preload", "1600M", "--bytes-max", "1G")
        yield workload(f"share/{partitions}x{consumers}", title, "share", *options, counted="fetch",
                       shows=("records_per_s", "cpu_s_per_m_records", "p99_us"), warm_up=0.1, rounds=3)
    end_to_end = ("--follow", "--batch", 1100, "--record", 1000, "--acks", -1)
    yield workload("share/end-to-end", "share group, one record of 1 KB at a time, acks=all, until it is delivered", "share", *end_to_end,
                   counted="delivery", shows=("p50_us", "p99_us", "p999_us"), rounds=3)


def plural(count, what):
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def together():
    """Different loads at once, and clients that misbehave beside those that don't."""
    title = "mixed: 1,500 batches of 16 KiB and 500 commits a second, 8 consumers"
    yield workload("mixed/2k", title, "mixed", "--partitions", 8, "--rate", 2000, counted="produce", shows=SAME_LOAD, rounds=3)
    options = (*SMALL_BATCH, "--partitions", 8, "--connections", 100, "--rate", 10_000)
    for name, title, more in [("alone", "good clients alone, 10,000 requests a second", ()),
                              ("beside-bad", "good clients beside 200 bad ones", ("--bad", 200))]:
        yield workload(f"good/{name}", title, "produce", *options, *more, counted="produce", seconds=1.5, warm_up=0.5,
                       shows=("p50_us", "p99_us", "p999_us", "resident_mb"))


def growth():
    """Cost per request must stay flat."""
    shows = ("cpu_us_per_request", "requests_per_s", "p99_us")
    brief = {"seconds": 0.5, "warm_up": 0.2, "rounds": 3}
    for connections in [1, 10, 100, 1000, 5000]:
        options = (*SMALL_BATCH, "--partitions", 8, "--connections", connections, "--in-flight", 1)
        yield workload(f"growth/connections/{connections}", f"200 B requests, {connections:,} connections", "produce", *options,
                       counted="produce", shows=shows, **brief)
    for consumers in [1, 10, 50, 200]:
        options = ("--consumers", consumers, "--bytes-max", "4G")
        yield workload(f"growth/consumers/{consumers}", f"tail, {consumers} consumers of one partition", "tail", *options,
                       counted="fetch", shows=("cpu_s_per_gb", "gb_per_s", "cpu_us_per_request"), **brief)
    for partitions in [1, 10, 100, 1000, 10_000]:
        options = (*SMALL_BATCH, "--partitions", partitions, "--connections", 100, "--in-flight", 1)
        yield workload(f"growth/partitions/{partitions}", f"200 B requests, {partitions:,} partitions", "produce", *options,
                       counted="produce", shows=shows, keep=True, **brief | {"rounds": 2})


def everything():
    """All workloads in the order of a full run: those that leave most behind come last."""
    return [*produces(), *requests(), *fetches(), *shares(), *together(), *clients.workloads(), *lifecycle.workloads(), *storage.workloads(), *growth()]
