"""From samples to medians with their ranges, and ratios between servers."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What is measured: its unit, and which way is better."""

    unit: str
    higher_is_better: bool = False


METRICS = {
    "cpu_s_per_gb": Metric("CPU-s/GB"),
    "cpu_us_per_request": Metric("CPU-µs/request"),
    "cpu_cores": Metric("CPU-s/s"),
    "gb": Metric("GB", True),
    "gb_per_s": Metric("GB/s", True),
    "requests_per_s": Metric("requests/s", True),
    "records_per_s": Metric("records/s", True),
    "p50_us": Metric("µs, p50"),
    "p99_us": Metric("µs, p99"),
    "p999_us": Metric("µs, p99.9"),
    "max_us": Metric("µs, largest"),
    "resident_mb": Metric("MB resident"),
    "resident_after_mb": Metric("MB resident, 10 s after"),
    "ready_ms": Metric("ms to ready"),
    "kb_each": Metric("KB each"),
    "average_ms": Metric("ms, average"),
    "seconds": Metric("s"),
    "alone_p99_us": Metric("µs, p99 alone"),
    "times_alone": Metric("x alone"),
    "pause_ms": Metric("ms, largest pause above alone"),
    "disk_gb_per_s": Metric("GB/s of the disk", True),
    "of_disk": Metric("of the disk's speed", True),
    "cpu_s_per_m_records": Metric("CPU-s per million records"),
}


@dataclass(frozen=True)
class Range:
    """The median of some samples, the least and the largest of them."""

    median: float
    least: float
    most: float


def spread(samples, metric):
    """The range of a metric over samples (dictionaries); None where no sample has it."""
    values = [sample[metric] for sample in samples if sample.get(metric) is not None]
    return Range(statistics.median(values), min(values), max(values)) if values else None


def median_of(workload, server, metric):
    """A workload's median of a metric at a server, or None."""
    found = spread(workload["samples"].get(server, []), metric)
    return found.median if found else None


def times_better(metric, ours, theirs):
    """How many times better ours is; None where it can't be said."""
    if not ours or not theirs or min(ours, theirs) < 0:
        return None
    return ours / theirs if METRICS[metric].higher_is_better else theirs / ours


def metrics_of_report(report, counted):
    """What the generator's report says in the metrics above; `counted` names the class of requests it is said of."""
    of = report["classes"].get(counted)
    if of is None or not of["requests"]:
        raise ValueError(f"no {counted} requests were answered in {report['seconds']:.1f} s")
    seconds, cpu = report["seconds"], report["cpu_seconds"]
    metrics = {"requests_per_s": of["requests"] / seconds, "records_per_s": of["records"] / seconds}
    if of["bytes"]:
        metrics["gb_per_s"] = of["bytes"] / 1e9 / seconds
    if cpu is not None:
        if of["records"]:
            metrics["cpu_s_per_m_records"] = cpu / (of["records"] / 1e6)
        metrics["cpu_cores"] = cpu / seconds
        metrics["cpu_us_per_request"] = cpu * 1e6 / of["requests"]
        if of["bytes"]:
            metrics["cpu_s_per_gb"] = cpu / (of["bytes"] / 1e9)
    if report["resident_bytes"] is not None:
        metrics["resident_mb"] = report["resident_bytes"] / 2**20
    latency = of["latency_us"]
    if latency:
        metrics |= {f"{name}_us": latency[name] for name in ("p50", "p99", "p999", "max")}
    return metrics


def number(value):
    """A figure with three digits that matter."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
