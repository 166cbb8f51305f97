"""The comparison must be able to fail: whatever changes in an answer is seen, unless exceptions.toml says otherwise."""

import copy
import random
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import brokers  # noqa: E402
import codec  # noqa: E402
import compare  # noqa: E402
import definitions  # noqa: E402
import generated  # noqa: E402
import records  # noqa: E402
from exceptions import Exceptions  # noqa: E402
from normalise import Names, Normaliser  # noqa: E402

BROKER = SimpleNamespace(port=9092, controller_port=9093, data=None)
TOPIC_A, TOPIC_B = uuid.UUID(int=1001), uuid.UUID(int=1002)
DEFINITIONS = definitions.load(brokers.clients_jar())
PAIRS = [(api, version) for api in DEFINITIONS.apis.values() for version in api.response.versions]
# Numbers and names that the broker makes up: only their identity over a whole transcript counts.
MADE_UP = {("InitProducerId", "ProducerId"), ("InitProducerId", "OngoingTxnProducerId"),
           ("AllocateProducerIds", "ProducerIdStart"), ("Fetch", "SessionId")}


class AnyWorld:
    """Enough of a world to make answers."""

    topics = ["a", "b"]
    groups = ["g", "h"]
    s = SimpleNamespace(name=lambda suffix: suffix)


class Answers(generated.Maker):
    """Makes answers instead of requests; every list has one element at least."""

    def field(self, f, version, depth):
        if f.is_array:
            return [self.item(f, version, depth) for _ in range(self.rng.choice([1, 2]))]
        return self.item(f, version, depth)

    def uuid(self, _):
        return self.rng.choice([TOPIC_A, TOPIC_B])

    def int64(self, f):
        return self.rng.randrange(100)

    def string(self, f):
        return self.rng.choice(["a", "b", "some text"])

    def records(self, _):
        return records.batch([b"v"])


def normalised(api, version, body):
    names = Names(BROKER)
    names.learn("uuid", TOPIC_A, "<a>")
    names.learn("uuid", TOPIC_B, "<b>")
    return Normaliser(names, Exceptions()).response(api, version, body)


def leaves(value, path=()):
    """Every place in a message that can be changed."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        yield path
        for i, inner in enumerate(value):
            yield from leaves(inner, (*path, i))
    else:
        yield path


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if value < 100 else value - 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bytes):
        return value + b"x"
    if isinstance(value, uuid.UUID):
        return TOPIC_A if value == TOPIC_B else TOPIC_B
    return value[:-1]


def mutated(body, path):
    copied = copy.deepcopy(body)
    holder = copied
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = changed(holder[path[-1]])
    return copied


def excused(api, path, exceptions):
    names = [step for step in path if isinstance(step, str)]
    made_up = path[-1] == "ClusterId" or (api.name, path[-1]) in MADE_UP
    # What is masked is so with all that is in it.
    masked = any((api.name, ".".join(names[:n])) in exceptions.masks for n in range(1, len(names) + 1))
    return made_up or masked or ("*", path[-1]) in exceptions.masks


@pytest.mark.parametrize(("api", "version"), PAIRS, ids=[f"{api.name}-{version}" for api, version in PAIRS])
def test_every_change_of_an_answer_is_seen(api, version):
    rng = random.Random(f"{api.key}/{version}")
    body = Answers(rng, AnyWorld, SimpleNamespace(name=api.name, request=api.response)).body(version)
    body = codec.decode(api.response, version, codec.encode(api.response, version, body))
    before = normalised(api, version, body)
    exceptions = Exceptions()
    for path in leaves(body):
        after = normalised(api, version, mutated(body, path))
        seen = list(compare.differences(before, after))
        assert seen or excused(api, path, exceptions), f"{api.name} v{version}: a change of {path} is not seen"


@pytest.mark.parametrize(("api", "version"), PAIRS, ids=[f"{api.name}-{version}" for api, version in PAIRS])
def test_bytes_that_break_the_definition_are_refused(api, version):
    rng = random.Random(f"{api.key}/{version}")
    body = Answers(rng, AnyWorld, SimpleNamespace(name=api.name, request=api.response)).body(version)
    good = codec.encode(api.response, version, body)
    assert codec.encode(api.response, version, codec.decode(api.response, version, good)) == good
    for bad in (good + b"\0", good[:-1]):
        with pytest.raises(codec.Malformed):
            codec.decode(api.response, version, bad)
    if version in api.response.flexible:
        tagged = codec.encode(api.response, version, {**body, "_tags": {99: b"x"}})
        with pytest.raises(codec.Malformed):
            codec.decode(api.response, version, tagged)


def test_two_ids_are_never_one_symbol():
    api = DEFINITIONS.api("JoinGroup")
    one, two = (f"c-{uuid.UUID(int=n)}" for n in (1, 2))
    member = {"GroupInstanceId": None, "Metadata": b""}
    rows = [{"MemberId": one, **member}, {"MemberId": two, **member}]
    base = {"Leader": one, "MemberId": two, "Members": rows}
    wrong = {**base, "Leader": two}
    assert list(compare.differences(normalised(api, 9, base), normalised(api, 9, wrong)))


def test_an_id_that_the_request_brought_must_come_back():
    api = DEFINITIONS.api("Metadata")
    names = Names(BROKER)
    asked = {"Topics": [{"TopicId": uuid.UUID(int=5), "Name": None}]}
    normaliser = Normaliser(names, Exceptions())
    normaliser.note_given(api.request.fields, 13, asked)

    def answer(n):
        return normaliser.response(api, 13, {"Topics": [{"TopicId": uuid.UUID(int=n), "Name": None}]})
    assert list(compare.differences(answer(5), answer(6)))


def test_another_course_of_a_script_is_a_difference():
    def step(api):
        return SimpleNamespace(api=api, version=0, note="", request={}, outcome="x", title=lambda: api)
    for left, right in (([step("A")], []), ([step("A")], [step("B")])):
        score = compare.Score()
        score.transcripts("here", left, right, Exceptions())
        assert not score.clean()


def test_silence_is_only_excused_where_apache_kafka_is_silent():
    def step(outcome):
        return SimpleNamespace(api="A", version=0, note="", request={}, outcome=outcome, title=lambda: "A")
    for left, right, clean in (("silent", "closed", True), ("closed", "silent", False), ("silent", "silent", True)):
        score = compare.Score()
        score.transcripts("here", [step(left)], [step(right)], Exceptions())
        assert score.clean() is clean
