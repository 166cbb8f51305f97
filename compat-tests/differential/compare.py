"""Compare two transcripts and keep the score.

Tier one: outcome and every field. Tier two: the texts of error messages, reported and counted, never a failure.
"""

import pprint
import re
from collections import Counter

from session import STOPPED

MESSAGES = ("ErrorMessage", "BatchIndexErrorMessage", "AcknowledgeErrorMessage", "StatusDetail")


def differences(left, right, path=""):
    """Every place where two normalised values differ, as (path, left, right)."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in [*left, *(n for n in right if n not in left)]:
            yield from differences(left.get(name, "(absent)"), right.get(name, "(absent)"),
                                   f"{path}.{name}" if path else name)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            yield from differences(a, b, f"{path}[{i}]")
    elif left != right or type(left) is not type(right):
        yield path, left, right


def is_message(path):
    return path.rpartition(".")[2] in MESSAGES


class Score:
    """Counts per API and the differences found."""

    def __init__(self):
        self.compared = Counter()
        self.equal = Counter()
        self.messages = Counter()
        self.known = Counter()
        self.failures = []
        self.message_samples = {}
        self.skipped = []

    def transcripts(self, where, left, right, exceptions, replay=""):
        """Compare step by step; a different course of the script ends the comparison."""
        for number, (a, b) in enumerate(zip(left, right, strict=False)):
            if (a.api, a.version, a.note) != (b.api, b.version, b.note):
                self._fail(a.api, where, number, a, [("the script went another way", a.title(), b.title())], replay)
                return
            if a.api == STOPPED:
                self._fail(a.api, where, number, a, [("the script did not go on", a.outcome, b.outcome)], replay)
                return
            self.step(where, number, a, b, exceptions, replay)
        if len(left) != len(right):
            longer = left if len(left) > len(right) else right
            extra = longer[min(len(left), len(right))]
            self._fail(extra.api, where, min(len(left), len(right)), extra,
                       [("the script went another way", len(left), len(right))], replay)

    def step(self, where, number, a, b, exceptions, replay):
        self.compared[a.api] += 1
        # Apache Kafka leaves a few requests without any answer; whoever answers or closes does better
        better = a.outcome == "silent" and b.outcome != "silent"
        found = [] if better else list(differences(a.outcome, b.outcome))
        texts = [d for d in found if is_message(d[0])]
        if texts:
            self.messages[a.api] += 1
            for _, left, right in texts:
                self.message_samples.setdefault((a.api, str(left), str(right)), f"{where}#{number} {a.title()}")
        found = [d for d in found if not is_message(d[0])]
        scenario = where.partition("/")[0]
        new = [d for d in found if not exceptions.is_known(scenario, a.note, re.sub(r"\[\d+\]", "", d[0]))]
        if found and not new:
            self.known[a.api] += 1
        elif found:
            self._fail(a.api, where, number, a, found, replay, b.outcome)
        else:
            self.equal[a.api] += 1

    def _fail(self, api, where, number, step, found, replay, other=None):
        self.failures.append({
            "api": api, "where": where, "step": number, "title": step.title(), "request": step.request,
            "left": step.outcome, "right": other, "differences": found, "replay": replay,
        })

    def clean(self):
        return not self.failures


def show(failure, names, whole=False):
    """One failure for a person: where, the request, each differing field, optionally both answers."""
    lines = [f"✗ {failure['where']} step {failure['step']}: {failure['title']}"]
    if failure["replay"]:
        lines.append(f"  replay: {failure['replay']}")
    lines.append("  request: " + _short(failure["request"], 1500))
    for path, left, right in failure["differences"][:12]:
        lines.append(f"    {path or 'outcome'}")
        lines.append(f"      {names[0]:>9}: {_short(left, 700)}")
        lines.append(f"      {names[1]:>9}: {_short(right, 700)}")
    if len(failure["differences"]) > 12:
        lines.append(f"    … and {len(failure['differences']) - 12} more")
    if whole:
        for name, side in zip(names, ("left", "right"), strict=True):
            lines.append(f"  {name}:")
            lines.append("    " + pprint.pformat(failure[side], width=140, sort_dicts=False).replace("\n", "\n    "))
    return "\n".join(lines)


def _short(value, limit):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters)"


def table(score):
    """Equal answers per API, worst first."""
    lines = [f"{'API':32} {'compared':>9} {'equal':>7} {'%':>7} {'known':>6} {'messages differ':>16}"]
    rows = sorted(score.compared, key=lambda api: (score.equal[api] / score.compared[api], api))
    for api in rows:
        total, same = score.compared[api], score.equal[api]
        lines.append(f"{api:32} {total:>9} {same:>7} {100 * same / total:>6.1f}% {score.known[api]:>6} {score.messages[api]:>16}")
    total, same = sum(score.compared.values()), sum(score.equal.values())
    if total:
        lines.append(f"{'all':32} {total:>9} {same:>7} {100 * same / total:>6.2f}% {sum(score.known.values()):>6}"
                     f" {sum(score.messages.values()):>16}")
    return "\n".join(lines)


def grouped(score, names):
    """Differences of one kind on one line: the same field, the same two values."""
    kinds = {}
    for failure in score.failures:
        path, left, right = failure["differences"][0]
        place = re.sub(r"\[\d+\]", "", path) or "outcome"
        kinds.setdefault((failure["api"], place, _short(left, 90), _short(right, 90)), []).append(failure)
    lines = []
    for (api, place, left, right), found in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
        first = found[0]
        lines.append(f"{len(found):5} {api} {place}: {names[0]} {left}, {names[1]} {right}\n"
                     f"        first: {first['where']} step {first['step']}: {first['title']}")
    return "\n".join(lines)
