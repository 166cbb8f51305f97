"""The servers that are compared: barnabas, Apache Kafka 4.4.0, and the floor program of crates/bench."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(REPOSITORY / "compat-tests"))

from harness import apache_kafka  # noqa: E402

BINARY = Path(os.environ.get("BARNABAS", REPOSITORY / "target" / "release" / "barnabas"))
GENERATOR = Path(os.environ.get("BARNABAS_BENCH", REPOSITORY / "target" / "release" / "barnabas-bench"))
START_SECONDS = 60
STOP_SECONDS = 60
# As kafka-server-start.sh runs it.
KAFKA_JVM = ["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
             "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"]


def classpath():
    """Apache Kafka's jars: those in KAFKA_LIBS, else those that compat-tests/setup fetches from Maven Central."""
    libs = os.environ.get("KAFKA_LIBS")
    if libs:
        return f"{libs}/*"
    suite = REPOSITORY / "compat-tests"
    subprocess.run([suite / "setup", "java"], check=True)
    return (REPOSITORY / "target" / "compat" / "java" / "classpath.txt").read_text().strip()


def build(*packages):
    """Builds release binaries; none when there is no package."""
    if not packages:
        return
    names = [part for package in packages for part in ("-p", package)]
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", *names], check=True, cwd=REPOSITORY)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def receive(connection, size):
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return bytes(data)


class Server:
    """A process with a folder and a port; started and stopped as often as needed."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.command = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, patience=START_SECONDS):
        """Starts the process; returns the milliseconds from exec to the first answered ApiVersions."""
        log = open(self.folder / "server.log", "ab")
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        while time.monotonic() - began < patience:
            if self.process.poll() is not None:
                break
            try:
                self.call(18, 0, b"")
                return (time.monotonic() - began) * 1000
            except OSError:
                time.sleep(0.0005)
        self.stop()
        raise RuntimeError(f"{self.kind} did not start\n" + (self.folder / "server.log").read_text()[-3000:])

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def call(self, api_key, version, body):
        """Sends a request with a non-flexible header; returns the response's body."""
        request = struct.pack(">hhih", api_key, version, 1, -1) + body
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            size = struct.unpack(">i", receive(connection, 4))[0]
            return receive(connection, size)[4:]

    def has_deletions(self):
        return False

    def memory_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Floor(Server):
    """The least a server does for the same work (crates/bench/src/floor.rs)."""

    def __init__(self, folder):
        super().__init__("floor", folder)
        self.command = [str(GENERATOR), "floor", "--address", self.address, "--folder", str(folder)]


class Broker(Server):
    """A broker of one kind ("barnabas" or "kafka") on one folder; both have the same settings."""

    def __init__(self, kind, folder, java_classpath, settings=None):
        super().__init__(kind, folder)
        self.data = folder / "data"
        given = apache_kafka.settings(self.port, free_port(), self.data, settings)
        self.settings = apache_kafka.write(folder, given)
        if kind == "kafka":
            apache_kafka.format_storage(["java", "-cp", java_classpath], self.settings, apache_kafka.alone(given))
            self.command = apache_kafka.command(["java", *KAFKA_JVM, "-cp", java_classpath], self.settings)
        else:
            self.command = [str(BINARY), str(self.settings)]

    def create_topic(self, name, partitions, configs=None):
        configs = configs or {}
        body = struct.pack(">i", 1) + string(name) + struct.pack(">ihi", partitions, 1, 0) + struct.pack(">i", len(configs))
        body += b"".join(string(key) + string(value) for key, value in configs.items()) + struct.pack(">i?", 60_000, False)
        answer = self.call(19, 2, body)
        at = 8 + len(string(name))
        self._check("CreateTopics", answer[at : at + 2])

    def alter_topic(self, name, key, value):
        """Sets one of a topic's configs."""
        body = struct.pack(">ib", 1, 2) + string(name) + struct.pack(">i", 1) + string(key) + b"\0" + string(value) + b"\0"
        self._check("IncrementalAlterConfigs", self.call(44, 0, body)[8:10])

    def ends(self, topic, partitions):
        """The ends of a topic's partitions; None unless all of them answer."""
        body = struct.pack(">ii", -1, 1) + string(topic) + struct.pack(">i", partitions)
        body += b"".join(struct.pack(">iq", partition, -1) for partition in range(partitions))
        found = {}
        for at in struct.iter_unpack(">ihqq", self.call(2, 1, body)[4 + len(string(topic)) + 4 :]):
            if at[1] != 0:
                return None
            found[at[0]] = at[3]
        return [found[partition] for partition in range(partitions)]

    def has_deletions(self):
        """Whether files of deleted topics are still there."""
        return self.data.exists() and any(name.endswith("-delete") for name in os.listdir(self.data))

    def _check(self, what, code):
        error = struct.unpack(">h", code)[0]
        if error != 0:
            raise RuntimeError(f"{self.kind}: {what} answered error {error}")


def string(text):
    """A string as the protocol has it."""
    encoded = str(text).encode()
    return struct.pack(">h", len(encoded)) + encoded


def tool(java_classpath, name, *arguments):
    """Runs one of Apache Kafka's tools; returns what it printed."""
    command = ["java", "-Xmx512m", "-cp", java_classpath, f"org.apache.kafka.tools.{name}", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout
