"""The clients of all languages over TLS and SASL: a record there and back, and what each prints of a refusal.

The words are those that the client prints of Apache Kafka 4.4.0, too (BROKER=kafka).
"""

import base64
import contextlib
import json
import os
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from harness import program
from harness.paths import BUILT
from secured import Secured, pem_server
from security.sasl_broker import MODULES, PLAIN, SCRAM

HERE = Path(__file__).parent
NODE = HERE.parent / "node"
PROGRAMS = {
    "franz-go": [BUILT / "go" / "secured", "franz"],
    "sarama": [BUILT / "go" / "secured", "sarama"],
    "kafka-go": [BUILT / "go" / "secured", "segmentio"],
    "kafkajs": ["node", NODE / "secured.js", "kafkajs"],
    "confluent-kafka-javascript": ["node", NODE / "secured.js", "confluent"],
    "rdkafka": [BUILT / "rust" / "debug" / "compat-rdkafka", "secured"],
    "aiokafka": [sys.executable, HERE / "secured_python.py", "aiokafka"],
    "kafka-python": [sys.executable, HERE / "secured_python.py", "kafka-python"],
}
TOPIC = "secured"
ANSWER_S = 90
IS_KAFKA = os.environ.get("BROKER") == "kafka"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")

CREDENTIALS = "authentication failed: invalid username or password"
SCRAM_512 = "authentication failed during authentication due to invalid credentials with sasl mechanism scram-sha-512"
SCRAM_256 = SCRAM_512.replace("512", "256")
# Java's TLS says the first of a certificate that is left out, rustls the second, as TLS 1.3 has it.
LEFT_OUT = "bad certificate" if IS_KAFKA else "certificate required"


def refused(tls_to_plaintext, plaintext_to_tls, authority, name, token, left_out=LEFT_OUT, foreign=LEFT_OUT, general=None):
    """What a client prints, in lower case; `general` is all that it says of a failed login."""
    return {
        "wrong password": general or CREDENTIALS,
        "wrong password by SCRAM": general or SCRAM_512,
        "unknown user": general or CREDENTIALS,
        "unknown user by SCRAM": general or SCRAM_256,
        "TLS at a plaintext port": tls_to_plaintext,
        "plaintext at a TLS port": plaintext_to_tls,
        "wrong authority": authority,
        "wrong name": name,
        "no certificate": left_out,
        "foreign certificate": foreign,
        **({"old token": token} if token else {}),
    }


GO_AUTHORITY = "x509: certificate signed by unknown authority"
GO_NAME = "x509: cannot validate certificate for 127.0.0.1"
VERIFY = "certificate verify failed"
LIBRDKAFKA = refused(
    "ssl handshake failed: disconnected: ssl connection closed by peer: connecting to a plaintext broker listener?",
    "", VERIFY, VERIFY, 'sasl authentication error: {"status":"invalid_token"}',
)
PYTHON = "unable to bootstrap from"
REFUSED = {
    "franz-go": refused(
        "is tls misconfigured on the client or the broker?",
        "is this a plaintext connection speaking to a tls endpoint?",
        GO_AUTHORITY, GO_NAME, "unexpected data in oauth response",
    ),
    "sarama": refused(
        "eof", "unexpected eof", GO_AUTHORITY, GO_NAME,
        "authentication failed during authentication due to invalid credentials with sasl mechanism oauthbearer",
    ),
    "kafka-go": refused(
        "failed to dial: eof", "eof", GO_AUTHORITY, GO_NAME, None, general="[58] sasl authentication failed: sasl authentication failed",
    ),
    "kafkajs": refused(
        "client network socket disconnected before secure tls connection was established",
        "closed connection", "unable to verify the first certificate", "hostname/ip does not match certificate's altnames",
        "request is not valid given the current sasl state", foreign="alert certificate unknown",
    ),
    "confluent-kafka-javascript": {**LIBRDKAFKA, "plaintext at a TLS port": "disconnected"},
    "rdkafka": {**LIBRDKAFKA, "plaintext at a TLS port": "1/1 brokers are down"},
    "aiokafka": refused(
        PYTHON, PYTHON, VERIFY, "ip address mismatch, certificate is not valid for '127.0.0.1'", "no broker metadata found",
        left_out=PYTHON, foreign=PYTHON,
    ),
    "kafka-python": refused(PYTHON, PYTHON, PYTHON, PYTHON, PYTHON, left_out=PYTHON, foreign=PYTHON, general=PYTHON),
}


def token(**claims):
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")  # noqa: E731
    return f"{part({'alg': 'none'})}.{part({'sub': 'alice', 'iat': time.time() - 10, **claims})}."


@pytest.fixture(scope="module")
def secured(pki, tmp_path_factory):
    name = "listener.name.sasl_ssl."
    settings = {
        **pem_server(pki),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.elsewhere.ssl.keystore.location": pki.path("elsewhere.pem"),
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        f"{name}plain.sasl.jaas.config": PLAIN,
        f"{name}scram-sha-256.sasl.jaas.config": SCRAM,
        f"{name}scram-sha-512.sasl.jaas.config": SCRAM,
        f"{name}oauthbearer.sasl.jaas.config": f"{MODULES}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="admin";',
    }
    others = {"SSL": "SSL", "MUTUAL": "SSL", "ELSEWHERE": "SSL"}
    with Secured(tmp_path_factory.mktemp("broker"), settings, "SASL_SSL", others) as opened:
        admin = AdminClient({"bootstrap.servers": opened.broker.bootstrap})
        admin.create_topics([NewTopic(TOPIC, 1)])[TOPIC].result(30)
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            upsertion = UserScramCredentialUpsertion("alice", ScramCredentialInfo(mechanism, 4096), b"alice-secret")
            for done in admin.alter_user_scram_credentials([upsertion]).values():
                done.result(30)
        yield opened


def cases_of(secured, pki):
    """By name; what is left out is not used."""

    def shown(name):
        return {"certificate": pki.path(f"{name}.crt"), "key": pki.path(f"{name}.key")}

    def login(mechanism, user="alice", password="alice-secret"):
        return {"bootstrap": secured.bootstrap, "mechanism": mechanism, "user": user, "password": password}

    tls = {"bootstrap": secured.at("SSL")}
    mutual = {"bootstrap": secured.at("MUTUAL")}
    bearer = {"bootstrap": secured.bootstrap, "mechanism": "OAUTHBEARER"}
    cases = {
        "tls": tls,
        "certificate": {**mutual, **shown("client")},
        **{mechanism: login(mechanism) for mechanism in MECHANISMS[:3]},
        "OAUTHBEARER": {**bearer, "token": token(exp=time.time() + 600)},
        "wrong password": login("PLAIN", password="wrong"),
        "wrong password by SCRAM": login("SCRAM-SHA-512", password="wrong"),
        "unknown user": login("PLAIN", "eve"),
        "unknown user by SCRAM": login("SCRAM-SHA-256", "eve"),
        "old token": {**bearer, "token": token(exp=time.time() - 600)},
        "wrong authority": {**tls, "ca": pki.path("stranger.crt")},
        "wrong name": {"bootstrap": secured.at("ELSEWHERE")},
        "no certificate": mutual,
        "foreign certificate": {**mutual, **shown("stranger")},
        "plaintext at a TLS port": {**tls, "ca": ""},
        "TLS at a plaintext port": {"bootstrap": secured.broker.bootstrap},
    }
    return [{"name": name, "topic": TOPIC, "ca": pki.path("ca.crt"), **case} for name, case in cases.items()]


@pytest.fixture(scope="module")
def programs(secured, pki, tmp_path_factory):
    """Starts that of a client, with all others at the first time; Apache Kafka has them one by one, or it keeps them waiting."""
    folder, started = tmp_path_factory.mktemp("cases"), {}

    def start(name):
        if name in started:
            return started[name]
        cases = cases_of(secured, pki)
        if name == "kafka-go":
            cases = [case for case in cases if case.get("mechanism") != "OAUTHBEARER"]  # it has no tokens
        (folder / f"{name}.json").write_text(json.dumps(cases))
        command = ["sh", "-c", f'exec "$0" "$@" < {name}.json', *map(str, PROGRAMS[name])]
        started[name] = stack.enter_context(program.Running(name, command, folder, cwd=folder))
        return started[name]

    with contextlib.ExitStack() as stack:
        if not IS_KAFKA:
            for name in PROGRAMS:
                start(name)
        yield start


@pytest.fixture(scope="module")
def met(request, programs):
    """A client, and what it met in each case."""
    # Not to its end: librdkafka's threads wait on.
    answer = lambda lines: [line for line in lines if line.startswith("{")]  # noqa: E731
    return request.param, json.loads(programs(request.param).wait_for(answer, "answer", ANSWER_S)[0])


def served():
    """Each client with what it can; kafka-go has no tokens."""
    cases = [(client, case) for client in PROGRAMS for case in ("tls", "certificate", *MECHANISMS)]
    return [pair for pair in cases if pair != ("kafka-go", "OAUTHBEARER")]


@pytest.mark.parametrize(("met", "case"), served(), indirect=["met"])
def test_a_record_there_and_back(met, case):
    _, said = met
    assert said[case] == ""


@pytest.mark.parametrize(("met", "case"), [(client, case) for client in PROGRAMS for case in REFUSED[client]], indirect=["met"])
def test_what_a_client_says_of_a_refusal(met, case):
    client, said = met
    assert REFUSED[client][case] in said[case].lower()
