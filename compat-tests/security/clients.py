"""What the tests ask of each client: a record there and back over a listener, or its failure."""

import json
import subprocess
import uuid

from harness import program

DEADLINE_S = 60
# So long a client that must fail may try.
REFUSED_S = 8


def flags(settings):
    return [part for key, value in settings.items() for part in ("-X", f"{key}={value}")]


def librdkafka(pki, client=None, ca="ca.crt", **more):
    """librdkafka's settings for TLS."""
    own = {"ssl.certificate.location": pki.path(f"{client}.crt"), "ssl.key.location": pki.path(f"{client}.key")} if client else {}
    return {"security.protocol": "ssl", "ssl.ca.location": pki.path(ca), **own, **more}


def kcat_round_trip(bootstrap, settings):
    """Produces a record and reads it back."""
    topic, value = f"t-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    base = ["kcat", "-b", bootstrap, "-X", "topic.metadata.refresh.interval.ms=1000", *flags(settings)]
    program.run([*base, "-P", "-t", topic], DEADLINE_S, stdin=f"{value}\n")
    read = program.run([*base, "-q", "-C", "-t", topic, "-o", "beginning", "-e"], DEADLINE_S)
    assert read == f"{value}\n"


def kcat_metadata(bootstrap, settings):
    return json.loads(program.run(["kcat", "-b", bootstrap, "-L", "-J", *flags(settings)], DEADLINE_S))


def kcat_refused(bootstrap, settings):
    """Asks for metadata, which must fail; what it wrote."""
    command = ["kcat", "-b", bootstrap, "-L", "-m", str(REFUSED_S), *flags(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL)
    assert done.returncode != 0, f"it worked: {done.stdout}"
    return done.stdout + done.stderr


def java_properties(folder, settings):
    """A file for --command-config."""
    path = folder / f"client-{uuid.uuid4().hex[:8]}.properties"
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return str(path)
