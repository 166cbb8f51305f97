"""The two sides of a comparison: Apache Kafka's tools in one JVM, and those of the binary. Both take a command line as a text."""

import json
import re
import select
import shlex
import subprocess
from pathlib import Path

from harness.paths import barnabas_binary, java_classpath

CLASSES = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-share-consumer": "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
    "kafka-verifiable-share-consumer": "org.apache.kafka.tools.VerifiableShareConsumer",
    "kafka-share-consumer-perf-test": "org.apache.kafka.tools.ShareConsumerPerformance",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-configs": "org.apache.kafka.tools.ConfigCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-delegation-tokens": "org.apache.kafka.tools.DelegationTokenCommand",
    "kafka-client-metrics": "org.apache.kafka.tools.ClientMetricsCommand",
    "kafka-share-groups": "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
    "kafka-streams-groups": "org.apache.kafka.tools.streams.StreamsGroupCommand",
}
DEADLINE_S = 90


class Said:
    """What a tool did."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err


class KafkasTools:
    """Apache Kafka's own."""

    def __init__(self, folder: Path):
        source = Path(__file__).with_name("KafkasTools.java")
        flags = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
        self._errors = (folder / "kafkas-tools.err").open("wb")
        self._command = ["java", *flags, "-cp", java_classpath(), str(source)]
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, bufsize=1
        )

    def run(self, line: str, stdin: str = "") -> Said:
        """Runs a command line to its end."""
        name, *arguments = shlex.split(line)
        call = {"class": CLASSES[name], "arguments": arguments, "input": stdin}
        self._process.stdin.write(json.dumps(call) + "\n")
        # An answer is one line, so nothing of the next one is read before it is asked for.
        answered, _, _ = select.select([self._process.stdout], [], [], DEADLINE_S)
        assert answered, f"no answer within {DEADLINE_S} s: {line}"
        answer = self._process.stdout.readline()
        if not answer:  # a few end the JVM by themselves, having written what was not understood to stderr
            code = self._process.wait(DEADLINE_S)
            self._start()
            return Said(code, "", "")
        answer = json.loads(answer)
        return Said(answer["code"], answer["out"], answer["err"])

    def close(self) -> None:
        """Ends the JVM."""
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._errors.close()


class OurTools:
    """Those of the binary, called by links."""

    def __init__(self, folder: Path):
        self._links = folder / "links"
        self._links.mkdir()
        for name in CLASSES:
            (self._links / name).symlink_to(barnabas_binary())

    def run(self, line: str, stdin: str = "") -> Said:
        """Runs a command line to its end."""
        name, *arguments = shlex.split(line)
        done = subprocess.run(
            [self._links / name, *arguments], input=stdin, capture_output=True, text=True, timeout=DEADLINE_S
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """Nothing runs on."""


def plain(text: str, port: int) -> str:
    """The text without what differs from broker to broker: its port, ids, times."""
    text = text.replace(str(port), "PORT")
    text = re.sub(r"(TopicId: |Cluster ID: |DirectoryId: )[\w-]{22}", r"\1ID", text)
    return text
