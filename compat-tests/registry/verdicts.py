"""Whether the registry and Avro for Java judge pairs of schemas alike: those of cases.jsonl, and pairs made at random.

    cd compat-tests && ../target/compat/venv/bin/python -m registry.verdicts [--pairs N] [--seed S]

Outside CI: Maven fetches Avro. What is judged is what a request to /compatibility answers, as BACKWARD asks.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import http
from harness.paths import BUILT, REPOSITORY

HERE = Path(__file__).resolve().parent
CASES = REPOSITORY / "crates" / "registry" / "src" / "verdicts" / "cases.jsonl"
JAVA_S = 300
PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


class Made:
    """A schema at random, and others that differ from it a little."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pair(self):
        old = self.schema(3, set())
        return old, self.changed(old) if self.random.random() < 0.9 else self.schema(3, set())

    def schema(self, depth, names, in_union=False):
        kinds = ["primitive"] * 4 + (["array", "map", "record", "record", "enum", "fixed"] + ["union"] * (not in_union) if depth else [])
        kind = self.random.choice(kinds)
        if kind == "primitive":
            return self.random.choice(PRIMITIVES)
        if kind == "array":
            return {"type": "array", "items": self.schema(depth - 1, names)}
        if kind == "map":
            return {"type": "map", "values": self.schema(depth - 1, names)}
        if kind == "union":
            branches = {}
            for _ in range(self.random.randint(1, 4)):
                branch = self.schema(depth - 1, names, True)
                branches.setdefault(branch if isinstance(branch, str) else branch.get("name", branch["type"]), branch)
            return list(branches.values())
        free = [name for name in "ABCDEFGHIJKLMNOP" if name not in names]
        if not free:
            return "int"
        name = self.random.choice(free)
        names.add(name)
        if kind == "enum":
            return {"type": "enum", "name": name, "symbols": self.random.sample("XYZW", self.random.randint(1, 3))}
        if kind == "fixed":
            return {"type": "fixed", "name": name, "size": self.random.randint(1, 2)}
        fields = [self.field(field, depth - 1, names) for field in self.random.sample("fghi", self.random.randint(0, 3))]
        return {"type": "record", "name": name, "fields": fields}

    def field(self, name, depth, names):
        kind = self.random.choice([{"type": "int", "default": 1}, {"type": ["null", "string"], "default": None}, None, None])
        return {"name": name, **(kind or {"type": self.schema(max(depth, 0), names)})}

    def changed(self, schema):
        """The same with something else somewhere."""
        if self.random.random() < 0.15:
            return self.random.choice([schema, "int", "long", "string", "null"])
        if isinstance(schema, list):
            at = self.random.randrange(len(schema))
            changed = self.changed(schema[at])
            others = schema[:at] + schema[at + 1 :]
            return self.random.choice([others or schema, schema[:at] + [changed] + schema[at + 1 :], schema[::-1]])
        if isinstance(schema, str):
            wider = {"int": "long", "long": "double", "string": "bytes", "float": "double"}.get(schema, schema)
            return self.random.choice([wider, schema, ["null", schema] if schema != "null" else schema])
        schema = dict(schema)
        if "items" in schema or "values" in schema:
            inner = "items" if "items" in schema else "values"
            schema[inner] = self.changed(schema[inner])
        elif "symbols" in schema:
            schema["symbols"] = self.random.choice([schema["symbols"][:1], schema["symbols"] + ["V"], schema["symbols"][::-1]])
            if self.random.random() < 0.3:
                schema["default"] = schema["symbols"][0]
        elif "size" in schema:
            schema["size"] = self.random.choice([schema["size"], 3])
        elif schema["fields"]:
            fields = [dict(field) for field in schema["fields"]]
            at = self.random.randrange(len(fields))
            what = self.random.choice(["drop", "change", "rename", "alias", "add"])
            if what == "drop":
                del fields[at]
            elif what == "change":
                fields[at] = {"name": fields[at]["name"], "type": self.changed(fields[at]["type"])}
            elif what == "add":
                fields.append(self.field("j", 0, set()))
            else:
                fields[at] = {**fields[at], "name": "k", **({"aliases": [fields[at]["name"]]} if what == "alias" else {})}
            schema["fields"] = fields
        if self.random.random() < 0.1 and "name" in schema:
            schema = {**schema, "name": "Q", **({"aliases": [schema["name"]]} if self.random.random() < 0.5 else {})}
        return schema


def of_java(pairs):
    """What Avro for Java says of (old, new)."""
    folder = BUILT / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    class_path = folder / "classpath.txt"
    if not class_path.exists():
        command = ["mvn", "-q", "-B", "dependency:build-classpath", f"-Dmdep.outputFile={class_path}"]
        subprocess.run(command, cwd=HERE, check=True, timeout=JAVA_S)
    lines = "".join(f"{new}\t{old}\n" for old, new in pairs)
    command = ["java", "-cp", class_path.read_text().strip(), str(HERE / "Verdicts.java")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=JAVA_S)
    return done.stdout.splitlines()


def of_registry(asked, pairs):
    """What the registry says of (old, new)."""
    for number, (old, new) in enumerate(pairs):
        kind = {"Content_Type": "application/json"}
        status, _, text = asked.ask(f"/subjects/s{number}/versions", json.dumps({"schema": old}).encode(), **kind)
        if status == 200:
            path = f"/compatibility/subjects/s{number}/versions/latest?verbose=true"
            status, _, text = asked.ask(path, json.dumps({"schema": new}).encode(), **kind)
        answer = json.loads(text)
        if status != 200:
            yield "INVALID", text
        else:
            yield "COMPATIBLE" if answer["is_compatible"] else "INCOMPATIBLE", text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cases = [json.loads(line) for line in CASES.read_text().splitlines()]
    pairs = [(case["old"], case["new"]) for case in cases if case["language"] == "AVRO"]
    pairs += [(new, old) for old, new in pairs]
    made = Made(arguments.seed)
    pairs += [tuple(json.dumps(schema) for schema in made.pair()) for _ in range(arguments.pairs)]
    counts, differing = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        asked = http.started(Path(folder))
        try:
            for (old, new), java, (ours, text) in zip(pairs, of_java(pairs), of_registry(asked, pairs), strict=True):
                counts[ours] = counts.get(ours, 0) + 1
                if java.split(" ")[0] != ours:
                    differing += 1
                    print(f"old {old}\nnew {new}\nAvro for Java: {java}\nhere: {text}\n")
        finally:
            asked.broker.close()
    print(f"{len(pairs)} pairs, seed {arguments.seed}: {counts}, {differing} judged otherwise than by Avro for Java")
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
