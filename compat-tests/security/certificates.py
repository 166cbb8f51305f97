"""Certificates for the tests, made by OpenSSL and keytool: an authority, those that it has signed, and strangers."""

import subprocess
from pathlib import Path

PASSWORD = "store-secret"
KEY_PASSWORD = "key-secret"
DEADLINE_S = 60


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Pki:
    """An authority in a folder. A name's files are NAME.key, NAME.crt and NAME.pem (both)."""

    def __init__(self, folder: Path, name="Test CA"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.self_signed("ca", f"/CN={name}", extensions=["basicConstraints=critical,CA:TRUE"])

    def path(self, name) -> str:
        return str(self.folder / name)

    def text(self, name) -> str:
        return (self.folder / name).read_text()

    def _openssl(self, *arguments):
        run("openssl", *arguments, cwd=self.folder)

    def _bundle(self, name):
        (self.folder / f"{name}.pem").write_text(self.text(f"{name}.key") + self.text(f"{name}.crt"))

    def self_signed(self, name, subject, extensions=()):
        added = [part for extension in extensions for part in ("-addext", extension)]
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt",
                      "-subj", subject, "-days", "30", *added)
        self._bundle(name)

    def signed(self, name, subject, extensions=(), dates=("-days", "30"), key=("rsa:2048",)):
        """Without extensions the certificate is of version 1, as in Apache Kafka's guide."""
        self._openssl("req", "-newkey", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        added = []
        if extensions:
            (self.folder / f"{name}.ext").write_text("\n".join(extensions))
            added = ["-extfile", f"{name}.ext"]
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-out", f"{name}.crt", *dates, *added)
        self._bundle(name)

    def server(self, name, subject="/CN=localhost/O=Barnabas", names="DNS:localhost,IP:127.0.0.1", **more):
        self.signed(name, subject, [f"subjectAltName={names}"], **more)

    def expired(self, name, subject, extensions):
        self.signed(name, subject, extensions, dates=("-days", "-1"))

    def pkcs12(self, name, *arguments, out=None):
        out = out or f"{name}.p12"
        self._openssl("pkcs12", "-export", "-in", f"{name}.pem", "-out", out, "-passout", f"pass:{PASSWORD}", "-name", name,
                      "-certfile", "ca.crt", *arguments)
        return self.path(out)

    def jks(self, name):
        """A key store of its own key password, made by keytool of a PKCS#12 one."""
        source = self.pkcs12(name)
        run("keytool", "-importkeystore", "-srckeystore", source, "-srcstoretype", "PKCS12", "-srcstorepass", PASSWORD,
            "-destkeystore", f"{name}.jks", "-deststoretype", "JKS", "-deststorepass", PASSWORD, "-destkeypass", KEY_PASSWORD,
            "-alias", name, cwd=self.folder)
        return self.path(f"{name}.jks")

    def trust(self, kind):
        """The authority's certificate in a truststore of keytool's."""
        out = f"trust.{kind.lower()}"
        if not (self.folder / out).exists():
            run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", "ca.crt", "-keystore", out, "-storetype", kind,
                "-storepass", PASSWORD, cwd=self.folder)
        return self.path(out)

    def encrypted_key(self, name, *arguments, out):
        """NAME's key under KEY_PASSWORD with its certificate behind it."""
        self._openssl("pkcs8", "-topk8", "-in", f"{name}.key", "-out", out, "-passout", f"pass:{KEY_PASSWORD}", *arguments)
        path = self.folder / out
        path.write_text(path.read_text() + self.text(f"{name}.crt"))
        return str(path)
