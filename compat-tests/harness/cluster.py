"""Several nodes as one cluster, each broker and controller: barnabas, or Apache Kafka 4.4.0 when BROKER=kafka.

All read the same server.properties that Apache Kafka would. They lie on loopback, or each in a network namespace of its own
(harness.namespaces), where links between them can be cut.
"""

import os
import signal
import subprocess
from pathlib import Path

from harness import apache_kafka, paths
from harness.broker import ApacheKafka, Barnabas, Broker
from harness.deadline import until
from harness.wire import free_port, live_brokers

FORMAT_S = 60
READY_S = 120
# Made by Kafka's tool.
DIRECTORY_IDS = dict(enumerate(("JEXY6aqzQY-32P5TStzaFg", "MvDxzVmcRsaTz33bUuRU6A", "07R5amHmR32VDA6jHkGbTA"), 1))


class _Node(Broker):
    """One node; its properties and its log directory stay over restarts."""

    def __init__(self, folder: Path, node_id: int, host: str, ports: tuple[int, int], prefix: list[str]):
        super().__init__(folder)
        self.node_id, self.host, self.prefix = node_id, host, prefix
        self.port, self.controller_port = ports
        self.properties = folder / "server.properties"

    @property
    def bootstrap(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def spawn(self) -> None:
        """Starts the process and returns at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def pause(self) -> None:
        """Stops the process where it is (SIGSTOP), as a machine that hangs does."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)

    def start(self) -> None:
        """Starts it and returns when it answers and names a live broker."""
        self.spawn()
        self.wait_until_live(1)

    def wait_until_live(self, brokers: int) -> None:
        def names_all():
            assert self.process.poll() is None, f"{self.name} {self.node_id} ended with {self.process.returncode}\n{self.log_tail()}"
            return live_brokers(self.port, self.host) >= brokers

        until(f"{brokers} live brokers at node {self.node_id}", names_all, READY_S, pause_s=0.02)


class BarnabasNode(_Node, Barnabas):
    def command(self) -> list[str]:
        return [str(paths.barnabas_binary()), str(self.properties)]

    def format(self, voters: list[str]) -> None:
        command = [str(paths.barnabas_binary()), "format", *voters, "-t", apache_kafka.CLUSTER_ID, "-c", str(self.properties)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=FORMAT_S)
        assert done.returncode == 0, done.stdout + done.stderr


class KafkaNode(_Node):
    name = "Apache Kafka"

    def command(self) -> list[str]:
        return apache_kafka.command(ApacheKafka._java(), self.properties)

    def format(self, voters: list[str]) -> None:
        apache_kafka.format_storage(ApacheKafka._java(), self.properties, voters)


class Cluster:
    """Nodes 1 to N, on loopback or in `namespaces`. All have `settings`; `of_node(N)` gives those of one.

    The settings name the voters; where the quorum is `dynamic`, what the log directories are formatted with does.
    They are `formatted` with more arguments.
    """

    def __init__(self, folder: Path, nodes: int = 3, settings: dict[str, str] | None = None, namespaces=None, of_node=None, dynamic=False,
                 formatted=()):
        kind = {"barnabas": BarnabasNode, "kafka": KafkaNode}[os.environ.get("BROKER", "barnabas")]
        ids = range(1, nodes + 1)
        hosts = {n: namespaces.address(n) if namespaces else "127.0.0.1" for n in ids}
        ports = iter(_free_ports(2 * nodes))
        self.folder, self.kind, self.settings, self.of_node = folder, kind, settings or {}, of_node
        self.nodes = {}
        for n in ids:
            prefix = namespaces.prefix(n) if namespaces else []
            self.nodes[n] = kind(folder / f"node-{n}", n, hosts[n], (next(ports), next(ports)), prefix)
        addresses = {n: f"{node.host}:{node.controller_port}" for n, node in self.nodes.items()}
        if dynamic:
            self.quorum = {"controller.quorum.bootstrap.servers": ",".join(addresses.values())}
            voters = ["-I", ",".join(f"{n}@{address}:{DIRECTORY_IDS[n]}" for n, address in addresses.items())]
        else:
            self.quorum = {"controller.quorum.voters": ",".join(f"{n}@{address}" for n, address in addresses.items())}
            voters = []
        for node in self.nodes.values():
            self._prepare(node, nodes, [*voters, *formatted])

    def join(self, node_id: int, settings: dict[str, str] | None = None) -> _Node:
        """A further node that is no voter yet, or one with a new disk in the place of an old one; not started."""
        old = self.nodes.get(node_id)
        ports = (old.port, old.controller_port) if old else tuple(_free_ports(2))
        node = self.kind(self.folder / f"node-{node_id}-{len(list(self.folder.iterdir()))}", node_id, "127.0.0.1", ports, [])
        self.nodes[node_id] = node
        self._prepare(node, len(self.nodes), ["-N"], settings)
        return node

    def _prepare(self, node: _Node, nodes: int, voters: list[str], settings: dict[str, str] | None = None) -> None:
        replicas = str(min(nodes, 3))
        given = {
            **self.quorum,
            "node.id": str(node.node_id),
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "2" if nodes > 1 else "1",
            "share.coordinator.state.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.num.partitions": "8",
            "min.insync.replicas": "2" if nodes > 1 else "1",
            "default.replication.factor": replicas,
            **self.settings,
            **(self.of_node(node.node_id) if self.of_node else {}),
            **(settings or {}),
        }
        written = apache_kafka.settings(node.port, node.controller_port, node.data, given)
        listeners = f"PLAINTEXT://{node.host}:{node.port},CONTROLLER://{node.host}:{node.controller_port}"
        written |= {"listeners": listeners, "advertised.listeners": listeners.partition(",CONTROLLER")[0]}
        apache_kafka.write(node.folder, written)
        node.format(voters)

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes.values())

    def start(self) -> None:
        """Starts all and returns when each of them names all."""
        for node in self.nodes.values():
            node.spawn()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        for node in self.nodes.values():
            node.wait_until_live(len(self.nodes))

    def close(self) -> None:
        for node in self.nodes.values():
            if node.process is not None:
                node.resume()
            node.close()

    def log_tail(self) -> str:
        return "\n".join(f"=== node {n} ===\n{node.log_tail(60)}" for n, node in self.nodes.items())


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)
