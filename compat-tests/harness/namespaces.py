"""A network namespace for each node and one for the clients, joined by a bridge; links between nodes can be cut, also one way.

A cut link drops silently, as a broken switch does: the sender is told a hardware address that nobody has.
"""

import contextlib
import ctypes
import os
import subprocess
import uuid

CLONE_NEWNET = 0x40000000
NOBODY = "02:00:00:00:ff:ff"
DEADLINE_S = 10


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S)


class Namespaces:
    """Namespaces of nodes 1 to N. Use as a context manager; within, this thread and what it starts are in the clients' one."""

    def __init__(self, nodes: int):
        self.run = uuid.uuid4().hex[:6]
        self.ids = range(1, nodes + 1)
        self.hub = f"hub-{self.run}"

    @staticmethod
    def is_possible() -> bool:
        """Whether this process may make namespaces."""
        probe = f"probe-{uuid.uuid4().hex[:6]}"
        made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, timeout=DEADLINE_S)
        if made.returncode == 0:
            _run("ip", "netns", "del", probe)
        return made.returncode == 0

    def name(self, node: int) -> str:
        return f"node-{self.run}-{node}"

    @staticmethod
    def address(node: int) -> str:
        return f"10.88.0.{node}"

    def prefix(self, node: int) -> list[str]:
        """What stands before a command that is to run at a node."""
        return ["ip", "netns", "exec", self.name(node)]

    def __enter__(self) -> "Namespaces":
        self.stack = contextlib.ExitStack()
        with contextlib.ExitStack() as failed:
            failed.push(self.stack)
            self._make(self.hub)
            _run("ip", "-n", self.hub, "link", "set", "lo", "up")
            _run("ip", "-n", self.hub, "link", "add", "bridge", "type", "bridge")
            _run("ip", "-n", self.hub, "addr", "add", "10.88.0.254/24", "dev", "bridge")
            _run("ip", "-n", self.hub, "link", "set", "bridge", "up")
            for node in self.ids:
                name = self.name(node)
                self._make(name)
                port = f"port-{node}"
                _run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.hub)
                _run("ip", "-n", name, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
                _run("ip", "-n", name, "link", "set", "lo", "up")
                _run("ip", "-n", name, "link", "set", "eth0", "up")
                _run("ip", "-n", self.hub, "link", "set", port, "master", "bridge", "up")
            self._enter_hub()
            failed.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self.stack.close()

    def _make(self, name: str) -> None:
        _run("ip", "netns", "add", name)
        self.stack.callback(_run, "ip", "netns", "del", name)

    def _enter_hub(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        hub = os.open(f"/run/netns/{self.hub}", os.O_RDONLY)

        def enter(namespace: int) -> None:
            if libc.setns(namespace, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

        enter(hub)
        os.close(hub)
        self.stack.callback(os.close, before)
        self.stack.callback(enter, before)

    def cut(self, sender: int, receiver: int) -> None:
        """From now on nothing that `sender` sends to `receiver` arrives."""
        _run("ip", "-n", self.name(sender), "neigh", "replace", self.address(receiver), "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")

    def cut_both(self, one: int, other: int) -> None:
        self.cut(one, other)
        self.cut(other, one)

    def isolate(self, node: int) -> None:
        """Cuts a node off from all others. Clients still reach it."""
        for other in self.ids:
            if other != node:
                self.cut_both(node, other)

    def heal(self) -> None:
        """All links carry again."""
        for sender in self.ids:
            for receiver in self.ids:
                if sender != receiver:
                    flush = ["ip", "-n", self.name(sender), "neigh", "del", self.address(receiver), "dev", "eth0"]
                    subprocess.run(flush, capture_output=True, timeout=DEADLINE_S)
