"""The account of a queue: workers take tasks while they and brokers are killed, and what became of each task must add up.

A worker is `barnabas verifiable-share-consumer`, which tells of each record and of each answer; those that are killed have told of what
they had taken, never of an answer that did not come.
"""

import json
import random
import subprocess
import time

from confluent_kafka import Consumer, Producer

from harness.deadline import Deadline, until
from harness.paths import barnabas_binary

LIMIT = 4
PATTERNS = ["accept,accept,release,accept,reject", "release,accept,accept", "accept,renew,release", "accept"]
PATIENT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 5000}


def tool(bootstrap, name, *arguments):
    """What a tool of the binary says."""
    command = [barnabas_binary(), name, "--bootstrap-server", bootstrap, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Queue:
    """A topic with tasks, its dead letters, and the group of its workers."""

    def __init__(self, bootstrap, name, folder, settings=None, partitions=3, replicas=1):
        self.bootstrap, self.name, self.folder = bootstrap, name, folder
        self.group, self.letters = f"workers-{name}", f"dlq.{name}"
        self.tasks = {}
        self.workers = []
        self.random = random.Random(name)
        create = ["--create", "--replication-factor", str(replicas)]
        tool(bootstrap, "topics", *create, "--topic", name, "--partitions", str(partitions))
        dead = ["--partitions", "2", "--config", "errors.deadletterqueue.group.enable=true"]
        tool(bootstrap, "topics", *create, "--topic", self.letters, *dead)
        given = {
            "share.auto.offset.reset": "earliest",
            "share.delivery.count.limit": str(LIMIT),
            "errors.deadletterqueue.topic.name": self.letters,
            **(settings or {}),
        }
        pairs = ",".join(f"{key}={value}" for key, value in given.items())
        tool(bootstrap, "configs", "--alter", "--entity-type", "groups", "--entity-name", self.group, "--add-config", pairs)

    def fill(self, count, rate, late_ms=0, keys=8):
        """Writes tasks, so many a second; one in seven is for another group, and one in five is late where that is asked for."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, **PATIENT})
        began = time.monotonic()

        def written(key, kind, due):
            def note(error, record):
                if error is None:
                    self.tasks[(record.partition(), record.offset())] = (key, kind, due)

            return note

        for number in range(count):
            key, kind, due = f"key {number % keys}", "other" if number % 7 == 6 else "task", 0
            headers = [("kind", kind.encode())]
            if late_ms and number % 5 == 4:
                due = int(time.time() * 1000) + self.random.randrange(late_ms)
                headers.append(("barnabas-deliver-at", str(due).encode()))
            producer.produce(self.name, f"task {number}", key=key, headers=headers, on_delivery=written(key, kind, due))
            producer.poll(max(0, began + number / rate - time.monotonic()))
        assert producer.flush(30) == 0

    def work(self, count=1, patterns=None):
        """Starts workers, which do with their tasks what their patterns say."""
        for _ in range(count):
            number = len(self.workers)
            arguments = ["--topic", self.name, "--group-id", self.group, "--acknowledgement-mode", "sync", "--verbose"]
            pattern = (patterns or PATTERNS)[number % len(patterns or PATTERNS)]
            command = [barnabas_binary(), "verifiable-share-consumer", "--bootstrap-server", self.bootstrap, *arguments, "--ack-pattern", pattern]
            command += ["--command-config", self._properties()]
            with (self.folder / f"worker-{number}.out").open("wb") as out, (self.folder / f"worker-{number}.err").open("wb") as err:
                self.workers.append(subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL))

    def _properties(self):
        path = self.folder / "worker.properties"
        path.write_text("max.poll.records=5\nfetch.max.wait.ms=100\n")
        return str(path)

    def wait_for_more(self, count, is_filled):
        """Until the workers have told of so much more, or no tasks come any more."""
        deadline, seen = Deadline("more work", 30), len(self.told())
        while len(self.told()) < seen + count and is_filled():
            deadline.left()
            time.sleep(0.05)

    def replace_one(self):
        """Kills one of the workers and starts another."""
        living = [worker for worker in self.workers if worker.poll() is None]
        self.random.choice(living).kill()
        self.work()

    def lag(self):
        """How many tasks are not settled; None while nobody can say."""
        shown = tool(self.bootstrap, "share-groups", "--describe", "--group", self.group).splitlines()
        lags = [line.split()[4] for line in shown[1:] if line.split()[:2] == [self.group, self.name]]
        return sum(map(int, lags)) if lags and "-" not in lags else None

    def told(self):
        """What the workers have told so far: (time, worker, event) each."""
        found = []
        for number in range(len(self.workers)):
            for line in (self.folder / f"worker-{number}.out").read_text().splitlines():
                # The last line of one that was killed may be torn.
                if line.endswith("}"):
                    event = json.loads(line)
                    found.append((event["timestamp"], number, event))
        return found

    def wait(self, within_s):
        """Until all is settled; the workers end."""
        until("end of the tasks", lambda: self.lag() == 0, within_s, 0.2)
        self.end()

    def end(self):
        """Ends the workers."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(10)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(10)

    def dead(self):
        """The dead letters: of which records, and how often they were delivered."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"look-{self.name}", "auto.offset.reset": "earliest", "enable.partition.eof": True})
        consumer.subscribe([self.letters])
        deadline, ends, found = Deadline("the dead letters", 30), set(), []
        while len(ends) < 2:
            deadline.left()
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                ends.add(message.partition())
                continue
            headers = {name: value.decode() for name, value in message.headers()}
            prefix = "__dlq.errors."
            assert (headers[prefix + "topic"], headers[prefix + "group"]) == (self.name, self.group)
            at = (int(headers[prefix + "partition"]), int(headers[prefix + "offset"]))
            found.append((at, int(headers[prefix + "delivery.count"])))
        consumer.close()
        return found

    def judge(self, ordered=False, selected=False, late=False):
        """Whether what the workers were told, the dead letters and the tasks are one story."""
        deliveries, answered, accepted, unsure, released = {}, {}, {}, {}, {}
        for number in range(len(self.workers)):
            pattern = PATTERNS[number % len(PATTERNS)].split(",")
            steps, open_ = {}, {}
            for _, _, event in (one for one in self.told() if one[1] == number):
                if event["name"] == "record_data":
                    at = (event["partition"], event["offset"])
                    step = steps.get(at, at[1] % len(pattern))
                    kind = pattern[step]
                    open_[at] = kind
                    steps[at] = (step + 1) % len(pattern) if kind == "renew" else step
                    deliveries.setdefault(at, []).append(event["timestamp"])
                elif event["name"] == "offsets_acknowledged":
                    for told in event["partitions"]:
                        for offset in told["offsets"]:
                            at = (told["partition"], offset)
                            kind = open_.pop(at, None)
                            if event["success"]:
                                answered.setdefault(at, []).append(deliveries[at][-1])
                            if not event["success"]:
                                unsure.setdefault(at, []).append(kind)
                                steps.pop(at, None)
                            elif kind == "accept":
                                accepted[at] = accepted.get(at, 0) + 1
                            elif kind == "release":
                                released[at] = released.get(at, 0) + 1
                            if kind != "renew":
                                steps.pop(at, None)
            for at, kind in open_.items():
                unsure.setdefault(at, []).append(kind)
        dead = self.dead()
        counts = dict(dead)
        faults = []
        if len(counts) != len(dead):
            faults.append(f"dead letters twice: {sorted(at for at in counts if [one for one, _ in dead].count(at) > 1)}")
        for at, (key, kind, due) in sorted(self.tasks.items()):
            times = deliveries.get(at, [])
            if selected and kind != "task":
                if times or at in counts:
                    faults.append(f"{at} is for another group")
                continue
            ends = accepted.get(at, 0) + (at in counts)
            may = "accept" in unsure.get(at, [])
            if ends > 1 or (ends == 0 and not may):
                faults.append(f"{at}: accepted {accepted.get(at, 0)} times, dead letter {counts.get(at)}, unsure {unsure.get(at)}, delivered {len(times)} times")
            if at in counts and not min(released.get(at, 0) + 1, LIMIT) <= counts[at] <= LIMIT:
                faults.append(f"{at} has the count {counts[at]} in its dead letter, after {released.get(at, 0)} releases")
            if late and times and min(times) < due:
                faults.append(f"{at} came {due - min(times)} ms too early")
        if ordered:
            faults.extend(self._disorder(deliveries, answered, selected))
        assert not faults, "\n".join(faults)
        return {"accepted": len(accepted), "dead": len(counts), "unsure": len(unsure), "deliveries": sum(map(len, deliveries.values()))}

    def _disorder(self, deliveries, answered, selected):
        """Records that came though an earlier one of their key was not settled: it came once more later, and its answer was taken. Those
        that wait for their time hold nobody back."""
        by_key = {}
        for at, (key, kind, due) in sorted(self.tasks.items()):
            if at in deliveries and due == 0 and not (selected and kind != "task"):
                by_key.setdefault((at[0], key), []).append(at)
        for run in by_key.values():
            for earlier, later in zip(run, run[1:]):
                if max(answered.get(earlier, [0])) > min(deliveries[later]):
                    yield f"{later} came before {earlier} was settled"
