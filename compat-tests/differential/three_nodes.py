#!/usr/bin/env python3
"""Send the same requests to three nodes of Apache Kafka and to three of barnabas, and compare the answers. See README.md."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import compare  # noqa: E402
import definitions  # noqa: E402
import nodes  # noqa: E402
from brokers import REPOSITORY, Running, clients_jar  # noqa: E402
from exceptions import Exceptions  # noqa: E402
from harness import paths  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from normalise import Names, Normaliser  # noqa: E402
from session import Session, run_script  # noqa: E402
from wire import Connection  # noqa: E402

SETTINGS = {
    "log.initial.task.delay.ms": "3600000",
    # What happens by itself happens at another time in each cluster.
    "auto.create.topics.enable": "false",
    "auto.leader.rebalance.enable": "false",
    # Apache Kafka notices by it alone that a node was killed.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
}
RUN_SECONDS = 600


def cluster_of(kind, folder):
    """Three nodes, not started; the harness goes by $BROKER."""
    os.environ["BROKER"] = kind
    return Cluster(folder / kind, 3, SETTINGS)


class Side:
    """One cluster: a session with each of its nodes, which share names and the transcript."""

    def __init__(self, name, cluster, known, rules, prefix):
        self.running = Running(name, "", 0)
        self.cluster, self.definitions, self.rules, self.prefix = cluster, known, rules, prefix
        self.names = Names(self.running)
        self.names.ports = {node.port: f"<port {n}>" for n, node in cluster.nodes.items()}
        self.names.ports |= {node.controller_port: f"<controller port {n}>" for n, node in cluster.nodes.items()}
        self.names.wild_text = nodes.any_of(self.names.ports)
        self.served = self._served(cluster.nodes[1])

    def _served(self, node):
        api = self.definitions.api("ApiVersions")
        connection = Connection(node.host, node.port, self.definitions)
        connection.send(connection.frame(api, 4, {"ClientSoftwareName": "differential", "ClientSoftwareVersion": "1"}))
        rows = connection.receive(api, 4, connection.correlation, 20)["ApiKeys"]
        connection.close()
        known = ((self.definitions.apis.get(row["ApiKey"]), row) for row in rows)
        return {api.name: (max(row["MinVersion"], api.request.versions.lowest), min(row["MaxVersion"], api.request.versions.highest))
                for api, row in known if api is not None}

    def session(self, node, served):
        running = Running(self.running.name, node.host, node.port)
        return Session(running, self.definitions, served, self.names, Normaliser(self.names, self.rules), self.prefix, 99, ())

    def run(self, script, served):
        return run_script(script, nodes.Three(self, served))


def compared(sides, rules, wanted):
    """Runs all scripts on both sides, one after the other, and keeps the score."""
    low, high = [side.served for side in sides]
    served = {api: (max(low[api][0], high[api][0]), min(low[api][1], high[api][1])) for api in low if api in high}
    rules.unserved = {sides[0].definitions.api(api).key for api in low if api not in high}
    score = compare.Score()
    for script in nodes.SCRIPTS:
        if wanted and not any(text in script.__name__ for text in wanted):
            continue
        with ThreadPoolExecutor(2) as pair:
            transcripts = [done.result(RUN_SECONDS) for done in [pair.submit(side.run, script, served) for side in sides]]
        for side, steps in zip(sides, transcripts, strict=True):
            if str(steps[-1].outcome).startswith("stopped"):
                raise RuntimeError(f"{script.__name__} at {side.running.name}: {steps[-1].outcome}")
        score.transcripts(f"three.{script.__name__}", *transcripts, rules)
    return score


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-check", action="store_true", help="three more Apache Kafkas take the place of barnabas")
    parser.add_argument("--scenario", action="append", default=[], help="only scripts whose name contains this")
    parser.add_argument("--whole", action="store_true", help="show both answers whole, not only what differs")
    parser.add_argument("--messages", action="store_true", help="list the error messages that differ")
    parser.add_argument("--group", action="store_true", help="one line for each kind of difference, the most frequent first")
    parser.add_argument("--limit", type=int, default=40, help="how many differences are shown (0: all)")
    return parser.parse_args()


def main():
    options = arguments()
    rules = Exceptions()
    rules.add(HERE / "three_nodes.toml")
    known = definitions.load(clients_jar())
    folder = Path(tempfile.mkdtemp(prefix="three-nodes-"))
    clusters = []
    if not options.self_check:
        os.environ.setdefault("BARNABAS", str(REPOSITORY / "target" / "release" / "barnabas"))
        assert paths.barnabas_binary().exists()
    try:
        clusters = [cluster_of("kafka", folder / "left"), cluster_of("kafka" if options.self_check else "barnabas", folder / "right")]
        with ThreadPoolExecutor(2) as pair:
            for done in [pair.submit(cluster.start) for cluster in clusters]:
                done.result(RUN_SECONDS)
        began = time.monotonic()
        prefix = f"three-{int(began)}"
        sides = [Side(name, cluster, known, rules, prefix) for name, cluster in zip(("kafka", "barnabas"), clusters, strict=True)]
        score = compared(sides, rules, options.scenario)
        names = ["kafka", "barnabas"]
        for failure in [] if options.group else score.failures[: options.limit or None]:
            print(compare.show(failure, names, options.whole), end="\n\n")
        if options.group:
            print(compare.grouped(score, names))
        if options.messages:
            for (api, left, right), where in sorted(score.message_samples.items()):
                print(f"~ {api} at {where}\n          kafka: {left}\n       barnabas: {right}")
        print(compare.table(score))
        print(f"{len(score.failures)} differences, {time.monotonic() - began:.0f} s")
        return 0 if score.clean() else 1
    finally:
        for cluster in clusters:
            cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
