"""One node of Apache Kafka in KRaft's combined mode, set up for a laptop: its settings, its log directory, its command line.

Whoever starts one takes them from here: this suite, the differential comparison and the benchmark. They need no more of Python than
its standard library.
"""

import subprocess
from pathlib import Path

CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAQ"
FORMAT_DEADLINE_S = 60


def settings(port: int, controller_port: int, data: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """What its server.properties says; `more` is added and wins. With `controller.quorum.voters` among it, the quorum is static."""
    more = more or {}
    listeners = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"
    found = {} if is_static(more) else {"controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}"}
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        **found,
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        **more,
    }


def is_static(given: dict[str, str]) -> bool:
    """Whether the settings name the quorum's voters."""
    return "controller.quorum.voters" in given


def alone(given: dict[str, str]) -> list[str]:
    """What the log directory of a node by itself is formatted with."""
    return [] if is_static(given) else ["--standalone"]


def write(folder: Path, given: dict[str, str]) -> Path:
    """Writes settings to `folder`/server.properties, and returns that path."""
    path = folder / "server.properties"
    path.write_text("".join(f"{key}={value}\n" for key, value in given.items()))
    return path


def format_storage(java: list[str], properties: Path, voters: list[str]) -> None:
    """Formats the log directory; `java` begins the command line, class path included. `voters` says of a quorum that isn't static who votes."""
    command = [*java, "kafka.tools.StorageTool", "format", *voters, "-t", CLUSTER_ID, "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=FORMAT_DEADLINE_S)
    if done.returncode != 0:
        raise RuntimeError(f"the log directory could not be formatted\n{done.stdout}{done.stderr}")


def command(java: list[str], properties: Path) -> list[str]:
    """The command line of the node."""
    return [*java, "kafka.Kafka", str(properties)]
