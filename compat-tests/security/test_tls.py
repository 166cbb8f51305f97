"""Listeners of protocol SSL: who gets in and what they are told, by librdkafka, confluent-kafka and kafka-python."""

import socket
import ssl
import struct
import uuid

import pytest

from certificates import PASSWORD
from clients import kcat_metadata, kcat_refused, kcat_round_trip, librdkafka
from secured import Secured, pem_server

from harness.broker import Barnabas
from harness.deadline import Deadline


@pytest.fixture(scope="module")
def secured(pki, tmp_path_factory):
    with Secured(tmp_path_factory.mktemp("tls"), pem_server(pki)) as secured:
        yield secured


@pytest.fixture(scope="module")
def mutual(pki, tmp_path_factory):
    """A certificate is required; who shows one of its own making must lie in the truststore."""
    trust = pki.folder / "trust.pem"
    trust.write_text(pki.text("ca.crt") + pki.text("pinned.crt"))
    settings = {**pem_server(pki), "ssl.truststore.location": str(trust), "ssl.client.auth": "required"}
    with Secured(tmp_path_factory.mktemp("mutual"), settings) as secured:
        yield secured


def test_a_record_passes_and_the_metadata_names_the_listener_itself(secured, pki):
    kcat_round_trip(secured.bootstrap, librdkafka(pki))
    named = kcat_metadata(secured.bootstrap, librdkafka(pki))["brokers"]
    assert [broker["name"] for broker in named] == [secured.bootstrap]


def test_large_batches_pass_both_ways(secured, pki):
    from confluent_kafka import Consumer, Producer

    topic, settings = f"large-{uuid.uuid4().hex[:8]}", {"bootstrap.servers": secured.bootstrap, **librdkafka(pki)}
    values = [bytes([index % 251]) * (index * 7919 % 200_000 + 1) for index in range(300)]
    producer = Producer({**settings, "linger.ms": 20, "message.max.bytes": 1_000_000})
    for value in values:
        producer.produce(topic, value)
        producer.poll(0)
    assert producer.flush(60) == 0
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    read, deadline = [], Deadline("all records", 60)
    while len(read) < len(values):
        message = consumer.poll(deadline.left())
        assert message is not None and message.error() is None, message and message.error()
        read.append(message.value())
    consumer.close()
    assert read == values


def test_kafka_python_produces_and_reads(secured, pki):
    from kafka import KafkaConsumer, KafkaProducer

    topic = f"python-{uuid.uuid4().hex[:8]}"
    settings = {"bootstrap_servers": secured.bootstrap, "security_protocol": "SSL", "ssl_cafile": pki.path("ca.crt")}
    producer = KafkaProducer(**settings)
    producer.send(topic, b"value").get(30)
    producer.close()
    consumer = KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=30_000, **settings)
    assert next(consumer).value == b"value"
    consumer.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken(secured, pki, version):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", secured.port), 20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            assert stream.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
            assert asked(stream)


def asked(stream):
    """Whether an ApiVersions request is answered."""
    request = struct.pack(">hhih", 18, 0, 77, -1)
    stream.sendall(struct.pack(">i", len(request)) + request)
    head = stream.recv(8)
    return len(head) == 8 and struct.unpack(">ii", head)[1] == 77


def test_older_versions_are_refused(secured, pki):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secured.port), 20) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    "ca, name, words",
    [("stranger.crt", "https", "certificate verify failed"), ("ca.crt", "none", None)],
)
def test_a_client_judges_the_broker(secured, pki, ca, name, words):
    settings = librdkafka(pki, ca=ca, **{"ssl.endpoint.identification.algorithm": name})
    if words is None:
        kcat_round_trip(secured.bootstrap, settings)
    else:
        assert words in kcat_refused(secured.bootstrap, settings)


def test_a_broker_of_another_name_or_time_is_not_talked_to(pki, tmp_path):
    for name in ("elsewhere", "server-expired"):
        with Secured(tmp_path / name, pem_server(pki, name)) as secured:
            settings = librdkafka(pki, **{"ssl.endpoint.identification.algorithm": "https"})
            assert "certificate verify failed" in kcat_refused(secured.bootstrap, settings)


@pytest.mark.parametrize("client", ["client", "client-ed25519", "version1", "pinned"])
def test_clients_with_good_certificates_get_in(mutual, pki, client):
    kcat_round_trip(mutual.bootstrap, librdkafka(pki, client))


@pytest.mark.parametrize("client", [None, "expired", "stranger", "server-only"])
def test_clients_without_are_refused(mutual, pki, client):
    kcat_refused(mutual.bootstrap, librdkafka(pki, client))


def test_a_requested_certificate_may_be_left_out_but_not_be_bad(pki, tmp_path):
    with Secured(tmp_path, {**pem_server(pki), "ssl.client.auth": "requested"}) as secured:
        kcat_round_trip(secured.bootstrap, librdkafka(pki))
        kcat_round_trip(secured.bootstrap, librdkafka(pki, "client"))
        kcat_refused(secured.bootstrap, librdkafka(pki, "expired"))
        kcat_refused(secured.bootstrap, librdkafka(pki, "stranger"))


def test_the_wrong_protocol_ends_cleanly_at_both_ports(secured, pki):
    with socket.create_connection(("127.0.0.1", secured.port), 20) as plain:
        plain.settimeout(20)
        plain.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
        # An alert of TLS 1.2's form, by which clients tell what they talk to, and the end.
        assert plain.recv(100)[:3] == b"\x15\x03\x03"
        assert plain.recv(100) == b""
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    with socket.create_connection(("127.0.0.1", secured.broker.port), 20) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname="localhost")
    kcat_round_trip(secured.bootstrap, librdkafka(pki))


def test_half_open_handshakes_hold_nobody_up(secured, pki):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    hello = outgoing.read()
    held = []
    try:
        for count in range(300):
            stream = socket.create_connection(("127.0.0.1", secured.port), 20)
            stream.sendall(hello if count % 2 else hello[: len(hello) // 2])
            held.append(stream)
        kcat_round_trip(secured.bootstrap, librdkafka(pki))
    finally:
        for stream in held:
            stream.close()


def test_a_handshake_in_small_pieces_works(secured, pki):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", secured.port), 20) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline = Deadline("handshake", 20)

        def exchange(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    pieces(outgoing.read())
                    stream.settimeout(deadline.left())
                    incoming.write(stream.recv(65536))

        def pieces(data):
            for start in range(0, len(data), 7):
                stream.sendall(data[start : start + 7])

        exchange(session.do_handshake)
        pieces(outgoing.read())
        request = struct.pack(">ihhih", 10, 18, 0, 77, -1)
        session.write(request)
        pieces(outgoing.read())
        head = exchange(lambda: session.read(8))
        assert struct.unpack(">ii", head)[1] == 77


FORMS = ["inline", "pkcs12", "pkcs12-legacy", "jks", "pbes1", "pbes2"]


@pytest.mark.parametrize(
    "name, form",
    [*((name, form) for name in ("server", "server-ec") for form in FORMS), *(("server-ed25519", form) for form in ("inline", "jks"))],
)
def test_keys_are_read_in_every_form(pki, tmp_path, name, form):
    if form == "pbes2" and not is_barnabas():
        pytest.skip("Apache Kafka on Java 17 can't read what OpenSSL writes by default")
    if (name, form) == ("server-ed25519", "inline") and not is_barnabas():
        pytest.skip("Apache Kafka reads Ed25519 in stores, not in PEM")
    with Secured(tmp_path, stores(pki, name, form)) as secured:
        kcat_round_trip(secured.bootstrap, librdkafka(pki))


def is_barnabas():
    import os

    return os.environ.get("BROKER", "barnabas") == "barnabas"


def stores(pki, name, form):
    from certificates import KEY_PASSWORD

    trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": pki.path("ca.crt")}
    if form == "inline":
        one_line = lambda text: text.replace("\n", "\\n\\\n") if not is_barnabas() else text  # noqa: E731
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": one_line(pki.text(f"{name}.key")),
            "ssl.keystore.certificate.chain": one_line(pki.text(f"{name}.crt")),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": one_line(pki.text("ca.crt")),
        }
    if form.startswith("pkcs12"):
        old = ["-legacy"] if form.endswith("legacy") else []
        path = pki.pkcs12(name, *old, out=f"{name}-{form}.p12")
        trust = {"ssl.truststore.type": "PKCS12", "ssl.truststore.location": pki.trust("PKCS12")}
        passwords = {"ssl.keystore.password": PASSWORD, "ssl.truststore.password": PASSWORD}
        return {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": path, **trust, **passwords}
    if form == "jks":
        trust = {"ssl.truststore.type": "JKS", "ssl.truststore.location": pki.trust("JKS"), "ssl.truststore.password": PASSWORD}
        path = pki.path(f"{name}.jks") if (pki.folder / f"{name}.jks").exists() else pki.jks(name)
        passwords = {"ssl.keystore.password": PASSWORD, "ssl.key.password": KEY_PASSWORD}
        return {"ssl.keystore.type": "JKS", "ssl.keystore.location": path, **passwords, **trust}
    how = ["-v1", "PBE-SHA1-3DES"] if form == "pbes1" else []
    path = pki.encrypted_key(name, *how, out=f"{name}-{form}.pem")
    return {"ssl.keystore.type": "PEM", "ssl.keystore.location": path, "ssl.key.password": KEY_PASSWORD, **trust}


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"ssl.keystore.location": "/nowhere/at.all"}, ["ssl.keystore.location", "/nowhere/at.all"]),
        ({"ssl.keystore.password": "x"}, ["SSL key store password cannot be specified with PEM format"]),
        ({"ssl.keystore.type": "JKS"}, ["SSL key store is specified, but key store password is not specified."]),
        ({"ssl.client.auth": "maybe"}, ["ssl.client.auth"]),
        ({"ssl.principal.mapping.rules": "RULE:a"}, ["Invalid rule"]),
        ({"ssl.truststore.certificates": "x"}, ["Both SSL trust store location and separate trust certificates"]),
        ({"ssl.cipher.suites": "NOPE"}, ["NOPE"]),
        ({"ssl.enabled.protocols": "TLSv1"}, ["ssl.enabled.protocols"]),
    ],
)
def test_wrong_material_stops_the_start(pki, tmp_path, changed, words):
    secured = Secured(tmp_path, {**pem_server(pki), **changed})
    if not isinstance(secured.broker, Barnabas) and set(changed) & {"ssl.cipher.suites", "ssl.enabled.protocols"}:
        pytest.skip("Apache Kafka starts, and fails each handshake")
    try:
        with pytest.raises(RuntimeError) as ended:
            secured.broker.start()
    finally:
        secured.broker.close()
    for word in words:
        assert word in str(ended.value)
