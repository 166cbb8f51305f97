"""`barnabas --secure`: what it prints is enough for kcat and for Java's tools; nobody else is let in."""

import signal
import subprocess
import threading
from pathlib import Path

import pytest
from clients import flags, kcat_refused, kcat_round_trip
from harness import paths, program
from harness.deadline import until
from harness.java_tools import TOOLS, java
from harness.wire import free_port

HERE = Path(__file__).parent
START_S = 20
GO = """package main
import (
    "context"
    "crypto/tls"
    "crypto/x509"
    "os"
    "github.com/twmb/franz-go/pkg/kgo"
    "github.com/twmb/franz-go/pkg/sasl/plain"
)
func main() {
    LINES
    if err == nil {
        err = client.Ping(context.Background())
    }
    if err != nil {
        panic(err)
    }
}
"""


class Secure:
    """A node that was started so; `printed` is what it said on standard output."""

    def __init__(self, data, *more):
        self.lines = []
        command = [str(paths.barnabas_binary()), "--secure", "--data", str(data), *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()
        until("all client settings", lambda: "AsMechanism" in self.printed and self.lines[-1] == ")\n", START_S)

    @property
    def printed(self):
        return "".join(self.lines)

    def lines_of(self, title):
        """What is under a title, up to the next empty line."""
        return self.printed.split(title, 1)[1].split("\n", 1)[1].split("\n\n", 1)[0]

    def settings(self, title):
        return dict(line.split("=", 1) for line in self.lines_of(title).splitlines())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("secure")


@pytest.fixture(scope="module")
def secure(data):
    node = Secure(data, "--port", str(free_port()))
    try:
        yield node
    finally:
        node.process.kill()
        node.process.wait(10)


def test_what_is_printed_is_enough_for_kcat_and_java(secure, data):
    settings = secure.settings("librdkafka")
    address = settings.pop("bootstrap.servers")
    kcat_round_trip(address, settings)
    command = java(f"{TOOLS}TopicCommand", "--bootstrap-server", address, "--command-config", str(data / "secure-client.properties"), "--list")
    assert "t-" in program.run(command, 90)
    assert secure.settings("Java")["security.protocol"] == "SASL_SSL"
    for name in ("secure-server.pem", "secure-users.properties", "secure-client.properties"):
        assert (data / name).stat().st_mode & 0o777 == 0o600


def test_what_is_printed_is_enough_for_node_and_go(secure, tmp_path):
    lines = secure.lines_of("Node (kafkajs)")
    asked = "const admin = kafka.admin(); admin.connect().then(() => admin.listTopics()).then(() => process.exit(0))"
    program.run(["node", "-e", f"{lines}\n{asked}"], 60, cwd=HERE.parent / "node")
    source = tmp_path / "main.go"
    source.write_text(GO.replace("LINES", secure.lines_of("Go (franz-go)")))
    program.run(["go", "run", str(source)], 90, cwd=HERE.parent / "go")


def test_others_are_not_let_in(secure, pki):
    settings = secure.settings("librdkafka")
    address = settings.pop("bootstrap.servers")
    assert "Invalid username or password" in kcat_refused(address, {**settings, "sasl.password": "guessed"})
    assert "certificate verify failed" in kcat_refused(address, {**settings, "ssl.ca.location": pki.path("ca.crt")})


def test_the_next_start_has_the_same_keys_and_users(secure, data):
    before = secure.settings("librdkafka")
    kept = {name: (data / name).read_bytes() for name in ("secure-ca.pem", "secure-server.pem")}
    secure.stop()
    with (data / "secure-users.properties").open("a") as users:
        users.write("eve=eve-secret\n")
    port = int(before["bootstrap.servers"].split(":")[1]) - 1
    again = Secure(data, "--port", str(port))
    try:
        assert again.settings("librdkafka") == before
        assert kept == {name: (data / name).read_bytes() for name in kept}
        eve = {**before, "sasl.username": "eve", "sasl.password": "eve-secret"}
        address = eve.pop("bootstrap.servers")
        program.run(["kcat", "-b", address, "-L", "-J", *flags(eve)], 30)
        again.stop()
    finally:
        again.process.kill()
        again.process.wait(10)


def test_a_start_that_is_refused_makes_nothing(tmp_path):
    """A list of topics with a mistake: no certificate, no password, no folder."""
    data = tmp_path / "none"
    command = [paths.barnabas_binary(), "--secure", "--data", data, "--port", "0", "--topic", "not a name:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "not a name" in done.stderr, done
    assert not data.exists()
