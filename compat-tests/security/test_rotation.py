"""New keys while the broker runs: by AlterConfigs of one broker, and by a file that is written anew. Old connections live on."""

import os
import shutil
import socket
import ssl
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from harness.deadline import until
from secured import Secured, pem_server
from test_tls import asked

KEYSTORE = "ssl.keystore.location"


@pytest.fixture(scope="module")
def own_pki(pki):
    pki.server("renewed")
    pki.server("more-names", names="DNS:localhost,IP:127.0.0.1,DNS:more.example")
    pki.server("fewer-names", names="DNS:localhost")
    pki.server("other-owner", subject="/CN=someone-else")
    (pki.folder / "garbage.pem").write_text("nothing")
    return pki


@pytest.fixture
def secured(own_pki, tmp_path):
    kept = tmp_path / "in-use.pem"
    shutil.copy(own_pki.path("server.pem"), kept)
    settings = {f"listener.name.ssl.{key}": value for key, value in pem_server(own_pki).items()}
    settings[f"listener.name.ssl.{KEYSTORE}"] = str(kept)
    with Secured(tmp_path / "broker", settings) as secured:
        secured.kept = kept
        yield secured


def serial(secured, pki):
    """The number of the certificate that a new connection is shown."""
    with connected(secured, pki) as stream:
        return stream.getpeercert()["serialNumber"]


def connected(secured, pki):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", secured.port), 20), server_hostname="localhost")


def number(pki, name):
    return ssl._ssl._test_decode_cert(pki.path(f"{name}.crt"))["serialNumber"]


def alter(secured, **values):
    admin = AdminClient({"bootstrap.servers": secured.broker.bootstrap})
    entries = [
        ConfigEntry(f"listener.name.ssl.{name.replace('_', '.')}", value, incremental_operation=AlterConfigOpType.SET)
        for name, value in values.items()
    ]
    resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=entries)
    [altered] = admin.incremental_alter_configs([resource]).values()
    altered.result(30)


def test_a_new_store_is_shown_to_new_connections_and_the_old_ones_live_on(secured, own_pki):
    assert serial(secured, own_pki) == number(own_pki, "server")
    with connected(secured, own_pki) as old:
        assert asked(old)
        for name in ("renewed", "more-names"):
            alter(secured, ssl_keystore_location=own_pki.path(f"{name}.pem"))
            until(f"{name} shown", lambda: serial(secured, own_pki) == number(own_pki, name), 30)
        old.recv(65536)
        assert asked(old)


@pytest.mark.parametrize("name", ["other-owner", "fewer-names", "garbage", "nowhere"])
def test_a_bad_store_is_refused_and_the_old_one_kept(secured, own_pki, name):
    with pytest.raises(KafkaException) as refused:
        alter(secured, ssl_keystore_location=own_pki.path(f"{name}.pem"))
    assert refused.value.args[0].name() == "INVALID_REQUEST", refused.value
    assert serial(secured, own_pki) == number(own_pki, "server")


def test_the_same_path_with_other_content_counts(secured, own_pki):
    shutil.copy(own_pki.path("renewed.pem"), secured.kept)
    os.utime(secured.kept, (time.time() + 10, time.time() + 10))
    alter(secured, ssl_keystore_location=str(secured.kept))
    until("the renewed one shown", lambda: serial(secured, own_pki) == number(own_pki, "renewed"), 30)


def test_a_file_that_is_written_anew_is_noticed(secured, own_pki):
    if os.environ.get("BROKER") == "kafka":
        pytest.skip("Apache Kafka looks when it is told to")
    shutil.copy(own_pki.path("renewed.pem"), secured.kept)
    until("the renewed one shown", lambda: serial(secured, own_pki) == number(own_pki, "renewed"), 30)


def test_passwords_and_keys_are_not_told(secured, own_pki):
    alter(secured, ssl_key_password="very-secret")
    admin = AdminClient({"bootstrap.servers": secured.broker.bootstrap})
    [described] = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    told = described.result(30)
    assert told["listener.name.ssl.ssl.key.password"].value is None
    assert told[f"listener.name.ssl.{KEYSTORE}"].value == str(secured.kept)
