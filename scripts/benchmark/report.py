"""From a run's results to the tables of docs/PERFORMANCE.md, between its markers, and the plots beside it."""

import json
import re

from benchmark.bars import curve, verdicts
from benchmark.measure import SERVERS
from benchmark.plots import lines
from benchmark.servers import REPOSITORY
from benchmark.summary import METRICS, median_of, number, spread, times_better

DOCUMENT = REPOSITORY / "docs" / "PERFORMANCE.md"
FOLDER = REPOSITORY / "docs" / "performance"
CURVES = {
    "growth-partitions": ("growth/partitions", "cpu_us_per_request", "partitions"),
    "growth-connections": ("growth/connections", "cpu_us_per_request", "connections"),
    "growth-consumers": ("growth/consumers", "cpu_s_per_gb", "consumers of one partition"),
}
BATCHES = {"produce/batch-1K": 1, "produce/batch-16K": 16, "produce/batch-64K": 64, "produce/batch-1M": 1024}


def table(head, rows):
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)


def bar(workloads):
    """The bar, row by row."""
    rows = []
    for what, checks in verdicts(workloads):
        holds = [check.holds for check in checks]
        verdict = "missed" if False in holds else "not measured" if None in holds else "met"
        marked = [check.measured + ("" if check.holds is not False else " (missed)") for check in checks]
        rows.append([what, "; ".join(check.bar for check in checks), "; ".join(marked), verdict])
    return table(["what", "bar", "measured", "verdict"], rows)


def results(workloads):
    """Medians of everything, with the least and the most of the rounds."""
    rows = []
    for name, entry in workloads.items():
        for metric in entry["shows"]:
            found = {kind: spread(entry["samples"].get(kind, []), metric) for kind in SERVERS}
            cells = [f"{number(at.median)} ({number(at.least)}–{number(at.most)})" if at else entry["failed"].get(kind) and "failed" or "–"
                     for kind, at in found.items()]
            ours = median_of(entry, "barnabas", metric)
            ratios = [times_better(metric, ours, median_of(entry, kind, metric)) for kind in ("kafka", "floor")]
            rows.append([f"`{name}`: {entry['title']}" if metric == entry["shows"][0] else "", METRICS[metric].unit, *cells,
                         *(f"{ratio:.2f}x" if ratio else "–" for ratio in ratios)])
    head = ["workload", "unit", "floor", "barnabas", "Apache Kafka", "better than Kafka", "than the floor"]
    return table(head, rows)


def machine(run):
    about = run["machine"]
    return (f"Measured {about['when']} on {about['cores']} cores ({about['cpu']}), {about['memory_gb']:.0f} GB, Linux {about['kernel']}; "
            f"load before the run {about['load_before']:.1f}; `scripts/bench {run['mode']}`, scale {run['scale']}, "
            f"barnabas {run['commit']}; {run.get('seconds', 0) / 60:.0f} minutes.\n")


def plots(workloads):
    """The plots' names and contents."""
    for name, (prefix, metric, what) in CURVES.items():
        series = {kind: curve(workloads, prefix, kind, metric) for kind in ("barnabas", "kafka")}
        yield name, lines(f"cost by {what}", what, METRICS[metric].unit, series)
    series = {kind: [(size, value) for name, size in BATCHES.items() if name in workloads
                     and (value := median_of(workloads[name], kind, "cpu_s_per_gb")) is not None] for kind in SERVERS}
    yield "produce-batches", lines("cost of producing by batch size", "KiB a batch", "CPU-s/GB", series)


def replace(text, section, content):
    """Puts content between a section's markers."""
    pattern = re.compile(rf"(<!-- measured: {section} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no markers for {section}")
    return pattern.sub(lambda found: f"{found[1]}{content}{found[2]}", text)


def write(path):
    """Makes the document's generated parts and the plots of the results in `path`."""
    run = json.loads(path.read_text())
    workloads = run["workloads"]
    text = DOCUMENT.read_text()
    for section, content in [("machine", machine(run)), ("bar", bar(workloads)), ("results", results(workloads))]:
        text = replace(text, section, content)
    DOCUMENT.write_text(text)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "results.json").write_text(json.dumps(run, indent=1) + "\n")
    for name, svg in plots(workloads):
        (FOLDER / f"{name}.svg").write_text(svg)
