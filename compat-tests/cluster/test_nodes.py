"""`barnabas --nodes 3`: a cluster on one machine from one command, and its end."""

import os
import signal
import subprocess

import pytest

from cluster import judged
from harness import paths, program
from harness.deadline import until
from harness.wire import free_port, live_brokers

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="Apache Kafka has no such command")
END_S = 30


@pytest.fixture
def port():
    """The first of three free ports."""

    def free():
        first = free_port()
        return first if all(live_brokers(first + n) == 0 for n in range(3)) else 0

    return until("three free ports", free, judged.REQUEST_S)


@pytest.fixture
def nodes(port, tmp_path):
    with program.Running("nodes", [str(paths.barnabas_binary()), "--nodes", "3", "--port", str(port), "--data", str(tmp_path)], tmp_path) as running:
        until("three nodes", lambda: all(live_brokers(port + n) == 3 for n in range(3)), judged.REQUEST_S, pause_s=0.02)
        yield running


def all_gone(port):
    return all(live_brokers(port + n) == 0 for n in range(3))


def test_a_node_is_killed_and_the_others_go_on(nodes, port):
    bootstrap = f"localhost:{port},localhost:{port + 1},localhost:{port + 2}"
    program.run(["kcat", "-P", "-b", bootstrap, "-t", "before", "-X", "acks=all"], stdin="a\nb\nc\n")
    program.run([str(paths.barnabas_binary()), "--nodes", "3", "--port", str(port), "--kill", "2"], judged.REQUEST_S)
    until("the end of node 2", lambda: live_brokers(port + 1) == 0, judged.REQUEST_S)
    program.run(["kcat", "-P", "-b", bootstrap, "-t", "before", "-X", "acks=all"], stdin="d\n")
    read = program.run(["kcat", "-C", "-b", bootstrap, "-t", "before", "-e", "-q", "-o", "beginning"])
    assert sorted(read.split()) == ["a", "b", "c", "d"]


def test_one_signal_ends_all(nodes, port):
    os.kill(nodes.process.pid, signal.SIGINT)
    assert nodes.process.wait(END_S) == 0
    assert all_gone(port)


def test_no_node_outlives_the_command(nodes, port):
    os.kill(nodes.process.pid, signal.SIGKILL)
    nodes.process.wait(END_S)
    until("the end of all nodes", lambda: all_gone(port), END_S)


def test_data_is_there_again(nodes, port, tmp_path):
    program.run(["kcat", "-P", "-b", f"localhost:{port}", "-t", "kept", "-X", "acks=all"], stdin="a\nb\n")
    os.kill(nodes.process.pid, signal.SIGTERM)
    assert nodes.process.wait(END_S) == 0
    command = [str(paths.barnabas_binary()), "--nodes", "3", "--port", str(port), "--data", str(tmp_path)]
    again = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until("three nodes", lambda: all(live_brokers(port + n) == 3 for n in range(3)), judged.REQUEST_S, pause_s=0.02)
        read = program.run(["kcat", "-C", "-b", f"localhost:{port + 1}", "-t", "kept", "-e", "-q", "-o", "beginning"])
        assert sorted(read.split()) == ["a", "b"]
    finally:
        os.killpg(again.pid, signal.SIGKILL)
        again.wait(END_S)
