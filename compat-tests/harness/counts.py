"""compat.Counts, the Kafka Streams application that copies and counts each record once, and the verdict on what it has written."""

from collections import Counter

from harness import program, topics
from harness.deadline import until
from harness.paths import java_classpath

JVM = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
DEADLINE_S = 180


def application(bootstrap, topic, name, folder, *protocol):
    """An instance of it, whose state lies in the folder; in a group of the protocol."""
    command = ["java", *JVM, "-cp", java_classpath(), "compat.Counts", bootstrap, topic, str(folder / f"{name}-state"), *protocol]
    return program.Running(name, command, folder)


def copied(bootstrap, topic):
    """How many records are copied so far."""
    return len(topics.read(bootstrap, f"{topic}-copies"))


def wait_for_more(bootstrap, topic, what):
    """Until more is copied than at this moment."""
    before = copied(bootstrap, topic)
    until(what, lambda: copied(bootstrap, topic) > before, DEADLINE_S, pause_s=0.5)


def wait(bootstrap, topic):
    """Until all that the topic has now is copied and counted."""
    records = topics.read(bootstrap, topic)
    until("every record is copied", lambda: copied(bootstrap, topic) >= len(records), DEADLINE_S, pause_s=0.5)
    expected = {letter: str(count) for letter, count in Counter(value[0] for _, value in records).items()}
    until(f"the counts are {expected}", lambda: dict(topics.read(bootstrap, f"{topic}-counts")) == expected, DEADLINE_S, pause_s=0.5)


def judge(bootstrap, topic):
    """What a reader of committed records finds: each input once, each count once and rising, no transaction open."""
    records = topics.read(bootstrap, topic)
    assert Counter(topics.read(bootstrap, f"{topic}-copies")) == Counter(records)
    counts = topics.read(bootstrap, f"{topic}-counts")
    for letter in {value[0] for _, value in records}:
        of_letter = [int(count) for key, count in counts if key == letter]
        assert of_letter == sorted(set(of_letter)), f"a count of {letter} came twice, or went back"
    until("no transaction is open", lambda: topics.open_transactions(bootstrap) == [], DEADLINE_S, pause_s=0.5)
