"""The run: start or find the two brokers, run every script against both, compare, report."""

import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import brokers
import compare
import definitions
import generated
import scenarios
from exceptions import Exceptions
from normalise import Names, Normaliser
from session import Session, run_script
from wire import Connection

# No batch of scripts takes longer.
RUN_SECONDS = 1800


class Side:
    """One broker during a run: names are kept over all scenarios, so that an id stays the same symbol."""

    def __init__(self, running, definitions_, exceptions):
        self.running = running
        self.definitions = definitions_
        self.exceptions = exceptions
        self.served = self._served()
        self._find_places()

    def _find_places(self):
        """A broker that was not started here tells its folder and its controller's port itself."""
        if self.running.data is not None or "DescribeConfigs" not in self.served:
            return
        keys = ["log.dirs", "log.dir", "listeners"]
        answer = self.session(self.served, "", 0, ()).quiet("DescribeConfigs", {"Resources": [
            {"ResourceType": 4, "ResourceName": "1", "ConfigurationKeys": keys}]})
        if answer.kind == "answer" and answer["Results"][0]["Configs"]:
            values = {row["Name"]: row["Value"] for row in answer["Results"][0]["Configs"]}
            self.running.data = values.get("log.dirs") or values.get("log.dir")
            for port in map(int, re.findall(r":(\d+)", values.get("listeners") or "")):
                if port != self.running.port:
                    self.running.controller_port = port

    def _served(self):
        """What the broker advertises, cut to the versions that the definitions describe and hold stable."""
        api = self.definitions.api("ApiVersions")
        connection = Connection(self.running.host, self.running.port, self.definitions)
        connection.send(connection.frame(api, 4, {"ClientSoftwareName": "differential", "ClientSoftwareVersion": "1"}))
        answer = connection.receive(api, 4, connection.correlation, 20)
        connection.close()
        out = {}
        for row in answer["ApiKeys"]:
            known = self.definitions.apis.get(row["ApiKey"])
            if known is not None:
                low = max(row["MinVersion"], known.request.versions.lowest)
                high = min(row["MaxVersion"], known.request.versions.highest)
                if low <= high:
                    out[known.name] = (low, high)
        return out

    def session(self, served, prefix, round_number, focus, now_ms=0):
        names = Names(self.running)
        return Session(self.running, self.definitions, served, names, Normaliser(names, self.exceptions), prefix,
                       round_number, focus, now_ms)


class Run:
    """Both sides, what both serve, and the score."""

    def __init__(self, left, right, options):
        self.options = options
        self.exceptions = Exceptions()
        self.definitions = definitions.load(brokers.clients_jar())
        self.sides = [Side(left, self.definitions, self.exceptions), Side(right, self.definitions, self.exceptions)]
        a, b = (side.served for side in self.sides)
        self.served = {api: (max(a[api][0], b[api][0]), min(a[api][1], b[api][1])) for api in a if api in b}
        self.exceptions.unserved = {self.definitions.api(name).key for name in a if name not in b}
        self.score = compare.Score()
        self.tag = f"{int(time.time()) % 36**4:05d}"
        self.now_ms = int(time.time() * 1000)
        self.timings = []
        self.gaps = []
        self.lock = threading.Lock()

    def names(self):
        return [side.running.name for side in self.sides]

    def both(self, where, script, prefix, round_number, focus, replay=""):
        """Run one script against both brokers at the same time and compare the transcripts."""
        if self.options.progress:
            print(where, file=sys.stderr, flush=True)
        started = time.monotonic()

        def work(side):
            return run_script(script, side.session(self.served, prefix, round_number, focus, self.now_ms))
        with ThreadPoolExecutor(2) as pair:
            results = list(pair.map(work, self.sides))
        with self.lock:
            self.timings.append((time.monotonic() - started, where))
            for side, steps in zip(self.sides, results, strict=True):
                for before, after in zip(steps, steps[1:], strict=False):
                    self.gaps.append((after.at - before.at, f"{where} {after.title()} on {side.running.name}"))
            self.score.transcripts(where, *results, self.exceptions, replay)

    def all(self, jobs):
        """Run scripts side by side; a broken one fails the run."""
        with ThreadPoolExecutor(self.options.jobs) as pool:
            for done in [pool.submit(self.both, *job) for job in jobs]:
                done.result(RUN_SECONDS)

    def prepare(self):
        """Both brokers have their internal topics and a block of producer ids before the first script."""
        def script(s):
            if s.has("FindCoordinator") and s.has("DescribeGroups"):
                s.coordinator("first")
            if s.has("InitProducerId"):
                s.first_producer_id()
            if s.has("EndTxn"):
                s.coordinator("any", 1)
        self.both("prepare", script, f"prepare-{self.tag}", 0, ())

    def scenarios(self, first):
        """The scripts that run before the brokers have been prepared (`first`), or all the others."""
        together, alone = [], []
        for number, each in enumerate(scenarios.load_all()):
            if each.first != first:
                continue
            if self.options.scenario and not any(text in each.name for text in self.options.scenario):
                continue
            if self.options.api and not any(self._is(api, each.apis) for api in self.options.api):
                continue
            rounds = each.rounds(self.served)
            if not rounds:
                missing = [api for api in each.apis if api not in self.served]
                self.score.skipped.append(f"{each.name}: {', '.join(missing)} not served")
            for n in range(rounds):
                prefix = f"{re.sub('[^a-z]', '', each.name.lower())[:20]}{number}-{n}-{self.tag}"
                (alone if each.alone else together).append(
                    (f"{each.name}/{n}", each.script, prefix, n, each.apis, f"--requests 0 --scenario {each.name}"))
        self.all(together)
        for job in alone:
            self.both(*job)

    def generated(self):
        """Seeded requests: one script for each API and version, so that what one changes no other sees."""
        seed, count = self.options.seed, self.options.requests
        jobs = []
        for name, (low, high) in sorted(self.served.items()):
            if not generated.wanted(name):
                continue
            if self.options.api and not any(self._is(api, (name,)) for api in self.options.api):
                continue
            api = self.definitions.api(name)
            for version in range(low, high + 1):
                jobs.append((f"generated.{name}/{version}", generated.script(api, version, seed, range(count)),
                             f"g{api.key}-{version}-{self.tag}", 99, (),
                             f"--no-scenarios --seed {seed} --api {name} --requests {count}"))
        self.all(jobs)

    def _is(self, wanted, apis):
        name = self.definitions.apis[int(wanted)].name if wanted.isdigit() else wanted
        return name in apis


def report(run, options, seconds):
    score = run.score
    score.failures.sort(key=lambda failure: (failure["where"], failure["step"]))
    shown = score.failures if not options.limit else score.failures[:options.limit]
    for failure in () if options.group else shown:
        print(compare.show(failure, run.names(), options.whole), end="\n\n")
    if len(score.failures) > len(shown) and not options.group:
        print(f"… {len(score.failures) - len(shown)} more differences (--limit 0 shows all)\n")
    if options.group:
        print(compare.grouped(score, run.names()))
    if options.messages:
        for (api, left, right), where in sorted(score.message_samples.items()):
            print(f"~ {api} at {where}\n      {run.names()[0]:>9}: {left}\n      {run.names()[1]:>9}: {right}")
    for line in score.skipped:
        print(f"- {line}")
    print(compare.table(score))
    if options.slow:
        for took, where in sorted(run.gaps, reverse=True)[:20]:
            print(f"{took:6.2f} s until {where}")
    slow = ", ".join(f"{where} {took:.1f}s" for took, where in sorted(run.timings, reverse=True)[:5])
    print(f"{len(score.failures)} differences, {seconds:.0f} s; slowest: {slow}")


def main(options):
    started = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the brokers are stopped then, too
    try:
        if options.start_only:
            kafka = brokers.start_kafka()
            started.append(kafka)
            kafka.wait_until_ready()
            print(f"{kafka.host}:{kafka.port}", flush=True)
            signal.pause()
        left = brokers.running("kafka", options.kafka) if options.kafka else brokers.start_kafka()
        started.append(left)
        if options.barnabas:
            right = brokers.running("barnabas", options.barnabas)
        elif options.self_check:
            right = brokers.start_kafka("kafka two")
        else:
            right = brokers.start_barnabas(options.binary or brokers.REPOSITORY / "target" / "release" / "barnabas")
        started.append(right)
        for each in (left, right):
            each.wait_until_ready()
        began = time.monotonic()
        run = Run(left, right, options)
        if not options.no_scenarios:
            run.scenarios(first=True)
        run.prepare()
        if not options.no_scenarios:
            run.scenarios(first=False)
        if options.requests:
            run.generated()
        report(run, options, time.monotonic() - began)
        return 0 if run.score.clean() else 1
    except KeyboardInterrupt:
        return 130
    finally:
        for each in started:
            each.stop()


if __name__ == "__main__":
    sys.exit("start it as `run`")
