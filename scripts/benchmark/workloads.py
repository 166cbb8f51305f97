"""The workloads, by groups, in the order of a run. Names are what `scripts/bench NAME…` takes, whole or up to a slash."""

from benchmark.measure import SERVERS, Workload, generated

COST = ("cpu_s_per_gb", "gb_per_s", "p99_us")
SMALL = ("requests_per_s", "cpu_us_per_request", "p99_us")
OPEN = ("p50_us", "p99_us", "p999_us", "cpu_us_per_request")
# A Produce of about 200 bytes: one record of 100.
SMALL_BATCH = ("--batch", 138, "--record", 100)
BOTH = ("barnabas", "kafka")


def produce(name, title, *options, shows=COST, servers=BOTH, **more):
    measure = {key: more.pop(key) for key in ("seconds", "warm_up", "keep") if key in more}
    if "--bytes-max" not in options:
        options = (*options, "--bytes-max", "2G")
    return Workload(f"produce/{name}", f"produce, {title}", generated("produce", *options, **measure), shows, servers, **more)


def produces():
    """Cost of producing: 16 KiB batches, 8 partitions, 4 connections, 4 requests in flight each, acks=1; one thing varied."""
    base = ("--partitions", 8, "--connections", 4)
    yield produce("batch-16K", "16 KiB batches", *base, servers=SERVERS, quick=True)
    yield produce("batch-1M", "1 MiB batches", *base, "--batch", "1M", servers=SERVERS, quick=True)
    yield produce("batch-1K", "1 KiB batches", *base, "--batch", "1K", "--record", 900, servers=SERVERS)
    yield produce("batch-64K", "64 KiB batches", *base, "--batch", "64K", servers=SERVERS)
    brief = {"seconds": 0.6, "warm_up": 0.2}
    yield produce("partitions-1", "1 partition", "--partitions", 1, **brief)
    yield produce("partitions-1000", "1,000 partitions", "--partitions", 1000, keep=True, **brief)
    for connections, in_flight in [(1, 4), (64, 1), (1000, 1)]:
        options = ("--partitions", 8, "--connections", connections, "--in-flight", in_flight)
        yield produce(f"connections-{connections}", f"{connections:,} connections", *options, **brief)
    yield produce("acks-0", "acks=0", *base, "--acks", 0, **brief)
    yield produce("acks-all", "acks=all", *base, "--acks", -1, **brief)
    yield produce("idempotent", "idempotent", *base, "--acks", -1, "--idempotent", **brief)
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        yield produce(f"codec-{codec}", f"{codec} passed through", *base, "--batch", "64K", "--codec", codec, **brief)
    for codec in ["lz4", "zstd"]:
        recompressed = ("--batch", "64K", "--topic-configs", f"compression.type={codec}")
        yield produce(f"recompressed-{codec}", f"compressed by the broker with {codec}", *base, *recompressed, **brief)


def requests():
    """Small requests, closed and open loop."""
    small = (*SMALL_BATCH, "--partitions", 8)
    yield produce("small", "200 B requests, 1,000 connections", *small, "--connections", 1000, "--in-flight", 1, shows=SMALL, servers=SERVERS, quick=True)
    for rate, quick in [(10_000, False), (60_000, True)]:
        options = (*small, "--connections", 100, "--rate", rate)
        title = f"200 B requests, {rate:,} a second (open loop)"
        yield produce(f"open-{rate // 1000}k", title, *options, shows=OPEN, servers=SERVERS, quick=quick)
    flushed = ("--topic-configs", "flush.messages=1", "--partitions", 8, "--connections", 64, "--in-flight", 1, "--batch", "1K", "--record", 900)
    yield produce("flush", "flush.messages=1, 64 producers", *flushed, shows=("requests_per_s", "p50_us", "p99_us"), quick=True)


def fetches():
    def fetch(name, title, *options, servers=BOTH, counted="fetch", command="fetch", shows=COST, **more):
        measure = {key: more.pop(key) for key in ("seconds", "warm_up", "keep") if key in more}
        return Workload(f"fetch/{name}", title, generated(command, *options, counted=counted, **measure), shows, servers, **more)

    yield fetch("hot", "fetch, hot catch-up", "--connections", 1, "--preload", "256M", "--batch", "16K", servers=SERVERS, keep=True, quick=True)
    for consumers in [1, 10, 50]:
        title = f"tail, 1 producer, {consumers} consumer{'s' if consumers > 1 else ''}"
        options = ("--consumers", consumers, "--bytes-max", "8G")
        yield fetch(f"tail-{consumers}", title, *options, command="tail", quick=consumers == 50)
    end_to_end = ("--window", 1, "--batch", 170, "--record", 100, "--acks", -1)
    yield fetch("end-to-end", "end to end, one record at a time, acks=all", *end_to_end, command="tail", counted="delivery",
                shows=("p50_us", "p99_us", "p999_us"), quick=True)


def everything():
    """All workloads in the order of a full run."""
    return [*produces(), *requests(), *fetches()]
