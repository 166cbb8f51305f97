"""Kafka Connect in distributed mode: its internal topics, two workers as a group, a file copied through a topic.

One worker is killed, the broker restarts, and no line is missing afterwards; the connectors' offsets are shown, reset and used again.
"""

import json
import time
import urllib.error
import urllib.request

import pytest

from harness import program
from harness.java_tools import TOOLS, java, tool
from harness.paths import connect_classpath
from harness.wire import free_port

SETTINGS = {"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "4"}
DEADLINE_S = 90
LIMIT_S = 600


class Worker:
    """A Connect worker and its REST interface."""

    def __init__(self, broker, name, folder):
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "connect",
            "listeners": self.url,
            "rest.advertised.host.name": "127.0.0.1",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.flush.interval.ms": "500",
            "scheduled.rebalance.max.delay.ms": "0",
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "1000",
            **{f"{kind}.storage.topic": f"connect-{kind}s" for kind in ("config", "offset")},
            "status.storage.topic": "connect-status",
            **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
        }
        file = folder / f"{name}.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        command = java("org.apache.kafka.connect.cli.ConnectDistributed", str(file), classpath=connect_classpath())
        self.running = program.Running(name, command, folder)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            error.msg = error.read().decode(errors="replace")
            raise
        return json.loads(text) if text else None

    def eventually(self, condition, what):
        """Until condition() is true; a worker that is not ready or in a rebalance refuses calls."""
        deadline = time.monotonic() + DEADLINE_S
        value = None
        while time.monotonic() < deadline:
            assert self.running.process.poll() is None, self.running.output.read_text()[-4000:]
            try:
                value = condition()
                if value is True:
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                value = error
            time.sleep(0.1)
        raise AssertionError(f"no {what} within {DEADLINE_S} s: {value}")

    def settle(self, name, state="RUNNING"):
        def settled():
            status = self.call("GET", f"/connectors/{name}/status")
            states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
            return len(states) == 2 and set(states) == {state} or status
        self.eventually(settled, f"{name} {state}")


@pytest.fixture
def files(tmp_path):
    return tmp_path / "in.txt", tmp_path / "out.txt"


def write(source, lines):
    with source.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_a_file_goes_through_a_topic(broker, tmp_path, files):
    source, sink = files
    lines = [f"line {number}" for number in range(300)]
    write(source, lines[:100])
    first = Worker(broker, "first", tmp_path)
    second = None
    try:
        first.eventually(lambda: first.call("GET", "/connectors") == [], "REST interface")
        file_stream = "org.apache.kafka.connect.file.FileStream"
        first.call("PUT", "/connectors/source/config", {
            "connector.class": f"{file_stream}SourceConnector", "tasks.max": "1", "file": str(source), "topic": "lines"})
        first.call("PUT", "/connectors/sink/config", {
            "connector.class": f"{file_stream}SinkConnector", "tasks.max": "1", "file": str(sink), "topics": "lines"})

        def copied(count):
            return lambda: sink.exists() and (sink.read_text().splitlines() == lines[:count] or sink.read_text()[-200:])
        first.eventually(copied(100), "100 lines")
        for topic, partitions in (("connect-configs", 1), ("connect-offsets", 25), ("connect-status", 5)):
            shown = tool(broker, TOOLS + "TopicCommand", "--describe", "--topic", topic)
            assert f"PartitionCount: {partitions}\t" in shown and "cleanup.policy=compact" in shown, shown

        second = Worker(broker, "second", tmp_path)
        second.eventually(lambda: sorted(second.call("GET", "/connectors")) == ["sink", "source"], "second worker")
        # Both connectors have one task each: with two workers none of them holds both.
        def shared():
            status = [second.call("GET", f"/connectors/{name}/status") for name in ("source", "sink")]
            workers = {task["worker_id"] for one in status for task in one["tasks"]}
            return len(workers) == 2 or status
        second.eventually(shared, "work on both workers")
        write(source, lines[100:200])
        second.eventually(copied(200), "200 lines")

        broker.restart()
        first.running.kill()
        for name in ("source", "sink"):
            second.settle(name)
        write(source, lines[200:])
        # What was written since the last commit of offsets may come twice.
        second.eventually(lambda: set(sink.read_text().splitlines()) == set(lines) or sink.read_text()[-200:], "all lines")

        position = {"position": source.stat().st_size}
        offsets = [{"partition": {"filename": str(source)}, "offset": position}]
        second.eventually(lambda: second.call("GET", "/connectors/source/offsets")["offsets"] == offsets, "the source's offsets")
        second.call("PUT", "/connectors/sink/stop")
        second.eventually(lambda: second.call("GET", "/connectors/sink/status")["connector"]["state"] == "STOPPED", "stop")
        sink.unlink()
        second.eventually(lambda: "success" in second.call("DELETE", "/connectors/sink/offsets")["message"], "reset offsets")
        second.call("PUT", "/connectors/sink/resume")
        second.settle("sink")
        second.eventually(lambda: sink.exists() and set(sink.read_text().splitlines()) == set(lines), "all lines again")
        for name in ("source", "sink"):
            second.call("DELETE", f"/connectors/{name}")
        second.eventually(lambda: second.call("GET", "/connectors") == [], "deletion")
    finally:
        first.running.kill()
        if second is not None:
            second.running.kill()
