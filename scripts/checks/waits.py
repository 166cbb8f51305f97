"""Finds waits without a deadline in Python files: a test that waits for ever tells nobody what it waited for.

- A call that blocks until something happens is given a time: `process.wait(30)`, `future.result(30)`, `consumer.poll(1)`.
- A loop that pauses knows of a deadline: the word is in its condition or its body, or it calls `left`.
- A program that runs until it is ended limits itself: `faulthandler.dump_traceback_later(seconds, exit=True)`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

# Without an argument these wait for ever (str.join and dict.get always have one; Popen.poll never waits).
WITHOUT_ARGUMENT = {"wait", "join", "result", "get", "communicate", "acquire", "flush", "exception"}
# These need a timeout, by name or as the argument at this place.
TIMEOUT_AT = {"create_connection": 1, "urlopen": 2, "consume": 1, "communicate": 1}
SUBPROCESS = {"run", "call", "check_call", "check_output"}
# A loop with one of these in it waits for something.
PAUSES = {"sleep", "result", "poll", "consume", "wait", "recv", "getone"}


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _has_timeout(call: ast.Call, at: int) -> bool:
    return len(call.args) > at or any(word.arg is None or "timeout" in word.arg for word in call.keywords)


def _endless_call(call: ast.Call) -> str | None:
    name = _name(call)
    if not isinstance(call.func, ast.Attribute):
        return None
    if name in SUBPROCESS and getattr(call.func.value, "id", "") == "subprocess" and not _has_timeout(call, 99):
        return f"subprocess.{name} without timeout"
    if name in WITHOUT_ARGUMENT and not call.args and not call.keywords:
        return f"{name}() without a time"
    if name in TIMEOUT_AT and not _has_timeout(call, TIMEOUT_AT[name]):
        return f"{name} without timeout"
    return None


def _knows_a_deadline(loop: ast.While) -> bool:
    words = {node.id for node in ast.walk(loop) if isinstance(node, ast.Name)}
    words |= {node.attr for node in ast.walk(loop) if isinstance(node, ast.Attribute)}
    return any("deadline" in word or word == "left" for word in words)


def endless_waits(source: str) -> list[tuple[int, str]]:
    """(line, what is wrong) of each."""
    tree = ast.parse(source)
    limits_itself = any(_name(call) == "dump_traceback_later" for call in _calls(tree))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (wrong := _endless_call(node)):
            found.append((node.lineno, wrong))
        if isinstance(node, ast.While) and not limits_itself and not _knows_a_deadline(node):
            pausing = sorted({_name(call) for call in _calls(node)} & PAUSES)
            if pausing or isinstance(node.test, ast.Constant):
                found.append((node.lineno, f"a loop without a deadline ({', '.join(pausing) or 'while True'})"))
    return sorted(found)


def python_files(folder: Path) -> Iterator[Path]:
    """The Python files of a folder, those without a suffix included; nothing that was installed into it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts and path.suffix in (".py", ""):
            first = path.read_bytes().partition(b"\n")[0]
            if path.suffix or first.startswith(b"#!") and b"python" in first:
                yield path
