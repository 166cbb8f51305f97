"""A broker process under test: barnabas, or Apache Kafka 4.4.0 when BROKER=kafka.

The port and the data folder stay the same over restarts. Output goes to a file whose end a failing test shows.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from harness import apache_kafka, paths
from harness.wire import free_port, live_brokers

START_DEADLINE_S = 60
STOP_DEADLINE_S = 30
# The kernel may take a while to let go of a killed process's memory and files.
KILL_DEADLINE_S = 10


class Broker:
    """One broker on a free port of 127.0.0.1. Subclasses say how the process is started."""

    name = ""
    _all: set["Broker"] = set()

    def __init__(self, folder: Path, settings: dict[str, str] | None = None):
        self.folder = folder
        self.port = free_port()
        self.settings = dict(settings or {})
        self.log = folder / "broker.log"
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._all.add(self)

    @classmethod
    def running(cls) -> frozenset[int]:
        """The process ids of all brokers that run."""
        return frozenset(each.process.pid for each in cls._all if each.process is not None)

    @property
    def bootstrap(self) -> str:
        """What a client takes as its bootstrap servers."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """The command line of the broker."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts the process and returns when it answers and names itself as a live broker."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while live_brokers(self.port) < 1:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode} at its start\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"{self.name} did not answer within {START_DEADLINE_S} s\n{self.log_tail()}")
            time.sleep(0.02)

    def stop(self) -> int:
        """Asks it to end (SIGTERM) and returns its exit code."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(KILL_DEADLINE_S)
            raise TimeoutError(f"{self.name} did not end within {STOP_DEADLINE_S} s\n{self.log_tail()}") from None

    def kill(self) -> None:
        """Ends it at once (SIGKILL)."""
        process, self.process = self.process, None
        process.kill()
        process.wait(KILL_DEADLINE_S)

    def restart(self, hard: bool = False) -> None:
        """Stops it (SIGTERM, or SIGKILL when hard) and starts it on the same folder and port."""
        if hard:
            self.kill()
        else:
            self.stop()
        self.start()

    def close(self) -> None:
        """Ends the process if it still runs; what a fixture calls last."""
        if self.process is not None:
            self.kill()
        self._all.discard(self)

    def log_tail(self, lines: int = 80) -> str:
        """The end of what the broker wrote."""
        if not self.log.exists():
            return "(no broker log)"
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join(["--- end of the broker's log ---", *text[-lines:]])


class Barnabas(Broker):
    """The release binary."""

    name = "barnabas"

    def command(self) -> list[str]:
        address = f"PLAINTEXT://127.0.0.1:{self.port}"
        # Brokers of other tests run beside it: none has the default port of the HTTP listener.
        off = {"barnabas.http.listener": ""}
        settings = {"listeners": address, "advertised.listeners": address, **off, **self.settings}
        command = [str(paths.barnabas_binary())]
        if "log.dirs" not in settings:
            command += ["--data", str(self.folder / "data")]
        for key, value in settings.items():
            command += ["--override", f"{key}={value}"]
        return command

    def stop(self) -> int:
        code = super().stop()
        assert code == 0, f"barnabas ended with {code} after SIGTERM\n{self.log_tail()}"
        return code


class ApacheKafka(Broker):
    """Apache Kafka: the specification the suite is written against."""

    name = "Apache Kafka"

    def __init__(self, folder: Path, settings: dict[str, str] | None = None):
        super().__init__(folder, settings)
        controller = free_port()
        while controller == self.port:
            controller = free_port()
        self.settings = apache_kafka.settings(self.port, controller, folder / "data", self.settings)
        self.properties = apache_kafka.write(folder, self.settings)
        apache_kafka.format_storage(self._java(), self.properties, apache_kafka.alone(self.settings))

    @staticmethod
    def _java() -> list[str]:
        return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", paths.java_classpath()]

    def command(self) -> list[str]:
        return apache_kafka.command(self._java(), self.properties)


def new_broker(folder: Path, settings: dict[str, str] | None = None) -> Broker:
    """The broker that $BROKER names (barnabas unless told otherwise), not started."""
    kind = os.environ.get("BROKER", "barnabas")
    kinds = {"barnabas": Barnabas, "kafka": ApacheKafka}
    if kind not in kinds:
        raise ValueError(f"BROKER={kind}: one of {', '.join(kinds)}")
    return kinds[kind](folder, settings)
