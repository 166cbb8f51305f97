"""One run: servers beside each other, workload after workload, round after round; what was measured is on disk at once."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from benchmark.servers import BINARY, GENERATOR, REPOSITORY, Broker, Floor, classpath
from benchmark.summary import METRICS, median_of, metrics_of_report, number, times_better

SERVERS = ("floor", "barnabas", "kafka")
GENERATOR_SECONDS = 300
# Nothing is measured for less, however small the scale: CPU is counted in ticks of 10 ms, and one stall would be all there is.
SECONDS_MIN = 0.5
# How long what came before may take to be over.
SETTLE_SECONDS = 20
DISK_IDLE_SECONDS = 3
# Both brokers drop a deleted topic's files after this. Apache Kafka first looks for such files after its tasks' initial delay.
SETTINGS = {"log.segment.delete.delay.ms": 500, "log.initial.task.delay.ms": 500}


@dataclass(frozen=True)
class Workload:
    """A named measurement, made once in each round for each server."""

    name: str
    title: str
    # measure(run, server, round) gives a dictionary of metrics.
    measure: Callable
    shows: tuple
    servers: tuple = ("barnabas", "kafka")
    rounds: int = 5
    quick: bool = False


class Run:
    """The servers of a run and the file its results go to."""

    def __init__(self, path, mode, scale, rounds=None, resume=False, warm_seconds=1):
        self.path = path
        self.scale = scale
        self.rounds = rounds
        self.warm_seconds = warm_seconds
        self.java_classpath = classpath()
        self.folder = Path(tempfile.mkdtemp(prefix="barnabas-bench-", dir=os.environ.get("BENCH_FOLDER")))
        self.servers = {}
        self.results = {"machine": machine(), "commit": commit(), "mode": mode, "scale": scale, "workloads": {}}
        if resume and path.exists():
            before = json.loads(path.read_text())
            if before.get("commit") != self.results["commit"]:
                print(f"{path} is of commit {before.get('commit')}: begun anew", file=sys.stderr)
            else:
                self.results["workloads"] = before["workloads"]

    def server(self, kind):
        """The running server of this kind; a fresh and warm one if there is none or it has ended."""
        server = self.servers.get(kind)
        if server is None or not server.is_running:
            if server is not None:
                shutil.rmtree(server.folder, ignore_errors=True)
            self.servers[kind] = server = self.new_server(kind)
            server.start()
            self.warm(server)
            self.settle()
        return server

    def new_server(self, kind, settings=None):
        """A server on a fresh folder, not started; the caller stops it and removes the folder."""
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.folder))
        if kind == "floor":
            return Floor(folder)
        return Broker(kind, folder, self.java_classpath, SETTINGS | (settings or {}))

    def close(self):
        for server in self.servers.values():
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def generate(self, server, command, *options):
        """Runs the generator against a server; returns its report."""
        line = [str(GENERATOR), command, "--address", server.address, "--pid", str(server.process.pid)]
        if server.kind == "floor":
            line.append("--floor")
        done = subprocess.run([*line, *map(str, options)], capture_output=True, text=True, timeout=GENERATOR_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip()[-500:])
        return json.loads(done.stdout)

    def seconds(self, seconds):
        """A duration, scaled; not shorter than what can be measured."""
        return round(max(seconds * self.scale, min(seconds, SECONDS_MIN)), 3)

    def settle(self):
        """Waits until what came before is over: deleted topics' files are gone, what was written is on the disk, the disk is idle.

        Unlinking 2 GB beside a measurement made it cost three times as much (docs/PERFORMANCE.md).
        """
        wait_until(lambda: not any(server.is_running and server.has_deletions() for server in self.servers.values()), SETTLE_SECONDS)
        os.sync()
        before = None

        def idle():
            nonlocal before
            before, last = disk_requests(), before
            return before == last

        wait_until(idle, DISK_IDLE_SECONDS, every=0.05)

    def measure(self, workload):
        """Measures a workload; a server that fails is named in the results and doesn't end the run."""
        before = self.results["workloads"].get(workload.name)
        if before and not before["failed"]:
            return
        began = time.monotonic()
        entry = {"title": workload.title, "shows": list(workload.shows), "samples": {}, "failed": {}}
        self.results["workloads"][workload.name] = entry
        for number_of_round in range(min(workload.rounds, self.rounds or workload.rounds)):
            order = workload.servers if number_of_round % 2 == 0 else tuple(reversed(workload.servers))
            for kind in order:
                if kind in entry["failed"]:
                    continue
                try:
                    self.settle()
                    sample = workload.measure(self, kind, number_of_round)
                    entry["samples"].setdefault(kind, []).append(sample)
                except (RuntimeError, ValueError, OSError, KeyError, subprocess.SubprocessError) as error:
                    entry["failed"][kind] = f"{type(error).__name__}: {error}"[:600]
                    print(f"  {workload.name}, {kind}: {error}", file=sys.stderr)
                    server = self.servers.pop(kind, None)
                    if server is not None:
                        server.kill()
                        shutil.rmtree(server.folder, ignore_errors=True)
        entry["seconds"] = round(time.monotonic() - began, 1)
        self.save()
        show(workload.name, entry)

    def save(self):
        """Writes the results so that a crash leaves the last whole ones."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".new")
        written.write_text(json.dumps(self.results, indent=1) + "\n")
        written.replace(self.path)

    def touch(self):
        """Touches memory."""
        gigabytes = max(1, int(available_gb() * 0.6))
        subprocess.run([str(GENERATOR), "touch", "--bytes", f"{gigabytes}G"], check=True, stdout=subprocess.DEVNULL)

    def warm(self, server):
        """Lets a server see every kind of request before it is measured: Apache Kafka for its compiler, the others a moment."""
        seconds = self.warm_seconds if server.kind == "kafka" else 0.2
        commands = [
            ("produce", "--topic", "warm-1"),
            ("produce", "--topic", "warm-2", "--batch", 138, "--record", 100, "--connections", 100, "--in-flight", 1),
            ("fetch", "--topic", "warm-3", "--preload", "64M"),
        ]
        if server.kind != "floor":
            commands += [("produce", "--topic", "warm-4", "--acks", -1, "--idempotent"), ("transact", "--topic", "warm-5"),
                         ("tail", "--topic", "warm-6", "--consumers", 10)]
        for command, *options in commands:
            self.generate(server, command, "--warm-up", 0, "--seconds", seconds, "--bytes-max", "1G", *options)


def wait_until(holds, seconds, every=0.02):
    """Whether a condition came to hold within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def disk_requests(disks=Path("/proc/diskstats")):
    """Reads, writes and discards that each disk has done so far, and requests under way; nothing where that isn't told."""
    if not disks.exists():
        return []
    fields = [list(map(int, line.split()[3:])) for line in disks.read_text().splitlines()]
    # Older kernels don't count discards, which have four columns behind eleven of reads and writes.
    return [(disk[0], disk[4], disk[11] if len(disk) > 11 else 0, disk[8]) for disk in fields]


def generated(command, *options, counted, seconds=1.0, warm_up=0.3, keep=False, evict=False):
    """A measure that runs the generator and says of requests of the class `counted` what they cost.

    `keep` leaves the topic to the next rounds, `evict` drops it from the page cache before it is read.
    """

    def measure(run, kind, number_of_round):
        server = run.server(kind)
        name = re.sub(r"[^a-z0-9]+", "-", " ".join([command, *map(str, options)]).lower()).strip("-")[-150:]
        line = ["--topic", name, "--keep"] if keep else ["--topic", f"{name}-{number_of_round}"]
        line += [*options, "--warm-up", run.seconds(warm_up), "--seconds", run.seconds(seconds)]
        if evict:
            line += ["--evict", server.data]
        return metrics_of_report(run.generate(server, command, *line), counted)

    return measure


def show(name, entry):
    """Prints a workload's medians, and how many times better than Apache Kafka barnabas is."""
    print(f"{name} ({entry['seconds']} s)", flush=True)
    for metric in entry["shows"]:
        values = {kind: median_of(entry, kind, metric) for kind in SERVERS}
        better = times_better(metric, values["barnabas"], values["kafka"])
        shown = "  ".join(f"{kind} {number(value)}" for kind, value in values.items() if value is not None)
        print(f"    {METRICS[metric].unit:<22} {shown}" + (f"  ({better:.2f}x Kafka)" if better else ""), flush=True)


def available_gb():
    found = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
    return int(found[1]) / 2**20


def machine():
    """What the figures depend on."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
    return f"{done.stdout.strip() or 'unknown'}, {BINARY.stat().st_size} bytes"
