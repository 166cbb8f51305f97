"""What barnabas has to reach, row by row, and whether it does."""

from dataclasses import dataclass

from benchmark.summary import METRICS, median_of, number, times_better


@dataclass(frozen=True)
class Check:
    """One condition: the measured figure in words, and whether it holds (None where a figure is missing)."""

    bar: str
    measured: str
    holds: bool | None


@dataclass(frozen=True)
class Row:
    """A row of the bar: what is measured, and its conditions as functions of the workloads."""

    what: str
    checks: tuple


def missing(bar):
    return Check(bar, "not measured", None)


def ours(workloads, name, metric):
    return median_of(workloads[name], "barnabas", metric) if name in workloads else None


def limit(name, metric, bound):
    """At most (at least, where higher is better) so much."""

    def check(workloads):
        more = METRICS[metric].higher_is_better
        bar = f"{'≥' if more else '≤'} {bound:,} {METRICS[metric].unit}"
        value = ours(workloads, name, metric)
        if value is None:
            return missing(bar)
        return Check(bar, f"{number(value)} {METRICS[metric].unit}", value >= bound if more else value <= bound)

    return check


def of_floor(name, metric, factor):
    """At most so many times the floor."""

    def check(workloads):
        bar = f"≤ {factor}x floor"
        floor, value = median_of(workloads.get(name, {"samples": {}}), "floor", metric), ours(workloads, name, metric)
        if not floor or value is None:
            return missing(bar)
        return Check(bar, f"{value / floor:.2f}x floor", value <= factor * floor)

    return check


def better(name, metric, factor):
    """So many times better than Apache Kafka in the same run."""

    def check(workloads):
        bar = f"≥ {factor}x better than Kafka"
        kafka = median_of(workloads.get(name, {"samples": {}}), "kafka", metric)
        ratio = times_better(metric, ours(workloads, name, metric), kafka)
        return missing(bar) if ratio is None else Check(bar, f"{ratio:.1f}x better than Kafka", ratio >= factor)

    return check


def beside(name, metric, other, other_metric, factor, what):
    """At most so many times another figure of barnabas."""

    def check(workloads):
        bar = f"≤ {factor}x {what}"
        value, reference = ours(workloads, name, metric), ours(workloads, other, other_metric)
        if value is None or not reference:
            return missing(bar)
        return Check(bar, f"{value / reference:.2f}x ({number(value)}, {number(reference)})", value <= factor * reference)

    return check


def flat(prefix, metric, factor):
    """Nowhere on a growth curve more than so many times the figure at its start."""

    def check(workloads):
        bar = f"≤ {factor}x over the range"
        values = [value for _, value in curve(workloads, prefix, "barnabas", metric)]
        if len(values) < 2:
            return missing(bar)
        most = max(values) / values[0]
        return Check(bar, f"{most:.2f}x", most <= factor)

    return check


def curve(workloads, prefix, server, metric):
    """The points of a growth curve: (how many, figure), in order."""
    points = [(int(name.rpartition("/")[2]), median_of(entry, server, metric))
              for name, entry in workloads.items() if name.startswith(f"{prefix}/")]
    return sorted(point for point in points if point[1] is not None)


BATCH_16K, BATCH_1M, HOT = "produce/batch-16K", "produce/batch-1M", "fetch/hot"
CPU = "cpu_s_per_gb"
ROWS = (
    Row("produce, 16 KiB batches, 4 connections", (limit(BATCH_16K, CPU, 0.40), of_floor(BATCH_16K, CPU, 1.3), better(BATCH_16K, CPU, 10))),
    Row("produce, 1 MiB batches", (limit(BATCH_1M, CPU, 0.45), limit(BATCH_1M, "gb_per_s", 3))),
    Row("fetch hot", (limit(HOT, CPU, 0.18), of_floor(HOT, CPU, 2), better(HOT, CPU, 4))),
    Row("small requests over 1,000 connections", (limit("produce/small", "requests_per_s", 150_000), better("produce/small", "requests_per_s", 8))),
    Row("open loop, 60,000 requests/s", tuple(limit("produce/open-60k", metric, bound) for metric, bound in
                                             [("p50_us", 150), ("p99_us", 1000), ("p999_us", 5000)])),
    Row("end to end, one record at a time, acks=all", (limit("fetch/end-to-end", "p50_us", 150), limit("fetch/end-to-end", "p99_us", 1000),
                                                       better("tools/end-to-end-latency", "average_ms", 2))),
    Row("fan-out, 1 producer to 50 consumers", (better("fetch/tail-50", "gb_per_s", 5),)),
    Row("flush.messages=1, 64 producers", (better("produce/flush", "requests_per_s", 10),)),
    Row("exec to ready, empty; with 1,000 partitions", (limit("start/empty", "ready_ms", 20), limit("start/partitions-1000", "ready_ms", 50))),
    Row("idle memory; per connection; per partition", (limit("memory/idle", "resident_mb", 15), limit("memory/connection", "kb_each", 4),
                                                       limit("memory/partition", "kb_each", 3))),
    Row("memory under load; after it", (limit("memory/load", "resident_mb", 100),
                                        beside("memory/load", "resident_after_mb", "memory/idle", "resident_mb", 2, "idle"))),
    Row("librdkafka produces, 16 and 128 KiB batches", (better("librdkafka/produce-16K", CPU, 10), better("librdkafka/produce-128K", CPU, 10))),
    Row("sessions of 1,000 partitions, CPU", (better("fetch/sessions", "cpu_cores", 3),)),
    *(Row(f"share group, {consumers} consumers of {partitions} partitions",
          (better(f"share/{partitions}x{consumers}", "records_per_s", 3), better(f"share/{partitions}x{consumers}", "cpu_s_per_m_records", 5)))
      for partitions, consumers in [(1, 1), (1, 50), (16, 1), (16, 50)]),
    Row("clean start with 20,000 partitions", (limit("start/partitions-20000", "ready_ms", 200), limit("start/partitions-20000", "resident_mb", 100))),
    Row("recovery of unflushed data after a crash", (limit("storage/recovery", "of_disk", 0.5),)),
    Row("compaction", (better("storage/compaction", "records_per_s", 3), better("storage/compaction", "cpu_s_per_m_records", 1))),
    Row("producer beside a compaction, p99", (limit("storage/beside-compaction", "times_alone", 2),)),
    Row("retention deletes 1,000 segments", (limit("storage/beside-retention", "pause_ms", 5),)),
    Row("producer beside a cold reader, p99", (limit("storage/beside-cold-reader", "times_alone", 2),)),
    Row("good clients beside 200 bad ones, p99", (beside("good/beside-bad", "p99_us", "good/alone", "p99_us", 1.5, "alone"),)),
    Row("cost of a request, 1 to 10,000 partitions", (flat("growth/partitions", "cpu_us_per_request", 1.5),)),
    Row("cost of a request, 1 to 5,000 connections", (flat("growth/connections", "cpu_us_per_request", 1.5),)),
    Row("cost of a byte, 1 to 200 consumers", (flat("growth/consumers", CPU, 1.5),)),
)


def verdicts(workloads):
    """Each row with its conditions."""
    return [(row.what, [check(workloads) for check in row.checks]) for row in ROWS]
