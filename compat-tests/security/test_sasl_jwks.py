"""Tokens that an issuer has signed: its keys in a file, and by HTTPS; what is not verified is refused (KIP-768)."""

import base64
import http.server
import json
import ssl
import subprocess
import threading
import time

import pytest
from harness.deadline import until
from secured import Secured
from security.sasl_wire import Connection

MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
INVALID = b'{"status":"invalid_token"}'


def url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs by openssl, with a key of RSA."""

    def __init__(self, folder, key_id):
        self.id, self.key = key_id, folder / f"{key_id}.key"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True, timeout=30)
        shown = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True, timeout=30)
        modulus = bytes.fromhex(shown.stdout.strip().removeprefix("Modulus="))
        self.jwk = {"kty": "RSA", "kid": key_id, "use": "sig", "alg": "RS256", "n": url(modulus), "e": "AQAB"}

    def token(self, header=None, **claims):
        now = int(time.time())
        claims = {"sub": "alice", "iss": "https://issuer", "aud": "kafka", "iat": now, "exp": now + 600, **claims}
        header = {"alg": "RS256", "kid": self.id, **(header or {})}
        signed = f"{url(json.dumps(header).encode())}.{url(json.dumps(claims).encode())}"
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True, capture_output=True, timeout=30)
        return f"{signed}.{url(signature.stdout)}"


class Keys:
    """An HTTPS server of the keys in `jwks`; counts how often it was asked."""

    def __init__(self, pki, jwks):
        self.jwks, self.asked = jwks, 0
        keys = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                keys.asked += 1
                body = json.dumps({"keys": keys.jwks}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def issuers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuers")
    return Issuer(folder, "one"), Issuer(folder, "two")


@pytest.fixture(scope="module")
def keys(pki, issuers):
    keys = Keys(pki, [issuers[0].jwk])
    yield keys
    keys.server.shutdown()


@pytest.fixture(scope="module")
def secured(pki, keys, tmp_path_factory):
    prefix = "listener.name.sasl_plaintext."
    settings = {
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{prefix}oauthbearer.sasl.jaas.config": f'{MODULE} required ssl.truststore.type="PEM" ssl.truststore.location="{pki.path("ca.crt")}";',
        f"{prefix}oauthbearer.sasl.server.callback.handler.class": HANDLER,
        f"{prefix}sasl.oauthbearer.jwks.endpoint.url": keys.url,
        f"{prefix}sasl.oauthbearer.expected.issuer": "https://issuer",
        f"{prefix}sasl.oauthbearer.expected.audience": "kafka",
    }
    with Secured(tmp_path_factory.mktemp("jwks"), settings, "SASL_PLAINTEXT") as secured:
        yield secured


def answer(secured, token):
    """Error, text and session of a login with a token."""
    with Connection(secured.port) as connection:
        assert connection.handshake("OAUTHBEARER")[0] == 0
        error, _, text, lifetime = connection.authenticate(f"n,,\1auth=Bearer {token}\1\1".encode())
        if text:
            assert connection.authenticate(b"\1")[0] == 58
        else:
            assert error == 0 and connection.is_served()
        return text, lifetime


def test_a_signed_token_is_good_as_long_as_it_says(secured, issuers, keys):
    text, lifetime = until("keys", lambda: (got := answer(secured, issuers[0].token()))[0] == b"" and got, 10)
    assert 500_000 < lifetime <= 600_000
    assert answer(secured, issuers[0].token(aud=["other", "kafka"]))[0] == b""


def test_what_is_not_verified_is_refused(secured, issuers):
    one, two = issuers
    good = one.token()
    header, claims, signature = good.split(".")
    none = url(b'{"alg":"none"}')
    now = int(time.time())
    for token in [
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{header}.{url(json.dumps({'sub': 'admin', 'iss': 'https://issuer', 'aud': 'kafka', 'iat': now, 'exp': now + 600}).encode())}.{signature}",
        two.token({"kid": "one"}),
        one.token({"alg": "HS256"}),
        one.token(aud="other"),
        one.token(iss="https://elsewhere"),
        one.token(iat=now - 900, exp=now - 600),
        "a.b.c",
    ]:
        assert answer(secured, token)[0] == INVALID, token


def test_a_new_key_is_fetched_when_it_is_named_and_not_for_each_name(secured, issuers, keys):
    one, two = issuers
    before = keys.asked
    for number in range(20):
        assert answer(secured, two.token({"kid": f"unknown-{number}"}))[0] == INVALID
    assert keys.asked - before <= 3
    keys.jwks = [one.jwk, two.jwk]
    until("the new key", lambda: answer(secured, two.token())[0] == b"", 20, 0.3)
