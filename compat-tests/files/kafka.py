"""Apache Kafka as the other end of these tests: its folders, its tools, and the program that fills and reads a broker."""

import shutil
import subprocess
import time
from pathlib import Path

from harness import program
from harness.broker import ApacheKafka
from harness.paths import barnabas_binary, java_classpath

SETTINGS = {
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.num.partitions": "2",
    # The records' timestamps are years old, and what is compared must stay as it was written.
    "log.retention.ms": "-1",
    "log.cleaner.enable": "false",
}
# What makes Apache Kafka clean early, and keep over a kill what it would keep over one a minute later.
KAFKA_SETTINGS = {
    **SETTINGS,
    "log.cleaner.enable": "true",
    "log.cleaner.backoff.ms": "100",
    "log.initial.task.delay.ms": "100",
    "log.flush.start.offset.checkpoint.interval.ms": "100",
}
JAVA = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


def files(broker, action):
    """Runs compat.Files and returns its lines."""
    return program.run([*JAVA, "-cp", java_classpath(), "compat.Files", broker.bootstrap, action], 120).splitlines()


def barnabas(*arguments, code=0):
    """Runs a subcommand of the binary and returns what it wrote; its exit code must be this one."""
    command = [str(barnabas_binary()), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"exit code {done.returncode}: {arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def wait_until_cleaned(data: Path):
    """Until the cleaner has been over all partitions of the compacted topic but their active segments."""
    checkpoint = data / "cleaner-offset-checkpoint"
    deadline = time.monotonic() + 30
    while True:
        rows = checkpoint.read_text().splitlines()[2:] if checkpoint.exists() else []
        cleaned = {row.rsplit(" ", 1)[0]: int(row.rsplit(" ", 1)[1]) for row in rows}
        if all(cleaned.get(f"files-compacted {number}", 0) > 400 for number in (0, 1)):
            return
        assert time.monotonic() < deadline, f"not cleaned: {cleaned}"
        time.sleep(0.05)


class KafkasFolders:
    """A node of Apache Kafka that has written everything: its log directory after a kill, and after a stop."""

    def __init__(self, folder: Path):
        self.broker = ApacheKafka(folder / "kafka", KAFKA_SETTINGS)
        self.data = folder / "kafka" / "data"
        self.killed = folder / "killed"
        try:
            self.broker.start()
            files(self.broker, "write")
            wait_until_cleaned(self.data)
            self.expected = files(self.broker, "read")
            self.broker.kill()
            shutil.copytree(self.data, self.killed)
            self.broker.start()
            self.broker.stop()
        except BaseException:
            self.broker.close()
            raise


def dump(paths, *flags):
    """What DumpLogSegments says of files."""
    names = ",".join(map(str, paths))
    command = [*JAVA, "-cp", java_classpath(), "org.apache.kafka.tools.DumpLogSegments", "--files", names, *flags]
    return program.run(command, 120)
