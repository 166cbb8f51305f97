"""Clusters of three on this machine, one kind after the other: how long a failover takes, what replication and idleness cost.

Run by `scripts/bench cluster`, with the Python of compat-tests/setup. Writes target/bench/cluster.json and prints a table.

    --kinds barnabas,kafka    which
    --tries N                 failovers of each sort
    --only NAME,…             some of: ready idle kill stop pause rolling cost follower wiped partitions
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(REPOSITORY / "compat-tests"), str(REPOSITORY / "scripts")]

from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from kafka import KafkaAdminClient  # noqa: E402

from benchmark.servers import GENERATOR  # noqa: E402
from cluster import judged  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.deadline import until  # noqa: E402

IDLE_S = 10
LOAD_RATE = 500
GENERATOR_S = 180
MANY_PARTITIONS = 1000
WIPED_BYTES = "200M"


def cpu_seconds(cluster):
    total = 0
    for node in cluster.nodes.values():
        fields = Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def resident_mb(node):
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def create(cluster, topic, assignment, config=None):
    """A topic whose partitions have these replicas, the leader first."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(topic, len(assignment), replica_assignment=assignment, config=config or {})])[topic].result(60)
    until(f"{topic} at every node", lambda: all(topic in judged.topics_at(node) for node in cluster.nodes.values()), 60)


def controller(cluster):
    """The active controller."""
    client = KafkaAdminClient(bootstrap_servers=cluster.bootstrap.split(","))
    try:
        [topic] = client.describe_metadata_quorum()["topics"]
        return topic["partitions"][0]["leader_id"]
    finally:
        client.close()


def failover(cluster, folder, how, tries, victim_of):
    """Seconds without an acknowledgement (acks=all) when the leader's node is killed, stopped or paused."""
    pauses = []
    for number in range(tries):
        victim = victim_of(cluster)
        others = [n for n in cluster.nodes if n != victim]
        topic = f"{how}-{number}-{random.randrange(10**9)}"
        create(cluster, topic, [[victim, *others]])
        judged.wait_for_isr(cluster, topic)
        with judged.Load(cluster, topic, folder, rate=LOAD_RATE) as load:
            load.wait_for_more(300, "acknowledgements before")
            since = judged.now()
            node = cluster.nodes[victim]
            getattr(node, how)()
            load.wait_for_more(100, "acknowledgements of the new leader", 90)
            pauses.append(load.longest_pause_s(since))
            if how == "pause":
                node.resume()
            else:
                node.start()
            cluster.wait_until_whole()
            judged.wait_for_isr(cluster, topic)
            load.kill()
            judged.judge(cluster, load)
    return {"median_ms": statistics.median(pauses) * 1000, "worst_ms": max(pauses) * 1000, "tries": tries}


def not_the_controller(cluster):
    active = controller(cluster)
    return random.choice([n for n in cluster.nodes if n != active])


def rolling(cluster, folder):
    topic = f"rolling-{random.randrange(10**9)}"
    create(cluster, topic, [[1, 2, 3], [2, 3, 1], [3, 1, 2]])
    judged.wait_for_isr(cluster, topic)
    with judged.Load(cluster, topic, folder, rate=LOAD_RATE) as load:
        load.wait_for_more(300, "acknowledgements before")
        since = judged.now()
        for node in cluster.nodes.values():
            node.stop()
            node.start()
            judged.wait_for_isr(cluster, topic)
        took = judged.now() - since
        load.wait_for_more(100, "acknowledgements after")
        pause = load.longest_pause_s(since)
        load.kill()
        judged.judge(cluster, load)
    return {"seconds": took, "pause_ms": pause * 1000}


def cost(cluster, _folder):
    """CPU of all three nodes for a gigabyte, RF 3, acks=all, 16 KiB batches, all led by node 1; latency with one record in flight."""
    topic = f"cost-{random.randrange(10**9)}"
    create(cluster, topic, [[1, 2, 3]] * 8, {"retention.bytes": str(256 << 20)})
    judged.wait_for_isr(cluster, topic)
    leader = cluster.nodes[1]
    line = [str(GENERATOR), "produce", "--address", leader.bootstrap, "--pid", str(leader.process.pid), "--topic", topic, "--keep",
            "--partitions", "8", "--connections", "4", "--acks", "-1", "--bytes-max", "1500M", "--warm-up", "0", "--seconds", "6"]
    before = cpu_seconds(cluster)
    done = subprocess.run(line, capture_output=True, text=True, timeout=GENERATOR_S)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-500:])
    until("everything replicated", lambda: len({ends(node, topic) for node in cluster.nodes.values()}) == 1, 60)
    spent = cpu_seconds(cluster) - before
    report = json.loads(done.stdout)
    written = report["classes"]["produce"]["bytes"]
    times = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 0})
    for _ in range(1000):
        began = time.perf_counter()
        producer.produce(topic, b"x" * 200, partition=0)
        producer.flush(30)
        times.append(time.perf_counter() - began)
    times.sort()
    return {"cpu_s_per_gb": spent / (written / 1e9), "gb_per_s": written / 1e9 / report["seconds"] if "seconds" in report else None,
            "p50_us": times[len(times) // 2] * 1e6, "p99_us": times[len(times) * 99 // 100] * 1e6}


def ends(node, topic):
    """The sizes of a topic's segment files at a node."""
    return tuple(sorted((path.parent.name, path.stat().st_size) for path in node.data.glob(f"{topic}-*/*.log")))


def follower(cluster, _folder):
    """Milliseconds from a record's acknowledgement until a consumer reads it at a follower."""
    topic = f"follower-{random.randrange(10**9)}"
    create(cluster, topic, [[1, 2, 3]])
    judged.wait_for_isr(cluster, topic)
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "follower", "client.rack": "rack-2", "auto.offset.reset": "earliest",
                         "fetch.wait.max.ms": 500})
    consumer.assign([TopicPartition(topic, 0, 0)])
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 0})
    times = []
    for number in range(30):
        producer.produce(topic, f"{number}".encode(), partition=0)
        producer.flush(30)
        began = time.perf_counter()
        message = None
        while message is None or message.error():
            message = consumer.poll(10)
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.05)
    consumer.close()
    return {"median_ms": statistics.median(times[5:]), "worst_ms": max(times[5:])}


def wiped(cluster, _folder):
    """Seconds from the start of a node that lost a topic of 200 MB until it is in sync again."""
    topic = f"wiped-{random.randrange(10**9)}"
    create(cluster, topic, [[1, 2, 3]] * 4)
    judged.wait_for_isr(cluster, topic)
    leader, node = cluster.nodes[1], cluster.nodes[3]
    line = [str(GENERATOR), "fill", "--address", leader.bootstrap, "--pid", str(leader.process.pid), "--topic", topic, "--keep",
            "--partitions", "4", "--bytes", WIPED_BYTES]
    subprocess.run(line, check=True, capture_output=True, timeout=GENERATOR_S)
    node.kill()
    for path in node.data.glob(f"{topic}-*"):
        shutil.rmtree(path)
    began = judged.now()
    node.start()
    judged.wait_for_isr(cluster, topic)
    return {"seconds": judged.now() - began}


def partitions(cluster, _folder):
    """Seconds until all of 1,000 partitions are led again after kill -9 of the leader of a third of them."""
    topic = f"many-{random.randrange(10**9)}"
    order = [[1, 2, 3], [2, 3, 1], [3, 1, 2]]
    create(cluster, topic, [order[n % 3] for n in range(MANY_PARTITIONS)])
    judged.wait_for_isr(cluster, topic)
    node = cluster.nodes[2]
    other = cluster.nodes[1].bootstrap
    began = judged.now()
    node.kill()
    until("leaders of all partitions", lambda: all(leader in (1, 3) for leader, _, _ in judged.described(cluster, topic, other).values()), 60)
    took = judged.now() - began
    node.start()
    judged.wait_for_isr(cluster, topic)
    return {"seconds": took}


def idle(cluster, _folder):
    time.sleep(3)
    before = cpu_seconds(cluster)
    time.sleep(IDLE_S)
    each = (cpu_seconds(cluster) - before) / IDLE_S / len(cluster.nodes)
    return {"cpu_percent_each": each * 100, "resident_mb_each": max(resident_mb(node) for node in cluster.nodes.values())}


def measures(tries):
    return {
        "idle": idle,
        "kill": lambda cluster, folder: failover(cluster, folder, "kill", tries, not_the_controller),
        "kill-controller": lambda cluster, folder: failover(cluster, folder, "kill", tries, controller),
        "stop": lambda cluster, folder: failover(cluster, folder, "stop", tries, not_the_controller),
        "stop-controller": lambda cluster, folder: failover(cluster, folder, "stop", tries, controller),
        "pause": lambda cluster, folder: failover(cluster, folder, "pause", max(1, tries // 3), not_the_controller),
        "rolling": rolling,
        "cost": cost,
        "follower": follower,
        "wiped": wiped,
        "partitions": partitions,
    }


def run(kind, tries, only):
    os.environ["BROKER"] = kind
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{kind}-", dir=os.environ.get("BENCH_FOLDER")))
    results = {}
    racks = {"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"}
    cluster = Cluster(folder, 3, racks, of_node=lambda n: {"broker.rack": f"rack-{n}"})
    try:
        began = judged.now()
        cluster.start()
        results["ready"] = {"ms": (judged.now() - began) * 1000}
        print(kind, "ready", results["ready"], flush=True)
        for name, measure in measures(tries).items():
            if only and name not in only:
                continue
            try:
                results[name] = measure(cluster, folder)
            except Exception as error:  # what failed is named in the results
                results[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
            shown = {key: round(value, 2) if isinstance(value, float) else value for key, value in results[name].items()}
            print(kind, name, shown, flush=True)
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="barnabas,kafka")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    path = REPOSITORY / "target" / "bench" / "cluster.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    for kind in options.kinds.split(","):
        results.setdefault(kind, {}).update(run(kind, options.tries, only))
        path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
