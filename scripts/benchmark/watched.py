"""What it costs produce and fetch that somebody looks: /metrics scraped every second and the console open, against neither.

    scripts/bench watched [--rounds N] [--seconds S]

One broker with its HTTP listener. Each round measures a workload alone and watched, one after the other, the next round in the other
order; what is told is the median of the rounds' ratios. The HTTP listener's own thread is told apart from the threads that serve clients.
On a machine that does nothing else: a browser's part is played by this process, which takes CPU of the same machine.
"""

import argparse
import os
import statistics
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmark.measure import Run, metrics_of_report  # noqa: E402
from benchmark.servers import REPOSITORY, free_port  # noqa: E402

# By name: the generator's command and options, what is counted, the metric.
WORKLOADS = {
    "produce, 16 KiB batches": ("produce", ("--partitions", 8, "--connections", 4, "--bytes-max", "2G"), "produce", "cpu_s_per_gb"),
    "produce, 200 B, 60,000 a second": ("produce", ("--batch", 138, "--record", 100, "--partitions", 8, "--connections", 100, "--rate", 60_000),
                                        "produce", "cpu_us_per_request"),
    "fetch, hot catch-up": ("fetch", ("--connections", 1, "--preload", "256M", "--bytes-max", "32G"), "fetch", "cpu_s_per_gb"),
    "tail, 10 consumers": ("tail", ("--consumers", 10, "--bytes-max", "8G"), "fetch", "cpu_us_per_request"),
}
# What an open page asks for, and how often: the overview and the plots of clients.
PAGE = {"overview": 15, "plots": 15, "topics": 15}
ALLOWED = 0.02


class Watching:
    """Scrapes every second and keeps the console's pages open, until it is left."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.scrapes = 0

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            answer.read()

    def look(self):
        second = 0
        while True:
            self.get("/metrics")
            self.scrapes += 1
            for page, every in PAGE.items():
                if second % every == 0:
                    self.get(f"/console/api/{page}")
            second += 1
            if self.ended.wait(1):
                return


def http_seconds(pid):
    """CPU seconds of the listener's thread so far."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "http":
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    raise RuntimeError("the broker has no HTTP listener")


def measure(run, server, port, name, number, watched):
    """The metric, and what of it the listener's thread took."""
    command, options, counted, metric = WORKLOADS[name]
    topic = f"{'watched' if watched else 'alone'}-{number}-{command}"
    line = ["--topic", topic, *options, "--warm-up", 1, "--seconds", run.seconds_each]
    run.settle()
    before, began = http_seconds(server.process.pid), time.monotonic()
    if watched:
        with Watching(port) as watching:
            report = run.generate(server, command, *line)
        if watching.scrapes < 2:
            raise RuntimeError("nobody has looked")
    else:
        report = run.generate(server, command, *line)
    share = (http_seconds(server.process.pid) - before) / (time.monotonic() - began)
    cost = metrics_of_report(report, counted)[metric]
    return cost, cost * share * report["seconds"] / report["cpu_seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    run = Run(REPOSITORY / "target" / "bench" / "watched.json", "watched", 1.0)
    run.seconds_each = options.seconds
    port = free_port()
    server = run.new_server("barnabas", {"barnabas.http.listener": f"127.0.0.1:{port}"})
    run.servers["barnabas"] = server
    worst = 0.0
    try:
        server.start()
        run.warm(server)
        print(f"{'':<34}{'alone':>10}{'watched':>10}{'ratio':>8}{'threads of clients':>20}")
        for name, (*_, metric) in WORKLOADS.items():
            samples = []
            for number in range(options.rounds):
                order = (False, True) if number % 2 == 0 else (True, False)
                found = {watched: measure(run, server, port, name, number, watched) for watched in order}
                (alone, alone_http), (watched, watched_http) = found[False], found[True]
                samples.append((alone, watched, watched / alone, (watched - watched_http) / (alone - alone_http)))
            run.results["workloads"][name] = {"metric": metric, "samples": samples}
            alone, watched, ratio, clients = (statistics.median(column) for column in zip(*samples))
            worst = max(worst, clients - 1)
            print(f"{name:<34}{alone:>10.4f}{watched:>10.4f}{ratio:>8.3f}{clients:>20.3f}  {metric}", flush=True)
    finally:
        run.close()
        run.save()
    print(f"produce and fetch cost {worst:+.1%} at the most when watched ({'within' if worst <= ALLOWED else 'beyond'} {ALLOWED:.0%})")
    sys.exit(worst > ALLOWED)


if __name__ == "__main__":
    main()
