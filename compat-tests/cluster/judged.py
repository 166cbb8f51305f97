"""A topic under load, and what must hold of it afterwards: every acknowledged record once, in order, the same at every replica."""

import sys
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from harness import program, topics
from harness.deadline import until

HERE = Path(__file__).resolve().parent
REQUEST_S = 30
ISR_S = 60


def create(cluster, topic, partitions=3, replicas=3, config=None, at=None):
    admin = AdminClient({"bootstrap.servers": at or cluster.bootstrap})
    admin.create_topics([NewTopic(topic, partitions, replicas, config=config or {})])[topic].result(REQUEST_S)
    until(f"{topic} at every node", lambda: all(topic in topics_at(node) for node in cluster.nodes.values() if node.process), REQUEST_S)


def topics_at(node):
    """What topics a node names."""
    return AdminClient({"bootstrap.servers": node.bootstrap}).list_topics(timeout=REQUEST_S).topics


def described(cluster, topic, at=None):
    """{partition: (leader, replicas, isr)} as a node tells it."""
    admin = AdminClient({"bootstrap.servers": at or cluster.bootstrap})
    partitions = admin.list_topics(topic, timeout=REQUEST_S).topics[topic].partitions
    return {n: (one.leader, list(one.replicas), sorted(one.isrs)) for n, one in partitions.items()}


def wait_for_isr(cluster, topic, size=3, seconds=ISR_S):
    """Until every partition has so many in sync; every living node says so."""

    def whole():
        for node in cluster.nodes.values():
            if node.process is None:
                continue
            told = described(cluster, topic, node.bootstrap)
            if any(len(isr) < size for _, _, isr in told.values()):
                return False
        return True

    until(f"{size} in sync in {topic}", whole, seconds)


class Load(program.Running):
    """See load.py, or another `command` that writes the same."""

    def __init__(self, cluster, topic, folder, rate=400, bootstrap=None, command=None):
        command = command or [sys.executable, "load.py", bootstrap or cluster.bootstrap, topic, str(rate)]
        super().__init__(f"load-{topic}", command, folder, cwd=HERE)
        self.topic = topic

    def acked(self):
        """[(seconds, partition, offset, key, number)] in the order of acknowledgement."""
        found = []
        for line in self.lines():
            if line.startswith("acked "):
                _, at, partition, offset, key, number = line.split()
                found.append((float(at), int(partition), int(offset), key, int(number)))
        return found

    def failed(self):
        return [line for line in self.lines() if line.startswith("failed")]

    def wait_for_more(self, count, what, seconds=60, partitions=None):
        """Until so many more records were acknowledged: in each of `partitions`, or in all."""
        before = len(self.acked())

        def more(_):
            new = self.acked()[before:]
            if partitions is None:
                return len(new) >= count
            return all(sum(1 for one in new if one[1] == p) >= count for p in partitions)

        self.wait_for(more, what, seconds)

    def longest_pause_s(self, since, partitions=None):
        """The longest time without an acknowledgement after `since` (time.monotonic), of the worst of the partitions."""
        worst = 0.0
        acked = self.acked()
        for partition in partitions if partitions is not None else {one[1] for one in acked}:
            times = [at for at, p, *_ in acked if p == partition]
            gaps = [later - earlier for earlier, later in zip(times, times[1:]) if later >= since]
            worst = max([worst, *gaps])
        return worst


def judge(cluster, load):
    """Reads the topic as a consumer does, and holds it against what was acknowledged."""
    assert load.failed() == []
    acked = load.acked()
    records = topics.read(cluster.bootstrap, load.topic)
    numbers = [int(value.split(" ", 1)[0]) for _, value in records]
    assert len(set(numbers)) == len(numbers), "a record is there twice"
    missing = {number for *_, number in acked} - set(numbers)
    assert not missing, f"{len(missing)} acknowledged records are lost, {min(missing)} the first"
    last = {}
    for (key, _), number in zip(records, numbers):
        assert last.get(key, -1) < number, f"{key}: {number} came after {last[key]}"
        last[key] = number
    return len(acked)


def segments(node, topic):
    """{file: bytes} of all that a node has of a topic's records."""
    found = {}
    for path in sorted(node.data.glob(f"{topic}-*/*.log")):
        found[f"{path.parent.name}/{path.name}"] = path.read_bytes()
    return found


def wait_for_equal_replicas(cluster, topic, seconds=60):
    """Until the segment files of all nodes are the same bytes. Nobody may produce meanwhile."""

    def differing():
        per_node = {n: segments(node, topic) for n, node in cluster.nodes.items()}
        files = set().union(*per_node.values())
        return [name for name in sorted(files) if len({one.get(name, b"") for one in per_node.values()}) > 1]

    until(f"equal replicas of {topic}", lambda: not differing(), seconds, pause_s=0.2)
    assert segments(next(iter(cluster.nodes.values())), topic), "there are files at all"


def now():
    return time.monotonic()
