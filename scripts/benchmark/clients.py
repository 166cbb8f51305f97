"""Off-the-shelf clients as the load: Apache Kafka's own tools, and librdkafka through confluent-kafka."""

import json
import re
import subprocess
from pathlib import Path

from benchmark.measure import Workload
from benchmark.servers import REPOSITORY, tool

COST = ("cpu_s_per_gb", "gb_per_s")
LIBRDKAFKA = Path(__file__).with_name("librdkafka_load.py")
PYTHON = REPOSITORY / "target" / "compat" / "venv" / "bin" / "python"
RECORD_BYTES = 1000


def cost(run, server, gigabytes, work):
    """What `work` costs the server for so many bytes; `work` returns seconds."""
    before = server.cpu_seconds()
    seconds = work()
    spent = server.cpu_seconds() - before
    return {"cpu_s_per_gb": spent / gigabytes, "gb_per_s": gigabytes / seconds, "resident_mb": server.memory_mb()}


def topic(server, name, partitions=4):
    """A fresh topic; a deleted one of the same name may take a moment to go."""
    server.create_topic(name, partitions)
    return name


def producer_performance(batch_bytes):
    def measure(run, kind, number_of_round):
        server = run.server(kind)
        name = topic(server, f"producer-performance-{batch_bytes}-{number_of_round}")
        records = int(400_000 * run.scale)

        def work():
            out = tool(run.java_classpath, "ProducerPerformance", "--topic", name, "--num-records", records, "--record-size", RECORD_BYTES,
                       "--throughput", -1, "--producer-props", f"bootstrap.servers={server.address}", "acks=1",
                       f"batch.size={batch_bytes}", "linger.ms=5")
            return records * RECORD_BYTES / 1e6 / float(re.findall(r"\(([\d.]+) MB/sec\)", out)[-1]) / 1.048576

        return cost(run, server, records * RECORD_BYTES / 1e9, work)

    return measure


def consumer_performance(run, kind, number_of_round):
    server = run.server(kind)
    records = int(400_000 * run.scale)
    name = f"producer-performance-16384-{number_of_round}"

    def work():
        out = tool(run.java_classpath, "ConsumerPerformance", "--topic", name, "--num-records", records, "--bootstrap-server", server.address,
                   "--group", f"read-{name}", "--timeout", 60_000)
        fields = [field.strip() for field in out.strip().splitlines()[-1].split(",")]
        # The eighth field is the time without the group's rebalance, in ms.
        return max(int(fields[7]), 1) / 1000

    return cost(run, server, records * RECORD_BYTES / 1e9, work)


def end_to_end_latency(run, kind, number_of_round):
    server = run.server(kind)
    name = topic(server, f"end-to-end-latency-{number_of_round}", 1)
    # Enough that the client's first seconds, before its code is compiled, don't decide.
    messages = int(20_000 * run.scale)
    out = tool(run.java_classpath, "EndToEndLatency", "--bootstrap-server", server.address, "--topic", name, "--num-records", messages,
               "--producer-acks", "all", "--record-size", 100)
    return {"average_ms": float(re.search(r"Avg latency: ([\d.]+)", out)[1])}


def librdkafka(direction, batch_bytes):
    def measure(run, kind, number_of_round):
        server = run.server(kind)
        name = f"librdkafka-{batch_bytes}-{number_of_round}"
        records = int(500_000 * run.scale)
        if direction == "produce":
            topic(server, name)

        def work():
            command = [PYTHON, LIBRDKAFKA, direction, server.address, name, str(records), str(RECORD_BYTES), str(batch_bytes)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=180)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip()[-500:])
            return json.loads(done.stdout)["seconds"]

        return cost(run, server, records * RECORD_BYTES / 1e9, work)

    return measure


def workloads():
    for batch_bytes in [16 << 10, 128 << 10]:
        size = f"{batch_bytes >> 10}K"
        yield Workload(f"librdkafka/produce-{size}", f"librdkafka produces, batches of {batch_bytes >> 10} KiB",
                       librdkafka("produce", batch_bytes), COST, rounds=3)
        yield Workload(f"librdkafka/consume-{size}", f"librdkafka consumes them ({batch_bytes >> 10} KiB)",
                       librdkafka("consume", batch_bytes), COST, rounds=3)
    yield Workload("tools/producer-performance", "ProducerPerformance, 1 KB records, batch.size 16384", producer_performance(16384), COST, rounds=3)
    yield Workload("tools/consumer-performance", "ConsumerPerformance reads them", consumer_performance, COST, rounds=3)
    yield Workload("tools/end-to-end-latency", "EndToEndLatency, acks=all, 100 B", end_to_end_latency, ("average_ms",), rounds=3)
