"""A realm of Kerberos in a folder, on loopback alone; and a client of it that sends SASL's tokens one by one."""

import ctypes
import os
import subprocess
from pathlib import Path

from harness.deadline import until
from harness.wire import free_port

REALM = "SEC.TEST"
COMMAND_S = 30
READY_S = 20
TOOLS = ("/usr/sbin", "/usr/bin")

KRB5_CONF = """
[libdefaults]
default_realm = {realm}
dns_lookup_realm = false
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = 127.0.0.1:{port}
}}
[logging]
kdc = FILE:{folder}/kdc.log
"""
KDC_CONF = """
[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  max_life = 1d
  supported_enctypes = aes256-cts:normal
}}
"""


class Realm:
    """The realm, whose key distribution centre runs until `close`. `environment` is what programs need for it."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        names = {"realm": REALM, "port": self.port, "folder": folder}
        self.config = folder / "krb5.conf"
        self.config.write_text(KRB5_CONF.format(**names))
        # One in whose eyes a token is old soon.
        self.strict_config = folder / "strict.conf"
        self.strict_config.write_text(self.config.read_text().replace("[libdefaults]", "[libdefaults]\nclockskew = 1"))
        (folder / "kdc.conf").write_text(KDC_CONF.format(**names))
        self.environment = {
            "KRB5_CONFIG": str(self.config),
            "KRB5CCNAME": f"FILE:{folder}/tickets",
            "KRB5RCACHEDIR": str(folder),
            "JAVA_TOOL_OPTIONS": f"-Djava.security.krb5.conf={self.config}",
        }
        self.process = None

    def _command(self, *command: str, **environment: str) -> str:
        own = {"KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"), **self.environment, **environment}
        path = os.pathsep.join([*TOOLS, os.environ["PATH"]])
        done = subprocess.run(
            command, env={**os.environ, **own, "PATH": path}, capture_output=True, text=True, timeout=COMMAND_S, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Makes the database and returns when tickets are given."""
        self._command("kdb5_util", "create", "-s", "-P", "master", "-r", REALM)
        self.keys("probe", "probe")
        own = {**os.environ, **self.environment, "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf")}
        with (self.folder / "krb5kdc.log").open("wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/krb5kdc", "-n"], env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        until("tickets", self._gives_tickets, READY_S)

    def _gives_tickets(self) -> bool:
        assert self.process.poll() is None, (self.folder / "krb5kdc.log").read_text()
        try:
            self.tickets("probe", "probe", f"{self.folder}/probe-tickets")
        except AssertionError:
            return False
        return True

    def keys(self, principal: str, file: str, *options: str) -> str:
        """Makes a principal, and a file with its key; answers the path."""
        path = f"{self.folder}/{file}.keytab"
        self._command("kadmin.local", "-r", REALM, "-q", " ".join(["addprinc", "-randkey", *options, principal]))
        self._command("kadmin.local", "-r", REALM, "-q", f"ktadd -k {path} {principal}")
        return path

    def tickets(self, principal: str, file: str, cache: str | None = None) -> None:
        """Has the principal's key give tickets, into the cache of `environment` where no other is named."""
        cache = cache or self.environment["KRB5CCNAME"]
        self._command("kinit", "-k", "-t", f"{self.folder}/{file}.keytab", "-c", cache, principal)

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(COMMAND_S)


class _Buffer(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]

    @staticmethod
    def of(data: bytes) -> "_Buffer":
        kept = ctypes.create_string_buffer(data, len(data))
        buffer = _Buffer(len(data), ctypes.cast(kept, ctypes.c_void_p))
        buffer.kept = kept
        return buffer

    def bytes(self) -> bytes:
        return ctypes.string_at(self.value, self.length) if self.value else b""


class _Oid(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("elements", ctypes.c_char_p)]


_KERBEROS = _Oid(9, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
_SERVICE = _Oid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04")
MUTUAL, INTEGRITY = 2, 32


class GssError(Exception):
    """The library refuses."""


class GssClient:
    """A client's context with `kafka` on a host, by the tickets of `realm.environment`, which must be this process's."""

    def __init__(self, host: str = "localhost", service: str = "kafka", flags: int = MUTUAL | INTEGRITY):
        self.library = ctypes.CDLL("libgssapi_krb5.so.2")
        self.flags, self.context, self.name = flags, ctypes.c_void_p(), ctypes.c_void_p()
        text = _Buffer.of(f"{service}@{host}".encode())
        self._call("gss_import_name", ctypes.byref(text), ctypes.byref(_SERVICE), ctypes.byref(self.name))

    def _call(self, function: str, *arguments) -> int:
        minor = ctypes.c_uint32()
        call = getattr(self.library, function)
        call.restype = ctypes.c_uint32
        major = call(ctypes.byref(minor), *arguments)
        if major & 0xFFFF0000:
            raise GssError(f"{function}: {major:#x}, {minor.value:#x}")
        return major

    def step(self, token: bytes = b"") -> bytes:
        """The token that follows the server's."""
        given, out = _Buffer.of(token), _Buffer()
        none, number = ctypes.c_void_p(), ctypes.c_uint32
        self._call(
            "gss_init_sec_context",
            none,
            ctypes.byref(self.context),
            self.name,
            ctypes.byref(_KERBEROS),
            number(self.flags),
            number(0),
            none,
            ctypes.byref(given),
            none,
            ctypes.byref(out),
            none,
            none,
        )
        return out.bytes()

    def wrap(self, message: bytes, confidential: bool = False) -> bytes:
        given, out = _Buffer.of(message), _Buffer()
        none = ctypes.c_void_p()
        self._call("gss_wrap", self.context, ctypes.c_int(confidential), ctypes.c_uint32(0), ctypes.byref(given), none, ctypes.byref(out))
        return out.bytes()

    def unwrap(self, wrapped: bytes) -> bytes:
        given, out = _Buffer.of(wrapped), _Buffer()
        none = ctypes.c_void_p()
        self._call("gss_unwrap", self.context, ctypes.byref(given), ctypes.byref(out), none, none)
        return out.bytes()
