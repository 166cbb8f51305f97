"""The certificates of all tests here."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from certificates import Pki  # noqa: E402

CLIENT = ["extendedKeyUsage=clientAuth"]


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.server("server")
    pki.server("server-ec", key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    pki.server("server-ed25519", key=("ed25519",))
    pki.signed("client-ed25519", "/O=Elsewhere/CN=ed25519", CLIENT, key=("ed25519",))
    pki.server("elsewhere", subject="/CN=elsewhere.example", names="DNS:elsewhere.example")
    pki.signed("client", "/C=FR/O=Elsewhere/CN=Other", CLIENT)
    pki.signed("another", "/C=FR/O=Elsewhere/CN=Another", CLIENT)
    pki.signed("version1", "/O=Old/CN=version1")
    pki.signed("server-only", "/CN=server-only", ["extendedKeyUsage=serverAuth"])
    pki.expired("expired", "/CN=expired", CLIENT)
    pki.expired("server-expired", "/CN=localhost", ["subjectAltName=DNS:localhost,IP:127.0.0.1"])
    pki.self_signed("stranger", "/CN=stranger", CLIENT)
    pki.self_signed("pinned", "/CN=pinned", ["basicConstraints=critical,CA:FALSE"])
    return pki
