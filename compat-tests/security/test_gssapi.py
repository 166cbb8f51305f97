"""Logging in by Kerberos, in a realm of the test's own: what clients see, token by token, is what they see of Apache Kafka."""

import os
import re
import signal
import subprocess
import time

import pytest
from clients import java_properties, kcat_round_trip
from harness import paths
from harness.deadline import until
from harness.java_tools import TOOLS, java
from harness.wire import free_port, live_brokers
from security.kerberos import INTEGRITY, MUTUAL, REALM, GssClient, Realm
from security.sasl_broker import PLAIN, sasl_broker
from security.sasl_wire import Closed, Connection
from security.test_document import LISTENERS, Place, indented, settings_for

LIMIT_S = 240
ON_KAFKA = os.environ.get("BROKER") == "kafka"
MODULE = "com.sun.security.auth.module.Krb5LoginModule"
REFUSED = "Authentication failed during authentication due to invalid credentials with SASL mechanism GSSAPI"
LIFETIME_S = 2
RULES = "RULE:[2:$1_$2](robert_.*)s/_.*//U,RULE:[1:$1](stranger)s/.*/no@name/,DEFAULT"


def jaas(keytab, principal="kafka/localhost"):
    return f'{MODULE} required useKeyTab=true storeKey=true keyTab="{keytab}" principal="{principal}@{REALM}";'


@pytest.fixture(scope="module")
def under_test():
    """The binary under test, whatever the realm's tests take."""
    return None if ON_KAFKA else paths.barnabas_binary()


@pytest.fixture(scope="module")
def binary(under_test):
    """A barnabas that can load the system's library."""
    found = None if ON_KAFKA else paths.dynamic_binary()
    if found is None and not ON_KAFKA:
        pytest.skip("the binary under test is static, and there is no debug build beside it: GSSAPI can't be loaded")
    return found


@pytest.fixture(scope="module")
def realm(tmp_path_factory, binary):
    made = Realm(tmp_path_factory.mktemp("realm"))
    before = dict(os.environ)
    try:
        made.start()
        os.environ.update(made.environment)
        if binary is not None:
            os.environ["BARNABAS"] = str(binary)
        for principal in ("alice", "stranger", "kafka/localhost", "kafka/elsewhere", "other/localhost"):
            made.keys(principal, principal.replace("/", "-"))
        made.keys("robert/admin", "robert-admin")
        yield made
    finally:
        os.environ.clear()
        os.environ.update(before)
        made.close()


def gssapi_broker(folder, realm, settings=None):
    more = {
        "sasl.enabled.mechanisms": "GSSAPI,PLAIN",
        "sasl.kerberos.service.name": "kafka",
        "sasl.kerberos.principal.to.local.rules": RULES,
        "listener.name.sasl.gssapi.sasl.jaas.config": jaas(f"{realm.folder}/kafka-localhost.keytab"),
        "listener.name.sasl.gssapi.connections.max.reauth.ms": str(LIFETIME_S * 1000),
        **(settings or {}),
    }
    broker = sasl_broker(folder, more)
    # Tickets are for the name of the host.
    broker.by_name = f"localhost:{broker.sasl_port}"
    plain = f"PLAINTEXT://{broker.bootstrap}"
    broker.settings["advertised.listeners"] = f"{plain},SASL://{broker.by_name}"
    return broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory, realm):
    instance = gssapi_broker(tmp_path_factory.mktemp("broker"), realm)
    if ON_KAFKA:
        from harness import apache_kafka

        apache_kafka.write(instance.folder, instance.settings)
    try:
        instance.start()
        yield instance
    finally:
        instance.close()
        print(instance.log_tail())


@pytest.fixture
def connection(broker):
    with Connection(broker.sasl_port) as opened:
        assert opened.handshake("GSSAPI")[0] == 0
        yield opened


@pytest.fixture
def alice(realm):
    realm.tickets("alice", "alice")


def offered(connection, client):
    """Takes the exchange to the server's offer, and answers what is offered."""
    error, message, token, _ = connection.authenticate(client.step())
    assert (error, message) == (0, "")
    if client.flags & MUTUAL:
        assert client.step(token) == b""
        error, message, token, _ = connection.authenticate(b"")
        assert (error, message) == (0, "")
    return client.unwrap(token)


def log_in(connection, choice=b"\1\0\0\0", flags=MUTUAL | INTEGRITY, confidential=False):
    """The answer to the choice of protection."""
    client = GssClient(flags=flags)
    assert offered(connection, client) == b"\1\1\0\0"
    return connection.authenticate(client.wrap(choice, confidential))


@pytest.mark.parametrize("flags", [MUTUAL | INTEGRITY, INTEGRITY], ids=["both-prove", "one-proves"])
@pytest.mark.parametrize("choice", [b"\1\0\0\0", b"\7\0\xff\xff", b"\1\0\0\0root"], ids=["plain", "all", "as-root"])
def test_who_has_a_ticket_is_let_in(connection, alice, flags, choice):
    assert log_in(connection, choice, flags) == (0, "", b"", LIFETIME_S * 1000)
    assert connection.is_served()


def test_a_choice_may_be_encrypted(connection, alice):
    assert log_in(connection, confidential=True)[0] == 0


def test_protection_that_is_not_offered_is_refused(connection, alice):
    assert log_in(connection, b"\4\0\0\0")[:2] == (58, REFUSED)
    assert connection.is_closed()


@pytest.mark.parametrize("choice", [b"", b"\1\0\0"])
def test_a_choice_that_is_too_short_closes(connection, alice, choice):
    with pytest.raises(Closed):
        log_in(connection, choice)


def test_a_choice_that_is_not_signed_is_refused(connection, alice):
    offered(connection, GssClient())
    assert connection.authenticate(b"\1\0\0\0")[:2] == (58, REFUSED)
    assert connection.is_closed()


def test_a_token_in_place_of_nothing_is_refused(connection, alice):
    client = GssClient()
    client.step(connection.authenticate(client.step())[2])
    assert connection.authenticate(b"x")[:2] == (58, REFUSED)
    assert connection.is_closed()


SPOILT = {"empty": lambda _: b"", "garbage": lambda _: b"garbage", "changed": lambda token: token[:-4] + b"\0\0\0\0", "cut": lambda token: token[:40]}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_no_ticket_is_refused(connection, alice, how):
    assert connection.authenticate(SPOILT[how](GssClient().step()))[:2] == (58, REFUSED)
    assert connection.is_closed()


def test_a_ticket_for_another_service_is_refused(connection, alice):
    assert connection.authenticate(GssClient("elsewhere").step())[:2] == (58, REFUSED)


def test_a_token_is_taken_once(broker, connection, alice):
    token = GssClient().step()
    assert connection.authenticate(token)[0] == 0
    with Connection(broker.sasl_port) as another:
        another.handshake("GSSAPI")
        assert another.authenticate(token)[:2] == (58, REFUSED)


def test_who_has_no_name_here_is_closed(broker, realm, connection):
    realm.tickets("stranger", "stranger")
    with pytest.raises(Closed):
        log_in(connection)
        connection.is_served()


def test_a_session_is_renewed_by_the_same_principal_alone(realm, connection, alice):
    assert log_in(connection)[0] == 0
    time.sleep(LIFETIME_S + 0.1)
    connection.handshake("GSSAPI")
    assert log_in(connection) == (0, "", b"", LIFETIME_S * 1000)
    time.sleep(LIFETIME_S + 0.1)
    connection.handshake("GSSAPI")
    realm.tickets("robert/admin", "robert-admin")
    message = "Cannot change principals during re-authentication from User.alice: User.ROBERT"
    assert log_in(connection)[:2] == (58, message)


def test_raw_tokens_end_with_the_clients(broker, alice):
    with Connection(broker.sasl_port) as connection:
        assert connection.handshake("GSSAPI", 0)[0] == 0
        client = GssClient()
        connection.send(client.step())
        client.step(connection.receive())
        connection.send(b"")
        assert client.unwrap(connection.receive()) == b"\1\1\0\0"
        connection.send(client.wrap(b"\1\0\0\0"))
        assert connection.is_served()


def test_tokens_come_behind_a_handshake(broker, alice):
    with Connection(broker.sasl_port) as connection:
        connection.send(GssClient().step())
        assert connection.is_closed()


KCAT = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI", "sasl.kerberos.kinit.cmd": "true"}


def test_kcat(broker, alice):
    kcat_round_trip(broker.by_name, KCAT)


def test_kcat_is_told_that_it_is_refused(broker, alice):
    """By a ticket for a service whose key the broker doesn't have."""
    flags = [part for name, value in {**KCAT, "sasl.kerberos.service.name": "other"}.items() for part in ("-X", f"{name}={value}")]
    command = ["kcat", "-b", broker.by_name, "-L", "-m", "2", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode != 0 and REFUSED in done.stderr, done.stderr


def test_javas_tools(broker, realm, tmp_path):
    settings = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "GSSAPI",
        "sasl.kerberos.service.name": "kafka",
        "sasl.jaas.config": f'{MODULE} required useKeyTab=true storeKey=true keyTab="{realm.folder}/alice.keytab" principal="alice@{REALM}";',
    }
    command = java(TOOLS + "TopicCommand", "--bootstrap-server", broker.by_name, "--command-config", java_properties(tmp_path, settings))
    done = subprocess.run([*command, "--list"], capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(ON_KAFKA, reason="barnabas' own tools")
@pytest.mark.parametrize("secret", ["useKeyTab=true keyTab={folder}/alice.keytab principal=alice", "useTicketCache=true"])
def test_own_tools(broker, realm, alice, tmp_path, secret):
    options = re.sub(r"=(/[^ ]+)", r'="\1"', secret.format(folder=realm.folder))
    settings = {**KCAT, "sasl.kerberos.service.name": "kafka", "sasl.jaas.config": f"{MODULE} required {options};"}
    settings.pop("sasl.kerberos.kinit.cmd")
    command = [str(paths.barnabas_binary()), "topics", "--bootstrap-server", broker.by_name]
    command += ["--command-config", java_properties(tmp_path, settings), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(ON_KAFKA, reason="the page is barnabas' own")
def test_what_the_page_on_security_shows(tmp_path, realm, alice):
    place = Place(tmp_path)
    shown = "".join(text for text in indented() if "GSSAPI" in text or "sasl.kerberos" in text)
    assert "keyTab=" in shown and "RULE:" in shown
    own = shown.replace("/etc/barnabas/kafka.keytab", f"{realm.folder}/kafka-localhost.keytab")
    own = own.replace("kafka/broker.example.org@EXAMPLE.ORG", f"kafka/localhost@{REALM}")
    place.properties(LISTENERS + own)
    flags = {"security.protocol": "SASL_PLAINTEXT", **settings_for("Kerberos: kcat"), "sasl.kerberos.kinit.cmd": "true"}
    with place.node("9093"):
        command = ["kcat", "-b", f"localhost:{place.port('9093')}", "-L"]
        command += [part for name, value in flags.items() for part in ("-X", f"{name}={value}")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        assert "1 brokers" in done.stdout, done.stderr


@pytest.mark.skipif(ON_KAFKA, reason="its library is told otherwise how far clocks may be off")
def test_an_old_token_is_refused(tmp_path, realm, alice, monkeypatch):
    token = GssClient().step()
    monkeypatch.setenv("KRB5_CONFIG", str(realm.strict_config))
    strict = gssapi_broker(tmp_path, realm)
    try:
        strict.start()
        time.sleep(2.1)  # the token's age is what counts
        with Connection(strict.sasl_port) as connection:
            connection.handshake("GSSAPI")
            assert connection.authenticate(token)[:2] == (58, REFUSED)
        assert "Clock skew too great" in strict.log_tail()
    finally:
        strict.close()


@pytest.mark.skipif(ON_KAFKA, reason="its words are its own")
def test_what_stops_the_start(tmp_path, realm):
    keytab = f"{realm.folder}/kafka-localhost.keytab"
    for change, expected in [
        ({"listener.name.sasl.gssapi.sasl.jaas.config": jaas("/nowhere.keytab")}, "/nowhere.keytab"),
        ({"listener.name.sasl.gssapi.sasl.jaas.config": jaas(keytab, "kafka/elsewhere")}, "kafka/elsewhere@SEC.TEST"),
        ({"listener.name.sasl.gssapi.sasl.jaas.config": f"{MODULE} required useTicketCache=true;"}, "useKeyTab=true and storeKey=true"),
        ({"listener.name.sasl.gssapi.sasl.jaas.config": PLAIN}, f"GSSAPI needs an entry of {MODULE}"),
        ({"sasl.kerberos.service.name": ""}, "No serviceName defined in either JAAS or Kafka config"),
        ({"sasl.kerberos.principal.to.local.rules": "RULE:[1:$1](a"}, "Invalid rule: RULE:[1:$1](a"),
    ]:
        broker = gssapi_broker(tmp_path / "broker", realm, change)
        done = subprocess.run(broker.command(), capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and expected in done.stdout + done.stderr, done.stderr


@pytest.mark.skipif(ON_KAFKA, reason="its command line is another")
def test_a_static_binary_says_that_it_can_not(tmp_path, under_test):
    if paths.is_dynamic(under_test):
        pytest.skip("the binary under test is not static")
    settings = ["--override", "listeners=SASL_PLAINTEXT://127.0.0.1:0", "--override", "sasl.kerberos.service.name=kafka"]
    settings += ["--override", f"listener.name.sasl_plaintext.gssapi.sasl.jaas.config={jaas('/k')}", "--data", str(tmp_path)]
    done = subprocess.run([str(under_test), *settings], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "this binary is linked statically" in done.stdout + done.stderr, done.stderr


NODE = """
process.roles={roles}
node.id={node}
controller.listener.names=CONTROLLER
listeners={listeners}
advertised.listeners=INSIDE://localhost:{port}
listener.security.protocol.map=INSIDE:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,OPEN:PLAINTEXT
controller.quorum.voters=1@localhost:{controller}
inter.broker.listener.name=INSIDE
sasl.mechanism.inter.broker.protocol=GSSAPI
sasl.mechanism.controller.protocol=GSSAPI
sasl.kerberos.service.name=kafka
connections.max.reauth.ms={lifetime}
listener.name.inside.gssapi.sasl.jaas.config={jaas}
listener.name.controller.gssapi.sasl.jaas.config={jaas}
offsets.topic.replication.factor=2
log.dirs={data}
barnabas.http.listener=
"""


@pytest.mark.skipif(ON_KAFKA, reason="its settings are Apache Kafka's, its command line is not")
def test_nodes_log_in_to_each_other(tmp_path, realm):
    ports = [free_port() for _ in range(5)]
    controller, inside, outside = ports[0], ports[1:3], ports[3:]
    running = []
    try:
        for node, roles in ((1, "broker,controller"), (2, "broker")):
            listeners = f"INSIDE://localhost:{inside[node - 1]},OPEN://127.0.0.1:{outside[node - 1]}"
            if node == 1:
                listeners += f",CONTROLLER://localhost:{controller}"
            text = NODE.format(
                roles=roles,
                node=node,
                listeners=listeners,
                port=f"{inside[node - 1]},OPEN://127.0.0.1:{outside[node - 1]}",
                controller=controller,
                jaas=jaas(f"{realm.folder}/kafka-localhost.keytab"),
                lifetime=LIFETIME_S * 1000,
                data=tmp_path / f"data{node}",
            )
            file, log = tmp_path / f"{node}.properties", tmp_path / f"{node}.log"
            file.write_text(text)
            barnabas = str(paths.barnabas_binary())
            command = [barnabas, "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(file)]
            subprocess.run(command, check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
            running.append(subprocess.Popen([barnabas, str(file)], stdout=log.open("wb"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))
        until("two brokers", lambda: live_brokers(outside[0]) == 2, 60)
        command = java(TOOLS + "TopicCommand", "--bootstrap-server", f"127.0.0.1:{outside[0]}")
        command += ["--create", "--topic", "t", "--partitions", "2", "--replication-factor", "2"]
        subprocess.run(command, check=True, capture_output=True, timeout=90, stdin=subprocess.DEVNULL)
        time.sleep(2 * LIFETIME_S)  # they renew their sessions
        assert live_brokers(outside[1]) == 2
        kcat = ["kcat", "-b", f"127.0.0.1:{outside[0]}", "-P", "-t", "t", "-p", "1", "-X", "acks=all"]
        subprocess.run(kcat, input="value\n", text=True, check=True, capture_output=True, timeout=60)
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(30)
        for node in (1, 2):
            print(f"--- node {node}\n{(tmp_path / f'{node}.log').read_text()[-3000:]}")
