"""Each command line of `lines/*.txt` is run with Apache Kafka's tool and with ours, each against a broker of its own kind of the same
kind: standard output, exit code and effect (which later lines show) must be the same."""

import re
import time
from pathlib import Path

import pytest

from harness.broker import new_broker
from tools.tools import KafkasTools, OurTools, plain

LINES = Path(__file__).with_name("lines")
FILES = Path(__file__).with_name("files")
SETTINGS = {"auto.create.topics.enable": "true", "group.initial.rebalance.delay.ms": "0"}


def steps(file: Path):
    """The command lines of a file and their input; `#` begins a comment, `<` the input of the line above, `@` a way to compare,
    `!` a setting of the brokers."""
    found = []
    for line in file.read_text().splitlines():
        if line.startswith("!"):
            continue
        if line.startswith("<"):
            found[-1][1] += line[1:].removeprefix(" ") + "\n"
        elif line.startswith("@"):
            found[-1][2].append(line[1:].strip())
        elif line.strip() and not line.startswith("#"):
            found.append([line, "", []])
    return found


def settings(file: Path):
    """The brokers' settings for the lines of a file."""
    own = [line[1:].strip().split("=", 1) for line in file.read_text().splitlines() if line.startswith("!")]
    return {**SETTINGS, **dict(own)}


def run(side, broker, line, stdin, ways):
    """What a line wrote and its code, in a form that can be compared."""
    line = line.replace("BROKER", broker.bootstrap).replace("FOLDER", str(broker.folder)).replace("FILES", str(FILES))
    deadline = time.monotonic() + 30
    while True:
        said = side.run(line, stdin.replace("\\t", "\t"))
        out = plain(said.out, broker.port).replace(str(broker.folder), "FOLDER").replace(str(FILES), "FILES")
        for way in ways:
            if way == "sorted":
                out = "\n".join(sorted(out.splitlines()))
            elif way == "first":
                out = "".join(out.splitlines()[:1])
            elif way == "unchecked":
                out = ""
            elif way.startswith("until "):
                if not re.search(way.removeprefix("until "), out) and time.monotonic() < deadline:
                    break
            elif way.startswith("hide "):
                out = re.sub(way.removeprefix("hide "), "HIDDEN", out)
        else:
            return said.code, out, said.err
        time.sleep(0.1)


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Kafka's tools and ours."""
    folder = tmp_path_factory.mktemp("tools")
    both = [KafkasTools(folder), OurTools(folder)]
    yield both
    for side in both:
        side.close()


@pytest.mark.parametrize("file", sorted(LINES.glob("*.txt")), ids=lambda file: file.stem)
def test_tools_do_as_kafkas(file, sides, tmp_path):
    brokers = [new_broker(tmp_path / name, settings(file)) for name in ("theirs", "ours")]
    different = []
    try:
        for broker in brokers:
            broker.start()
        for line, stdin, ways in steps(file):
            (code, out, err), (our_code, our_out, our_err) = (
                run(side, broker, line, stdin, ways) for side, broker in zip(sides, brokers)
            )
            if (code, out) != (our_code, our_out):
                different.append(f"$ {line}\n-- Kafka's: {code}\n{out}{err[:300]}\n-- ours: {our_code}\n{our_out}{our_err[:300]}")
    finally:
        for broker in brokers:
            broker.close()
    assert not different, "\n\n".join(different)
