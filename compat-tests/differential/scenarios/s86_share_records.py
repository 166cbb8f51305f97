"""ShareFetch and ShareAcknowledge (KIP-932, KIP-1206, KIP-1222): sessions, records acquired and settled; good and bad."""

import uuid

import records
from scenarios import scenario
from scenarios.s55_consumer_groups import reader_topic
from scenarios.s65_transactions import Producer
from scenarios.s85_share_groups import ShareMember, share_group, stands

GAP, ACCEPT, RELEASE, REJECT, RENEW = range(5)
NOWHERE = uuid.UUID("11111111-2222-3333-4444-555555555555")


class Worker(ShareMember):
    """A member that fetches and acknowledges; its session's epoch moves as the broker's does."""

    def __init__(self, s, group, number, topic):
        super().__init__(s, group, number, [topic])
        self.topic = topic

    def request(self, epoch=None, **more):
        return {"GroupId": self.group, "MemberId": self.id, "ShareSessionEpoch": self.session if epoch is None else epoch} | more

    def batches(self, acknowledged, partition=0, topic_id=None):
        rows = [{"FirstOffset": first, "LastOffset": last, "AcknowledgeTypes": types} for first, last, types in acknowledged]
        return [{"TopicId": topic_id or self.s.id(self.topic), "Partitions": [
            {"PartitionIndex": partition, "AcknowledgementBatches": rows}]}]

    def _moved(self, answer):
        if answer and answer.kind == "answer" and answer["ErrorCode"] == 0:
            self.session += 1
        return answer

    def fetch(self, note="", acknowledged=None, wait_ms=5_000, **more):
        """Fetches, with the topic named where the session is new or something is acknowledged."""
        topics = self.batches(acknowledged or []) if self.session == 0 or acknowledged is not None else []
        body = self.request(MaxWaitMs=wait_ms, MinBytes=1, MaxBytes=1 << 20, MaxRecords=100, BatchSize=100,
                            Topics=topics, ForgottenTopicsData=[])
        return self._moved(self.s.call("ShareFetch", body | more, on=self.id, note=note))

    def nothing(self, note, **more):
        return self.fetch(note, wait_ms=0, MinBytes=0, **more)

    def acknowledge(self, acknowledged, note="", **more):
        body = self.request(Topics=self.batches(acknowledged)) | more
        return self._moved(self.s.call("ShareAcknowledge", body, on=self.id, note=note))


def worker(s, group, number, topic, partitions=1):
    made = Worker(s, group, number, topic)
    s.quiet("ShareGroupHeartbeat", made.body())
    made.settle(partitions)
    return made


def prepared(s, *batches, **settings):
    """A topic with records and a worker of a group that reads from the start."""
    s.coordinator()
    topic = reader_topic(s, "t")
    for batch in batches:
        s.produce(topic, records.batch(tuple(b"v%d" % n for n in range(batch)), base_timestamp=1_000))
    return topic, worker(s, share_group(s, **settings), 1, topic)


@scenario("ShareFetch", "ShareAcknowledge")
def records_are_settled(s):
    topic, w = prepared(s, 3, 4)
    w.fetch("all")
    w.nothing("nothing more")
    w.acknowledge([(0, 0, [ACCEPT]), (1, 1, [RELEASE]), (2, 2, [REJECT])])
    w.fetch("the released one")
    w.acknowledge([(1, 1, [RELEASE])], "released again")
    w.fetch("a third time, others accepted", [(3, 5, [ACCEPT])])
    w.acknowledge([(1, 1, [ACCEPT]), (6, 6, [GAP])], "a gap")
    stands(s, w.group, None)
    s.produce(topic, records.batch((b"a", b"b", b"c", b"d"), base_timestamp=1_000))
    w.fetch("new ones")
    w.acknowledge([(7, 10, [ACCEPT, RELEASE, REJECT, GAP])], "a type for each")
    w.fetch("the released one of them")
    w.acknowledge([(8, 8, [ACCEPT])], "accepted")
    w.nothing("all is settled")
    stands(s, w.group, None, "at the end")


@scenario("ShareFetch", "ShareAcknowledge")
def acknowledgements_are_refused(s):
    _, w = prepared(s, 3, 4)
    w.fetch("all")
    for note, rows in (
        ("first after last", [(2, 1, [ACCEPT])]),
        ("overlapping", [(0, 2, [ACCEPT]), (1, 3, [ACCEPT])]),
        ("backwards", [(3, 4, [ACCEPT]), (0, 1, [ACCEPT])]),
        ("no types", [(0, 1, [])]),
        ("too many types", [(0, 1, [ACCEPT] * 3)]),
        ("too few types", [(0, 2, [ACCEPT] * 2)]),
        ("unknown type", [(0, 0, [5])]),
        ("negative type", [(0, 0, [-1])]),
        ("renew unasked", [(0, 0, [RENEW])]),
        ("beyond the end", [(5, 9, [ACCEPT])]),
        ("negative offset", [(-1, 0, [ACCEPT])]),
        ("the largest offset", [(0, (1 << 63) - 1, [ACCEPT])]),
        ("twice", [(0, 0, [ACCEPT]), (0, 0, [ACCEPT])]),
    ):
        w.acknowledge(rows, note)
        w.nothing(f"{note}, with a fetch", acknowledged=rows)
    w.acknowledge([(0, 0, [ACCEPT])], "unknown topic", Topics=w.batches([(0, 0, [ACCEPT])], topic_id=NOWHERE))
    w.acknowledge([(0, 0, [ACCEPT])], "unknown partition", Topics=w.batches([(0, 0, [ACCEPT])], partition=7))
    w.acknowledge([], "nothing", Topics=[])
    w.acknowledge([], "no batches")
    w.acknowledge([], "no batches of an unknown topic", Topics=w.batches([], topic_id=NOWHERE))
    w.acknowledge([(0, 0, [ACCEPT])], "accepted")
    w.acknowledge([(0, 0, [ACCEPT])], "accepted already")
    w.acknowledge([(0, 0, [RELEASE])], "released when accepted")
    w.acknowledge([(1, 2, [ACCEPT]), (0, 0, [ACCEPT])], "partly")
    other = worker(s, w.group, 2, w.topic)
    other.nothing("another's session")
    other.acknowledge([(1, 1, [ACCEPT])], "another's record")


@scenario("ShareFetch", "ShareAcknowledge")
def sessions(s):
    topic, w = prepared(s, 2)
    say = lambda note, epoch, **more: s.call(  # noqa: E731
        "ShareFetch", w.request(epoch, MaxWaitMs=0, MinBytes=0, MaxBytes=1 << 20, MaxRecords=100, BatchSize=100,
                                Topics=[], ForgottenTopicsData=[]) | more, on=w.id, note=note)
    settle = lambda note, epoch, **more: s.call(  # noqa: E731
        "ShareAcknowledge", w.request(epoch, Topics=w.batches([(0, 0, [ACCEPT])])) | more, on=w.id, note=note)
    named = w.batches([])
    say("goes on without a session", 3, Topics=named)
    say("ends none", -1)
    say("ends none, with a topic", -1, Topics=named)
    settle("without a session", 3)
    settle("opens one", 0)
    settle("ends none", -1)
    say("acknowledges at the start", 0, Topics=w.batches([(0, 0, [ACCEPT])]))
    say("opens one without a topic", 0)
    say("opens it again", 0, Topics=named, MaxWaitMs=5_000, MinBytes=1)
    say("too great", 9)
    say("too small", 0)
    say("negative", -2)
    for more in ({"GroupId": ""}, {"GroupId": None}, {"MemberId": ""}, {"MemberId": None}, {"MemberId": "nobody"}):
        say(f"{more}", 0, Topics=named, MaxWaitMs=500, MinBytes=1, **more)
        settle(f"{more}", 1, **more)
    say("no group that is there", 0, Topics=named, MaxWaitMs=2_000, MinBytes=1, GroupId=s.name("other"))
    for more in ({"MaxRecords": 0}, {"MaxRecords": -1}, {"BatchSize": 0}, {"BatchSize": -1}, {"MaxBytes": 0}, {"MaxBytes": -1},
                 {"MinBytes": -1}, {"MaxWaitMs": -1}):
        say(f"{more}", 0, Topics=named, **more)
    w.session = 0
    w.nothing("opened", Topics=named)
    say("unknown topic", 1, Topics=w.batches([], topic_id=NOWHERE))
    say("unknown partition", 2, Topics=w.batches([], partition=7))
    say("forgotten", 3, ForgottenTopicsData=[{"TopicId": s.id(topic), "Partitions": [0]}])
    say("forgets what is not there", 4, ForgottenTopicsData=[{"TopicId": NOWHERE, "Partitions": [0]}])
    say("ends, and fetches", -1, Topics=named)
    say("has ended", 5)


@scenario("ShareFetch")
def limits(s):
    if s.version("ShareFetch") < 2:
        modes = [0]
    else:
        modes = [0, 1, 2, -1]
    for mode in modes:
        topic = reader_topic(s, f"t{mode}")
        for _ in range(3):
            s.produce(topic, records.batch((b"a", b"b", b"c", b"d"), base_timestamp=1_000))
        w = worker(s, share_group(s, f"g{mode}"), 1, topic)
        w.fetch(f"mode {mode}, at most 2 records", MaxRecords=2, BatchSize=2, ShareAcquireMode=mode)
        w.fetch(f"mode {mode}, at most 3 records, batches of 1", MaxRecords=3, BatchSize=1, ShareAcquireMode=mode)
        w.fetch(f"mode {mode}, at most 1 byte", MaxBytes=1, ShareAcquireMode=mode)
        w.nothing(f"mode {mode}, the rest", ShareAcquireMode=mode)


@scenario("ShareFetch", "ShareAcknowledge")
def locks_are_renewed(s):
    if s.version("ShareFetch") < 2:
        return
    _, w = prepared(s, 3)
    w.fetch("all")
    w.acknowledge([(0, 0, [RENEW])], "renewed", IsRenewAck=True)
    w.acknowledge([(0, 2, [RENEW, ACCEPT, RELEASE])], "renewed and others", IsRenewAck=True)
    w.acknowledge([(1, 1, [ACCEPT])], "nothing renewed, but said so", IsRenewAck=True)
    w.nothing("with a fetch that may bring records", acknowledged=[(0, 0, [RENEW])], IsRenewAck=True)
    w.fetch("with a fetch as it has to be", [(0, 0, [RENEW])], IsRenewAck=True, MaxWaitMs=0, MinBytes=0, MaxBytes=0, MaxRecords=0)
    w.fetch("said so, and nothing renewed", [(0, 0, [ACCEPT])], IsRenewAck=True, MaxWaitMs=0, MinBytes=0, MaxBytes=0, MaxRecords=0)


@scenario("ShareFetch", "ShareAcknowledge", once=True)
def delivery_counts_end(s):
    _, w = prepared(s, 2, **{"share.delivery.count.limit": "2"})
    for count in (1, 2):
        w.fetch(f"delivery {count}")
        w.acknowledge([(0, 0, [RELEASE])], f"released {count}")
    w.nothing("delivered often enough")
    stands(s, w.group, None)


@scenario("ShareFetch", once=True)
def transactions(s):
    s.coordinator()
    topic = reader_topic(s, "t")
    for group, level in (("all", "read_uncommitted"), ("committed", "read_committed")):
        share_group(s, group, **{"share.isolation.level": level})
    p = Producer(s, "p")
    p.init()
    for commit in (True, False):
        p.send(topic, (b"a", b"b"))
        p.end(commit)
        p.settled()
    s.produce(topic, records.batch((b"after",), base_timestamp=1_000))
    for group in ("all", "committed"):
        w = worker(s, s.name(group), 1, topic)
        w.fetch(group)
        w.nothing(f"{group}, the rest")
        w.acknowledge([(0, 0, [ACCEPT])], f"{group}, accepted")
        stands(s, w.group, None, group)
