"""What docs/SECURITY.md shows is run as it stands there: each configuration starts a node, and clients log in with the lines for them.

Changed are folders, ports and names of hosts alone.
"""

import os
import re
import socket
import subprocess
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient
from harness import paths
from harness.deadline import until
from harness.java_tools import TOOLS, java
from harness.wire import free_port

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="the page is barnabas' own")
LIMIT_S = 180
PAGE = (paths.REPOSITORY / "docs" / "SECURITY.md").read_text()
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
INDENTED = re.compile(r"(?:^    .*\n)+", re.M)
SETTING = re.compile(r"^[a-z][\w.-]+=")
# What a block about a mechanism leaves to the one with the listener.
TOKENS = "listener.name.outside.sasl.enabled.mechanisms=OAUTHBEARER\n"


def blocks(language):
    return [text for found, text in FENCED.findall(PAGE) if found == language]


def indented():
    without = FENCED.sub("", PAGE)
    return ["".join(line[4:] for line in found.splitlines(keepends=True)) for found in INDENTED.findall(without)]


def configurations():
    """The blocks that are settings of a node; those of Kerberos take a realm."""
    found = [text for text in [*blocks("properties"), *indented()] if SETTING.match(text)]
    return [text for text in found if "GSSAPI" not in text and "kerberos" not in text]


OUTSIDE = next(text for text in configurations() if "listener.name.outside.plain" in text)
LISTENERS = "".join(line + "\n" for line in OUTSIDE.splitlines() if line.partition("=")[0].endswith(("listeners", "map")))


class Place:
    """A folder, and ports for those of the page."""

    def __init__(self, folder):
        self.folder, self.ports = folder, {}
        self.environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        (folder / "barnabas").symlink_to(paths.barnabas_binary().resolve())
        (folder / "keys.json").write_text('{"keys":[]}')

    def here(self, text):
        text = text.replace("/etc/barnabas", str(self.folder)).replace("https://issuer.example/keys", f"file:{self.folder}/keys.json")
        text = re.sub(r"(broker\.example\.org|\w+\.example)(?=:)", "localhost", text)
        return re.sub(r":(909\d)\b", lambda found: f":{self.port(found[1])}", text)

    def port(self, shown):
        return self.ports.setdefault(shown, free_port())

    def shell(self, text):
        command = ["bash", "-euc", self.here(text)]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def certificates(self):
        """Those that the page has made."""
        self.shell(blocks("sh")[0])
        for copy in ("server.pem", "one.pem"):
            (self.folder / copy).write_bytes((self.folder / "localhost.pem").read_bytes())

    def properties(self, text):
        own = f"\nlog.dirs={self.folder}/data\nbarnabas.http.listener=\n"
        (self.folder / "server.properties").write_text(self.here(text) + own)

    @contextmanager
    def node(self, shown):
        """One by server.properties, until the port is open that the page calls so; answers its log."""
        log = self.folder / "node.log"
        command = [str(self.folder / "barnabas"), "server.properties"]
        with log.open("wb") as written:
            process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT)
        try:
            until("open port", lambda: process.poll() is None and is_open(self.port(shown)) or process.poll(), 30)
            assert process.poll() is None, log.read_text()
            yield log
        finally:
            process.kill()
            process.wait(10)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def settings_for(client):
    """The settings of a row of the clients' table."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {client} |"))
    return dict(setting.split("=", 1) for setting in re.findall(r"`([\w.]+=[^`]+)`", row))


@pytest.mark.parametrize("text", configurations(), ids=lambda text: text.splitlines()[-1].partition("=")[0].strip())
def test_each_configuration_starts_a_node(place, text):
    place.certificates()
    if "listeners=" not in text:
        others = TOKENS if "oauthbearer" in text else OUTSIDE.partition("protocol.map=")[2].partition("\n")[2]
        text = LISTENERS + others + text
    place.properties(text)
    with place.node(re.search(r":(909\d)", text)[1]) as log:
        said = log.read_text()
    assert "no effect" not in said and "unknown" not in said.lower(), said


def test_clients_come_by_tls_as_it_is_shown(place):
    place.certificates()
    place.properties(blocks("properties")[0])
    client, java_client = blocks("sh")[1], blocks("properties")[1]
    with place.node("9093"):
        assert "1 brokers" in place.shell(client)
        (place.folder / "client.properties").write_text(java_client)
        command = java(TOOLS + "TopicCommand", "--bootstrap-server", f"localhost:{place.port('9093')}", "--command-config", "client.properties")
        done = subprocess.run([*command, "--list"], cwd=place.folder, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr


def test_clients_log_in_as_it_is_shown(place):
    place.properties(OUTSIDE)
    place.shell(next(text.splitlines()[0] for text in indented() if text.startswith("barnabas format")))
    with place.node("9093"):
        admin = AdminClient({**settings_for("kcat, confluent-kafka"), "bootstrap.servers": f"localhost:{place.port('9093')}"})
        assert len(admin.list_topics(timeout=20).brokers) == 1
        (place.folder / "client.properties").write_text("".join(f"{name}={value}\n" for name, value in settings_for("Java").items()))
        command = ["barnabas", "topics", "--bootstrap-server", f"localhost:{place.port('9093')}", "--command-config", "client.properties", "--list"]
        done = subprocess.run(command, cwd=place.folder, env=place.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr


def test_nodes_and_their_users_as_it_is_shown(place):
    text = next(text for text in configurations() if "sasl.mechanism.controller.protocol" in text)
    place.properties(text)
    format_it = re.search(r"`barnabas format … (--add-scram '[^`]+')`", PAGE)[1]
    place.shell(f'barnabas format -t "$(barnabas random-uuid)" -c server.properties {format_it}')
    with place.node("9092"):
        settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "alice-secret"}
        admin = AdminClient({**settings, "bootstrap.servers": f"localhost:{place.port('9092')}"})
        assert len(admin.list_topics(timeout=20).brokers) == 1
