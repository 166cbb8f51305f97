"""Start the two brokers with the same server.properties, or use ones that run already.

Apache Kafka's jars come from Maven Central by their coordinates (pom.xml beside this file) into a cache folder;
KAFKA_LIBS names a folder that has them already.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from harness import apache_kafka  # noqa: E402

REPOSITORY = HERE.parent.parent
START_SECONDS = 60
# Maven has to fetch some 100 MB.
DOWNLOAD_SECONDS = 600


def kafka_libs() -> Path:
    """The folder with Apache Kafka's jars, filled by Maven when it is empty."""
    given = os.environ.get("KAFKA_LIBS")
    if given:
        return Path(given)
    folder = REPOSITORY / "target" / "compat" / "kafka-4.4.0"
    done = folder / "complete"
    if not done.exists():
        subprocess.run(
            ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
             f"-DoutputDirectory={folder}"],
            check=True, timeout=DOWNLOAD_SECONDS,
        )
        done.touch()
    return folder


def clients_jar() -> Path:
    return next(kafka_libs().glob("kafka-clients-*.jar"))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def properties(port, controller_port, data):
    """The settings of both brokers; only ports and folders differ."""
    return apache_kafka.settings(port, controller_port, data, {
        "advertised.listeners": f"PLAINTEXT://localhost:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "4",
        "log.initial.task.delay.ms": "3600000",
    })


class Running:
    """A broker's address, its data folder when it was started here, and the way to stop it."""

    def __init__(self, name, host, port, data=None, process=None, log=None, controller_port=None, sasl_port=None):
        self.name = name
        self.host = host
        self.port = port
        self.data = data
        self.process = process
        self.log = log
        self.controller_port = controller_port
        self.sasl_port = sasl_port

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                break
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        tail = self.log.read_text(errors="replace")[-4000:] if self.log else ""
        raise RuntimeError(f"{self.name} did not start\n{tail}")

    def stop(self):
        """End the process if it was started here, and remove its folder."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        shutil.rmtree(self.log.parent, ignore_errors=True)


def running(name, address):
    """A broker that somebody else started."""
    host, _, port = address.rpartition(":")
    return Running(name, host or "127.0.0.1", int(port))


def with_sasl(settings, more):
    """Adds settings and a listener where users log in; its port."""
    if more is None:
        return None
    (port,) = free_ports(1)
    for name in ("listeners", "advertised.listeners"):
        settings[name] += f",SASL://127.0.0.1:{port}"
    settings["listener.security.protocol.map"] += ",SASL:SASL_PLAINTEXT"
    settings.update(more)
    return port


def start_kafka(name="kafka", more=None) -> Running:
    """A fresh Apache Kafka in a temporary folder. With `more` settings it has a listener for users."""
    folder = Path(tempfile.mkdtemp(prefix="differential-"))
    port, controller_port = free_ports(2)
    settings = properties(port, controller_port, folder / "data")
    sasl_port = with_sasl(settings, more)
    path = apache_kafka.write(folder, settings)
    java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{kafka_libs()}/*"]
    apache_kafka.format_storage(java, path, apache_kafka.alone(settings))
    return _start(name, apache_kafka.command(java, path), folder, port, controller_port, sasl_port)


def start_barnabas(binary, name="barnabas", more=None) -> Running:
    """A fresh barnabas in a temporary folder. With `more` settings it has a listener for users."""
    folder = Path(tempfile.mkdtemp(prefix="differential-"))
    port, controller_port = free_ports(2)
    settings = properties(port, controller_port, folder / "data")
    sasl_port = with_sasl(settings, more)
    path = apache_kafka.write(folder, settings)
    return _start(name, [str(binary), str(path)], folder, port, controller_port, sasl_port)


def _start(name, command, folder, port, controller_port, sasl_port=None):
    log = folder / "broker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
    return Running(name, "127.0.0.1", port, data=folder / "data", process=process, log=log,
                   controller_port=controller_port, sasl_port=sasl_port)
