"""The short list of differences that are allowed, each with its reason (exceptions.toml)."""

import tomllib
from pathlib import Path

FILE = Path(__file__).with_name("exceptions.toml")


class Exceptions:
    """Rules by API name ("*" for all) and dotted path of the field in the answer.

    [[mask]]       the value is replaced by "<masked>" when it is neither null nor negative
    [[unordered]]  the list is a set: it is sorted by the field `by` (or by itself)
    [[known]]      a difference that is still there: by scenario (or API), by note and by field where given
    """

    def __init__(self, path=FILE):
        self.masks = {}
        self.orders = {}
        self.known = []
        # keys that only the reference serves so far: left out of the table it advertises
        self.unserved = set()
        if path:
            self.add(path)

    def add(self, path):
        """The rules of one more file."""
        tree = tomllib.loads(path.read_text())
        for rule in tree.get("mask", []):
            self.masks.setdefault((rule["api"], rule["field"]), []).append(rule)
        for rule in tree.get("unordered", []):
            self.orders[(rule["api"], rule["field"])] = rule
        self.known += tree.get("known", [])
        for rule in [*tree.get("mask", []), *tree.get("unordered", []), *self.known]:
            if not rule.get("reason"):
                raise ValueError(f"an exception needs a reason: {rule}")

    def replace(self, api, path, value, owner):
        for key in ((api.name, path), ("*", path.rpartition(".")[2])):
            for rule in self.masks.get(key, ()):
                if all(owner.get(name) in wanted for name, wanted in rule.get("when", {}).items()):
                    plain = value is None or (isinstance(value, int) and value < 0)
                    return True, value if plain and not rule.get("always") else "<masked>"
        return False, value

    def sort(self, api, path, value):
        rule = self.orders.get((api.name, path))
        if rule is None or not isinstance(value, list):
            return value
        by = rule.get("by")
        if not by:
            return sorted(value, key=str)
        return sorted(value, key=lambda item: [str(item.get(name)) for name in by])

    def is_known(self, scenario, note, path):
        """Whether a difference at `path` (indices taken off) is on the list of those that are still there."""
        return any(
            rule["scenario"] == scenario and rule.get("note", note) == note
            and path.startswith(rule.get("field", ""))
            for rule in self.known)
