"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources."""

from scenarios import scenario

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def describe(s, kind, name, keys=None, synonyms=False, documentation=False, version=None, note=""):
    body = {"Resources": [{"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": keys}],
            "IncludeSynonyms": synonyms, "IncludeDocumentation": documentation}
    if version is None:
        return s.every("DescribeConfigs", body, note=note)
    return s.call("DescribeConfigs", body, version, note=note)


@scenario("DescribeConfigs", once=True)
def describe_configs(s):
    a = s.topic("a", configs={"retention.ms": "77", "cleanup.policy": "compact,delete"})
    for synonyms in (False, True):
        for documentation in (False, True):
            describe(s, TOPIC, a, None, synonyms, documentation, note="topic")
            describe(s, TOPIC, a, ["retention.ms", "segment.ms", "min.insync.replicas"], synonyms, documentation)
        describe(s, BROKER, "", None, synonyms, note="cluster")
        describe(s, BROKER, "1", None, synonyms, note="broker")
        describe(s, BROKER, "1", ["num.partitions", "log.retention.ms", "log.retention.hours", "advertised.listeners"],
                 synonyms, note="broker, some")
        describe(s, GROUP, s.name("g"), None, synonyms, note="group")
        describe(s, CLIENT_METRICS, s.name("m"), None, synonyms, note="client metrics")
    tiny = s.topic("tiny", configs={"internal.segment.bytes": "1000"})
    describe(s, TOPIC, tiny, None, True, note="internal setting")
    describe(s, TOPIC, tiny, ["internal.segment.bytes"], note="internal setting alone")
    describe(s, TOPIC, a, [], note="no keys")
    describe(s, TOPIC, a, ["no.such", "retention.ms", "retention.ms", ""], note="odd keys")
    for name in (s.name("never"), "", "a b", ".", "x" * 250):
        describe(s, TOPIC, name, note="topic")
    for name in ("2", "-1", "one", "1 ", "01", "99999999999"):
        describe(s, BROKER, name, note="broker")
    for name in ("1", "2", "", "one"):
        describe(s, LOGGER, name, ["no.such.logger"], note="logger")
    for kind in (0, 1, 3, 5, 64, -1, 127):
        describe(s, kind, "a", note="type")
    for name in ("",):
        describe(s, GROUP, name, note="group")
        describe(s, CLIENT_METRICS, name, note="client metrics")
    s.every("DescribeConfigs", {"Resources": []}, note="none")
    rows = [{"ResourceType": TOPIC, "ResourceName": a, "ConfigurationKeys": ["retention.ms"]}]
    s.every("DescribeConfigs", {"Resources": rows * 2}, note="twice")
    s.every("DescribeConfigs", {"Resources": [*rows, {"ResourceType": BROKER, "ResourceName": "1",
                                                      "ConfigurationKeys": ["num.partitions"]},
                                              {"ResourceType": TOPIC, "ResourceName": s.name("never"),
                                               "ConfigurationKeys": None}]}, note="three")


def incremental(s, kind, name, *changes, validate=False, note=""):
    rows = [{"Name": n, "ConfigOperation": op, "Value": v} for n, op, v in changes]
    return s.call("IncrementalAlterConfigs", {
        "Resources": [{"ResourceType": kind, "ResourceName": name, "Configs": rows}], "ValidateOnly": validate}, note=note)


def shown(s, kind, name, keys=None):
    s.barrier()
    describe(s, kind, name, keys, True, version=s.served["DescribeConfigs"][1], note="afterwards")


@scenario("IncrementalAlterConfigs")
def incremental_topic(s):
    a = s.topic("a")
    keys = ["retention.ms", "cleanup.policy", "compression.type", "segment.ms"]
    cases = [
        ("retention.ms", SET, "1000"), ("retention.ms", SET, "soon"), ("retention.ms", SET, None), ("retention.ms", SET, ""),
        ("retention.ms", APPEND, "1"), ("retention.ms", SUBTRACT, "1"), ("retention.ms", DELETE, None),
        ("retention.ms", DELETE, "ignored"), ("retention.ms", 4, "1"), ("retention.ms", -1, "1"),
        ("no.such", SET, "1"), ("no.such", DELETE, None), ("no.such", APPEND, "1"), ("", SET, "1"),
        ("cleanup.policy", APPEND, "compact"), ("cleanup.policy", APPEND, "compact"), ("cleanup.policy", APPEND, "shred"),
        ("cleanup.policy", SUBTRACT, "delete"), ("cleanup.policy", SUBTRACT, "delete"), ("cleanup.policy", APPEND, ""),
        ("cleanup.policy", SUBTRACT, "compact"), ("cleanup.policy", SET, "delete"), ("cleanup.policy", APPEND, None),
        ("cleanup.policy", SUBTRACT, None), ("cleanup.policy", DELETE, None),
        ("compression.type", SET, "zstd"), ("compression.type", APPEND, "gzip"), ("segment.ms", SET, "0"),
        ("min.insync.replicas", SET, "5"), ("remote.storage.enable", SET, "true"),
        ("leader.replication.throttled.replicas", APPEND, "0:1"), ("leader.replication.throttled.replicas", APPEND, "x"),
    ]
    for change in cases:
        incremental(s, TOPIC, a, change, validate=True, note="validated only")
        incremental(s, TOPIC, a, change, note="changed")
        shown(s, TOPIC, a, [*keys, change[0]])
    incremental(s, TOPIC, a, ("retention.ms", SET, "1"), ("retention.ms", SET, "2"), note="key twice")
    incremental(s, TOPIC, a, ("retention.ms", SET, "1"), ("segment.ms", SET, "bad"), note="one bad")
    shown(s, TOPIC, a, keys)
    incremental(s, TOPIC, a, note="no changes")
    incremental(s, TOPIC, s.name("never"), ("retention.ms", SET, "1"), note="unknown topic")
    incremental(s, TOPIC, "", ("retention.ms", SET, "1"), note="empty topic")
    incremental(s, TOPIC, "a b", ("retention.ms", SET, "1"), note="bad topic")
    row = {"ResourceType": TOPIC, "ResourceName": a,
           "Configs": [{"Name": "retention.ms", "ConfigOperation": SET, "Value": "5"}]}
    s.call("IncrementalAlterConfigs", {"Resources": [row, row]}, note="resource twice")
    s.call("IncrementalAlterConfigs", {"Resources": []}, note="none")
    other = {**row, "ResourceName": s.name("never")}
    s.call("IncrementalAlterConfigs", {"Resources": [other, row]}, note="one unknown")
    shown(s, TOPIC, a, keys)
    for kind in (0, 1, 3, 64, -1, 127):
        incremental(s, kind, "a", ("retention.ms", SET, "1"), note="type")


@scenario("IncrementalAlterConfigs", alone=True)
def incremental_broker(s):
    for name in ("", "1", "2", "one", "-1", "1 "):
        for change in (("log.retention.ms", SET, "123456789"), ("no.such", SET, "1"), ("log.retention.ms", SET, "bad"),
                       ("node.id", SET, "1"), ("node.id", SET, "7"), ("num.partitions", SET, "2"),
                       ("message.max.bytes", SET, "1048589"), ("log.cleaner.threads", SET, "0"),
                       ("log.cleaner.threads", SET, "1"), ("num.io.threads", SET, "100"),
                       ("max.connections.per.ip.overrides", SET, "bad"), ("log.cleanup.policy", APPEND, "compact"),
                       ("advertised.listeners", SET, "PLAINTEXT://localhost:1"), ("ssl.keystore.type", SET, "JKS"),
                       ("leader.replication.throttled.rate", SET, "5"), ("log.cleanup.policy", SUBTRACT, "compact"),
                       ("min.insync.replicas", SET, "1")):
            incremental(s, BROKER, name, change, validate=True, note="validated only")
    for name in ("", "1"):
        incremental(s, BROKER, name, ("log.retention.ms", SET, "123456789"), note="set")
        shown(s, BROKER, "1", ["log.retention.ms", "log.retention.hours"])
        shown(s, BROKER, "", None)
        a = s.topic(f"a{name}")
        shown(s, TOPIC, a, ["retention.ms"])
    own = [f"listener.name.internal.ssl.{key}" for key in ("truststore.type", "keystore.location", "keystore.password")]
    incremental(s, BROKER, "1", *((key, SET, "PKCS12") for key in own), note="of a listener that isn't there")
    shown(s, BROKER, "1", own)
    incremental(s, BROKER, "1", *((key, DELETE, None) for key in own), note="deleted")
    shown(s, BROKER, "1", own)
    for name in ("1", ""):
        incremental(s, BROKER, name, ("log.retention.ms", DELETE, None), note="deleted")
        shown(s, BROKER, "1", ["log.retention.ms"])
    for name in ("1", "", "2", "x"):
        for level in ("DEBUG", "LOUD", "", None):
            incremental(s, LOGGER, name, ("no.such.logger", SET, level), validate=True, note="logger")
    for kind in (GROUP, CLIENT_METRICS):
        for name in (s.name("x"), ""):
            for change in (("consumer.session.timeout.ms", SET, "50000"), ("consumer.session.timeout.ms", SET, "1"),
                           ("consumer.heartbeat.interval.ms", SET, "bad"), ("interval.ms", SET, "1000"),
                           ("interval.ms", SET, "1"), ("metrics", SET, "a.b"), ("match", SET, "client_id=x"),
                           ("match", SET, "nonsense"), ("no.such", SET, "1")):
                incremental(s, kind, name, change, validate=True, note="validated only")


@scenario("AlterConfigs")
def alter(s):
    def change(kind, name, configs, validate=False, note=""):
        s.call("AlterConfigs", {"Resources": [{"ResourceType": kind, "ResourceName": name, "Configs": [
            {"Name": n, "Value": v} for n, v in configs]}], "ValidateOnly": validate}, note=note)
    a = s.topic("a", configs={"segment.ms": "5000"})
    keys = ["retention.ms", "segment.ms", "cleanup.policy"]
    for configs in ([("retention.ms", "1000")], [("retention.ms", "bad")], [("no.such", "1")], [("retention.ms", None)],
                    [("cleanup.policy", "compact"), ("segment.ms", "9")], [("segment.ms", "1"), ("segment.ms", "2")], [],
                    [("", "1")]):
        change(TOPIC, a, configs, True, note="validated only")
        change(TOPIC, a, configs, note="changed")
        shown(s, TOPIC, a, keys)
    change(TOPIC, s.name("never"), [("retention.ms", "1")], note="unknown topic")
    change(TOPIC, "", [("retention.ms", "1")], note="empty topic")
    for name in ("", "1", "2", "x"):
        for configs in ([("log.retention.ms", "123456")], [("node.id", "1")], [("no.such", "1")], [("log.retention.ms", "x")]):
            change(BROKER, name, configs, True, note="broker, validated only")
    for kind in (0, 1, LOGGER, 64, -1):
        change(kind, "1", [("a", "b")], True, note="type")
    row = {"ResourceType": TOPIC, "ResourceName": a, "Configs": []}
    s.call("AlterConfigs", {"Resources": [row, row]}, note="twice", timeout=1.5)
    s.call("AlterConfigs", {"Resources": []}, note="none")


@scenario("ListConfigResources", once=True)
def list_config_resources(s):
    a = s.topic("a")
    api = s.definitions.api("ListConfigResources")
    for version in s.versions("ListConfigResources"):
        for kinds in ([], [TOPIC], [BROKER], [LOGGER], [CLIENT_METRICS], [GROUP], [TOPIC, BROKER], [TOPIC, TOPIC], [0], [1],
                      [64], [-1]):
            if version == 0 and kinds:
                continue
            outcome = s.quiet("ListConfigResources", {"ResourceTypes": kinds}, version)
            if outcome.kind == "answer":
                outcome.body["ConfigResources"] = [
                    r for r in outcome["ConfigResources"] if r.get("ResourceType", 0) != TOPIC or r["ResourceName"] == a]
            s.record(api, version, {"ResourceTypes": kinds}, outcome, "only this script's topics")
