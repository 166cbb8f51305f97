"""What a scenario script talks to: one broker, its connections, and the transcript of everything it answered.

A script runs once against each broker, at its own pace, with the ids that broker gave it; the two transcripts are
compared afterwards. Steps marked quiet prepare or wait and are not compared.
"""

import time

import codec
from wire import Connection, NoAnswer, Outcome

ANSWER_SECONDS = 20
SETTLE_SECONDS = 15
# The step of a script that could not go on: what it had left to compare was not, even if both stopped alike.
STOPPED = "stopped"


class Step:
    """One compared request with what came of it, already normalised."""

    def __init__(self, api, version, request, outcome, note=""):
        self.api = api
        self.at = time.monotonic()
        self.version = version
        self.request = request
        self.outcome = outcome
        self.note = note

    def title(self):
        return f"{self.api} v{self.version}" + (f" ({self.note})" if self.note else "")


class Pending:
    """A request that was sent and whose answer is read later."""

    def __init__(self, session, connection, api, version, body, correlation, note):
        self.session, self.connection, self.api = session, connection, api
        self.version, self.body, self.correlation, self.note = version, body, correlation, note

    def answer(self, timeout=ANSWER_SECONDS):
        """Wait for the answer and record it."""
        outcome = self.connection.receive(self.api, self.version, self.correlation, timeout)
        self.session.record(self.api, self.version, self.body, outcome, self.note)
        return outcome


class Session:
    """One broker as one script sees it. `round` picks versions: the lowest in round 0, one higher in each round.

    `now_ms` is the clock's time when the run began, the same for both brokers.
    """

    def __init__(self, running, definitions, served, names, normaliser, prefix, round_number, focus,
                 now_ms=0):
        self.running = running
        self.definitions = definitions
        self.served = served
        self.names = names
        self.normaliser = normaliser
        self.prefix = prefix
        self.round = round_number
        self.focus = focus
        self.connections = {}
        self.steps = []
        self.ids = {}
        self.now_ms = now_ms
        self.barriers = 0
        self.no_barrier = False

    # names -------------------------------------------------------------------------------------------------------

    def name(self, suffix):
        """A topic, group or client name that belongs to this run of this scenario only."""
        return f"{self.prefix}-{suffix}"

    def id(self, topic):
        """The topic id of a topic that `topic()` made, or that `learn_id` saw."""
        return self.ids[topic]

    def version(self, api_name):
        """The version that this round uses for an API."""
        low, high = self.served[api_name]
        return min(low + self.round, high) if api_name in self.focus else high

    def versions(self, api_name):
        low, high = self.served.get(api_name, (0, -1))
        return range(low, high + 1)

    def has(self, api_name):
        return api_name in self.served

    def learn(self, api_name, part):
        """Give the ids of a quiet answer (or of a part of one) their symbols."""
        api = self.definitions.api(api_name)
        self.normaliser.response(api, api.response.versions.highest, part)

    # requests ----------------------------------------------------------------------------------------------------

    def connection(self, on="main"):
        connection = self.connections.get(on)
        if connection is None or not connection.open:
            connection = Connection(self.running.host, self.running.port, self.definitions)
            self.connections[on] = connection
        return connection

    def begin(self, api_name, body=None, version=None, on="main", note=""):
        """Send a request; read its answer later."""
        if api_name not in self.served:
            raise NoAnswer(f"{api_name} is not served")
        api = self.definitions.api(api_name)
        version = self.version(api_name) if version is None else version
        body = body or {}
        self.normaliser.note_given(api.request.fields, version, body)
        connection = self.connection(on)
        connection.send(connection.frame(api, version, body))
        return Pending(self, connection, api, version, body, connection.correlation, note)

    def call(self, api_name, body=None, version=None, on="main", note="", timeout=ANSWER_SECONDS):
        """Send a request and record its answer."""
        return self.begin(api_name, body, version, on, note).answer(timeout)

    def every(self, api_name, body=None, note=""):
        """A request that changes nothing, at every version served."""
        return [self.call(api_name, body, version, note=note) for version in self.versions(api_name)]

    def quiet(self, api_name, body=None, version=None, on="main", timeout=ANSWER_SECONDS):
        """A request that is not compared."""
        pending = self.begin(api_name, body, version if version is not None else self.served[api_name][1], on)
        return pending.connection.receive(pending.api, pending.version, pending.correlation, timeout)

    def unanswered(self, api_name, body, version=None, note=""):
        """A request that expects no answer: a second request on the same connection shows whether one came."""
        pending = self.begin(api_name, body, version, note=note)
        marker = self.definitions.api("ApiVersions")
        connection = pending.connection
        connection.send(connection.frame(marker, 0, {}))
        first = connection.receive(marker, 0, connection.correlation, ANSWER_SECONDS)
        if first.kind == "other" and first.detail == pending.correlation:
            outcome = Outcome("answer", {"Raw": first.raw[4:].hex()})
            connection.receive(marker, 0, connection.correlation, ANSWER_SECONDS)
        elif first.kind == "answer":
            outcome = Outcome("none")
        else:
            outcome = first
        self.record(pending.api, pending.version, body, outcome, note)
        return outcome

    def raw(self, api_name, version, body_bytes, header_version=None, note="", timeout=8, length=None, api=None,
            kind_only=False):
        """Send a body that is not built from a definition; `api` may carry a key that does not exist."""
        api = api or self.definitions.api(api_name)
        connection = self.connection("raw")
        frame = connection.frame(api, version, body_bytes, header_version)
        connection.send(frame, length)
        outcome = connection.receive(api, version, connection.correlation, timeout)
        shown = outcome.kind if kind_only else self._outcome(api, version, outcome)
        self.steps.append(Step(api.name, version, {"raw": body_bytes.hex()}, shown, note))
        return outcome

    def record(self, api, version, body, outcome, note):
        request = self.normaliser.request(api, version, body)
        self.steps.append(Step(api.name, version, request, self._outcome(api, version, outcome), note))

    def note(self, what, value):
        """Compare something that is not an answer (a time limit kept, a part of an answer)."""
        self.steps.append(Step("script", 0, {}, value, what))

    def _outcome(self, api, version, outcome):
        if outcome.kind == "answer":
            if "Raw" in outcome.body:
                return outcome.body
            return self.normaliser.response(api, version, outcome.body)
        return f"{outcome.kind} {outcome.detail or ''}".strip()

    def until(self, api_name, body, satisfied, version=None, on="main", note="", seconds=SETTLE_SECONDS):
        """Repeat a request until its answer satisfies; the last answer is recorded, satisfying or not."""
        api = self.definitions.api(api_name)
        version = self.version(api_name) if version is None else version
        deadline = time.monotonic() + seconds
        while True:
            outcome = self.quiet(api_name, body, version, on)
            if outcome.kind != "answer" or satisfied(outcome) or time.monotonic() > deadline:
                self.record(api, version, body, outcome, note)
                return outcome
            time.sleep(0.01)

    # preparation -------------------------------------------------------------------------------------------------

    def topic(self, suffix, partitions=1, configs=None, **fields):
        """Make a topic, wait until every partition can be used, and return its name."""
        name = self.name(suffix)
        rows = [{"Name": k, "Value": v} for k, v in (configs or {}).items()]
        topic = {"Name": name, "NumPartitions": partitions, "ReplicationFactor": 1, "Configs": rows, **fields}
        made = self.quiet("CreateTopics", {"Topics": [topic], "TimeoutMs": 10_000})
        if made["Topics"][0]["ErrorCode"]:
            raise NoAnswer(f"setup: topic {name}: error {made['Topics'][0]['ErrorCode']}")
        self.settle(name, partitions)
        return name

    def settle(self, name, partitions=1):
        """Wait until the broker leads every partition of a topic; learns the topic's id."""
        metadata = {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False}
        listing = {"ReplicaId": -1, "Topics": [
            {"Name": name, "Partitions": [{"PartitionIndex": p, "Timestamp": -1} for p in range(partitions)]}]}
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            topic = self.quiet("Metadata", metadata)["Topics"][0]
            if topic["ErrorCode"] == 0 and len(topic["Partitions"]) >= partitions:
                if not self.has("ListOffsets"):
                    break
                rows = self.quiet("ListOffsets", listing)["Topics"][0]["Partitions"]
                if all(row["ErrorCode"] == 0 for row in rows):
                    break
            time.sleep(0.01)
        else:
            raise NoAnswer(f"setup: topic {name} is not ready")
        self.ids[name] = topic["TopicId"]
        self.names.learn("uuid", topic["TopicId"], f"<id of {name}>")

    def gone(self, name):
        """Wait until the broker no longer knows a topic."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            answer = self.quiet("Metadata", {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})
            if answer["Topics"][0]["ErrorCode"] == 3:
                return
            time.sleep(0.01)
        raise NoAnswer(f"setup: topic {name} does not go")

    def coordinator(self, group="any", key_type=0):
        """Wait until a group's coordinator is there and loaded."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            found = self.quiet("FindCoordinator", {"KeyType": key_type, "CoordinatorKeys": [group]})
            if found["Coordinators"][0]["ErrorCode"] == 0:
                listed = self.quiet("DescribeGroups", {"Groups": [group]}) if key_type == 0 else None
                if listed is None or listed["Groups"][0]["ErrorCode"] not in (14, 15, 16):
                    return
            time.sleep(0.02)
        raise NoAnswer("setup: no coordinator")

    def first_producer_id(self):
        """Wait until the broker has a block of producer ids."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            made = self.quiet("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": 1000})
            if made["ErrorCode"] == 0:
                return
            time.sleep(0.02)
        raise NoAnswer("setup: no producer ids")

    def produce(self, topic, data, partition=0):
        """Append batches; the base offset comes back."""
        answer = self.quiet("Produce", {
            "Acks": -1, "TimeoutMs": 10_000,
            "TopicData": [{"Name": topic, "TopicId": self.ids[topic],
                           "PartitionData": [{"Index": partition, "Records": data}]}]})
        row = answer["Responses"][0]["PartitionResponses"][0]
        if row["ErrorCode"]:
            raise NoAnswer(f"setup: produce to {topic}: error {row['ErrorCode']}")
        return row["BaseOffset"]

    def barrier(self):
        """Wait until everything the controller has acknowledged so far is in force in the broker.

        Two changes of a setting one after the other: metadata is applied in order, so when the second is visible
        the first has been applied whole, and with it all that came before.
        """
        if self.no_barrier or not (self.has("IncrementalAlterConfigs") and self.has("DescribeConfigs")):
            return
        name = self.name("barrier")
        if name not in self.ids:
            self.topic("barrier")
        for _ in range(2):
            self.barriers += 1
            value = str(1_000_000 + self.barriers)
            resource = {"ResourceType": 2, "ResourceName": name}
            changed = self.quiet("IncrementalAlterConfigs", {"Resources": [{**resource, "Configs": [
                {"Name": "segment.index.bytes", "ConfigOperation": 0, "Value": value}]}]})
            if changed["Responses"][0]["ErrorCode"] or not self._shows(resource, value):
                self.no_barrier = True
                return

    def _shows(self, resource, value):
        deadline = time.monotonic() + SETTLE_SECONDS
        asked = {"Resources": [{**resource, "ConfigurationKeys": ["segment.index.bytes"]}]}
        while time.monotonic() < deadline:
            rows = self.quiet("DescribeConfigs", asked)["Results"][0]["Configs"]
            if rows and rows[0]["Value"] == value:
                return True
            time.sleep(0.005)
        return False

    def close(self):
        for connection in self.connections.values():
            connection.close()


def run_script(script, session):
    """Run a script to its end or to the answer it could not do without."""
    try:
        script(session)
    except NoAnswer as problem:
        session.steps.append(Step(STOPPED, 0, {}, str(problem)))
    except codec.Malformed:
        raise
    except (KeyError, IndexError, TypeError) as problem:
        session.steps.append(Step(STOPPED, 0, {}, f"{type(problem).__name__} {problem}"))
    finally:
        session.close()
    return session.steps
