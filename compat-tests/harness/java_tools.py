"""Runs Apache Kafka's own command line tools, as its bin/kafka-*.sh start them."""

import subprocess

from harness import program
from harness.paths import java_classpath

TOOLS = "org.apache.kafka.tools."


def java(name, *arguments, classpath=None):
    flags = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    return ["java", *flags, "-cp", classpath or java_classpath(), name, *arguments]


def tool(broker, name, *arguments, stdin=None):
    """Runs one to its end; its code must be 0."""
    return program.run(java(name, "--bootstrap-server", broker.bootstrap, *arguments), 90, stdin=stdin)


def refused(broker, name, *arguments):
    """Runs one that must fail, and returns everything it wrote."""
    command = java(name, "--bootstrap-server", broker.bootstrap, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
    assert done.returncode != 0, f"it worked: {done.stdout}"
    return done.stdout + done.stderr
