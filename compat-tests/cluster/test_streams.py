"""A streams group (KIP-1071) on three nodes: an application with a store behind a repartition topic counts exactly once, while the
coordinator of its group is killed (-9), and then another node with one of its instances."""

import re
import subprocess

from cluster import judged
from harness import counts, paths
from harness.deadline import until

LIMIT_S = 300
TOPIC, GROUP, RATE = "numbers", "numbers-app", 300
INTERNAL = ("numbers-app-letters-repartition", "numbers-app-counts-changelog")
SETTINGS = {
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.streams.initial.rebalance.delay.ms": "100",
    "group.streams.min.session.timeout.ms": "3000",
    "group.streams.session.timeout.ms": "3000",
    "group.streams.min.heartbeat.interval.ms": "250",
    "group.streams.heartbeat.interval.ms": "250",
}


def coordinator(cluster):
    """The node that coordinates the group, as soon as one says so; and that the group is a streams group."""

    def told():
        command = [paths.barnabas_binary(), "streams-groups", "--bootstrap-server", cluster.bootstrap, "--describe", "--group", GROUP, "--state"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=judged.REQUEST_S).stdout
        return re.search(rf"^{GROUP} +\S+ \((\d+)\)", shown, re.MULTILINE)

    return cluster.nodes[int(until("the group's coordinator", told, judged.REQUEST_S, pause_s=0.2)[1])]


def test_counts_are_exact_though_coordinators_are_killed(cluster, tmp_path):
    for topic in (TOPIC, f"{TOPIC}-copies", f"{TOPIC}-counts"):
        judged.create(cluster, topic)
        judged.wait_for_isr(cluster, topic)

    def instance(name):
        return counts.application(cluster.bootstrap, TOPIC, name, tmp_path, "streams")

    with judged.Load(cluster, TOPIC, tmp_path, RATE) as load:
        running = {name: instance(name) for name in ("one", "two")}
        try:
            counts.wait_for_more(cluster.bootstrap, TOPIC, "copies")
            first = coordinator(cluster)
            second = next(node for node in cluster.nodes.values() if node is not first)
            for node in (first, second):
                node.kill()
                if node is second:
                    running["one"].kill()
                    running["one"] = instance("one")
                assert coordinator(cluster) is not node
                counts.wait_for_more(cluster.bootstrap, TOPIC, f"copies without node {node.node_id}")
                node.start()
                for topic in (TOPIC, *INTERNAL, "__consumer_offsets", "__transaction_state"):
                    judged.wait_for_isr(cluster, topic)
            load.kill()
            judged.judge(cluster, load)
            counts.wait(cluster.bootstrap, TOPIC)
        finally:
            for each in running.values():
                each.kill()
    counts.judge(cluster.bootstrap, TOPIC)
