"""OAUTHBEARER with unsecured tokens (KIP-255): a client of librdkafka's, and tokens byte by byte."""

import base64
import json
import time

import pytest
from confluent_kafka import Producer
from security.sasl_broker import MODULES, sasl_broker
from security.sasl_wire import Closed, Connection

SETTINGS = {
    "sasl.enabled.mechanisms": "OAUTHBEARER,PLAIN",
    "listener.name.sasl.oauthbearer.sasl.jaas.config": f"{MODULES}.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="admin" unsecuredValidatorRequiredScope="kafka";',
}
INVALID = '{"status":"invalid_token"}'


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    instance = sasl_broker(tmp_path_factory.mktemp("broker"), SETTINGS)
    try:
        instance.start()
        yield instance
    finally:
        instance.close()


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(algorithm="none", signature="", **claims):
    return f"{part({'alg': algorithm})}.{part({'sub': 'alice', 'scope': 'kafka', **claims})}.{signature}"


def message(text, gs2="n,,"):
    return f"{gs2}\x01auth=Bearer {text}\x01\x01".encode()


@pytest.fixture
def connection(broker):
    with Connection(broker.sasl_port) as opened:
        assert opened.handshake("OAUTHBEARER")[0] == 0
        yield opened


def test_a_token_lets_in_until_it_expires(connection):
    # A whole second and the clock's own milliseconds: a rounded expiry lies up to half of one later.
    expires = int(time.time()) + 60
    before = time.time_ns() // 1_000_000
    error, _, answer, lifetime = connection.authenticate(message(token(exp=expires)))
    after = time.time_ns() // 1_000_000
    assert (error, answer) == (0, b"")
    assert expires * 1000 - after <= lifetime <= expires * 1000 - before
    assert connection.is_served()


@pytest.mark.parametrize(
    "text, expected",
    [
        (token(), INVALID),
        (token(exp=1), INVALID),
        (token(exp=9e9, sub=""), INVALID),
        (token(exp=9e9, iat=8e9), INVALID),
        (token(exp=9e9, signature="c2ln"), INVALID),
        (token(exp=9e9, algorithm="HS256", signature="c2ln"), INVALID),
        ("abc", INVALID),
        (token(exp=9e9, scope="other"), '{"status":"insufficient_scope", "scope":"[kafka]"}'),
    ],
    ids=["no-exp", "expired", "no-sub", "early", "signed", "hs256", "garbage", "scope"],
)
def test_a_refusal_takes_two_steps(connection, text, expected):
    error, _, answer, _ = connection.authenticate(message(text))
    assert (error, answer.decode()) == (0, expected)
    error, said, _, _ = connection.authenticate(b"\x01")
    assert (error, said) == (58, expected)
    assert connection.is_closed()


@pytest.mark.parametrize("sent", [b"", b"\x01", b"n,,", message(token(exp=9e9), gs2="y,,")])
def test_what_is_no_message_is_refused(connection, sent):
    assert connection.authenticate(sent)[0] == 58
    assert connection.is_closed()


def test_what_is_no_bearer_token_is_not_answered(connection):
    with pytest.raises(Closed):
        connection.authenticate(b"n,,\x01auth=Basic abc\x01\x01")


def test_nobody_is_somebody_else(connection):
    assert connection.authenticate(message(token(exp=9e9), gs2="n,a=bob,"))[0] == 58


def test_a_client_of_librdkafkas(broker):
    settings = {
        "bootstrap.servers": broker.sasl_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": lambda _: (token(exp=time.time() + 30), time.time() + 30),
    }
    producer = Producer(settings)
    delivered = []
    producer.produce("tokens", b"x", on_delivery=lambda error, _: delivered.append(error))
    producer.flush(20)
    assert delivered == [None]
