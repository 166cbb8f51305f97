"""A container engine: the one that runs here, or one of Debian's docker.io that is started for the tests and ended with them."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

START_DEADLINE_S = 60
# What the system says where root may not do what an engine needs, as in most containers.
NOT_ALLOWED = ("ermission denied", "peration not permitted", "ou must be root")
# A container starts in a second; a machine that is busy may take its time.
READY_DEADLINE_S = 60


class NotAllowed(RuntimeError):
    """The system lets nobody here start an engine."""


class Engine:
    """Docker by its command line."""

    def __init__(self, host: str | None, daemon: subprocess.Popen | None = None, folder: Path | None = None):
        # Debian's client builds with BuildKit by itself; newer ones want a plugin for it.
        self.client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
        self.environment = {**os.environ, "DOCKER": self.client, "DOCKER_API_VERSION": "1.41"}
        if host:
            self.environment["DOCKER_HOST"] = host
        self._daemon, self._folder = daemon, folder

    @classmethod
    def why_not(cls) -> str | None:
        """Why there can be no engine here."""
        if cls(None).answers():
            return None
        if os.geteuid() != 0:
            return "no container engine answers, and without root none can be started"
        return None if shutil.which("dockerd") else "there is no container engine (apt-get install docker.io)"

    @classmethod
    def start(cls) -> "Engine":
        """The engine that answers, or one of its own."""
        running = cls(None)
        if running.answers():
            return running
        folder = Path(tempfile.mkdtemp(prefix="engine-"))
        host = f"unix://{folder}/sock"
        command = ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")]
        with (folder / "log").open("wb") as log:
            daemon = subprocess.Popen([*command, "-H", host], stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        engine = cls(host, daemon, folder)
        deadline = time.monotonic() + START_DEADLINE_S
        while not engine.answers():
            if daemon.poll() is not None or time.monotonic() > deadline:
                said = (folder / "log").read_text()[-2000:]
                engine.stop()
                kind = NotAllowed if any(why in said for why in NOT_ALLOWED) else RuntimeError
                raise kind(f"dockerd does not answer\n{said}")
            time.sleep(0.1)
        return engine

    def stop(self) -> None:
        """Ends the engine if it was started here."""
        if self._daemon is None:
            return
        self._daemon.terminate()
        try:
            self._daemon.wait(30)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def answers(self) -> bool:
        """Whether there is a daemon behind the client."""
        try:
            return self.run("version", check=False, deadline_s=10).returncode == 0
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return False

    def run(self, *arguments: str, check: bool = True, deadline_s: float = 60, stdin: str = "") -> subprocess.CompletedProcess:
        """`docker ARGUMENT…`; its output as text."""
        command = [self.client, *arguments]
        done = subprocess.run(command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=deadline_s)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done


class Container:
    """One container; a context manager that removes it."""

    def __init__(self, engine: Engine, *arguments: str):
        self.engine = engine
        self.id = engine.run("run", "--detach", *arguments).stdout.strip()

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_) -> None:
        self.engine.run("rm", "--force", self.id)

    def logs(self) -> str:
        """Standard output and error."""
        said = self.engine.run("logs", self.id)
        return said.stdout + said.stderr

    def stdout(self) -> str:
        """Standard output alone."""
        return self.engine.run("logs", self.id).stdout

    def wait_for(self, text: str) -> str:
        """The logs, once `text` is in them."""
        deadline = time.monotonic() + READY_DEADLINE_S
        while text not in (logs := self.logs()):
            state = self.engine.run("inspect", "--format", "{{.State.Running}}", self.id).stdout.strip()
            assert state == "true", f"it has ended without saying {text}\n{self.logs()}"
            assert time.monotonic() < deadline, f"it does not say {text}\n{logs}"
            time.sleep(0.05)
        return logs

    def ready(self) -> str:
        """The logs, once the node answers."""
        return self.wait_for("Kafka Server started")

    def exec(self, *command: str, check: bool = True, stdin: str = "", options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        """Runs a command in it."""
        return self.engine.run("exec", "--interactive", *options, self.id, *command, check=check, stdin=stdin)

    def port(self, inside: int = 9092) -> int:
        """The port of the machine that leads to one inside."""
        return int(self.engine.run("port", self.id, f"{inside}/tcp").stdout.splitlines()[0].rsplit(":", 1)[1])

    def address(self) -> str:
        """Its own address."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.engine.run("inspect", "--format", form, self.id).stdout.strip()

    def stop(self) -> tuple[float, int]:
        """`docker stop`: the seconds it took, and the exit code."""
        began = time.monotonic()
        self.engine.run("stop", self.id)
        took = time.monotonic() - began
        return took, int(self.engine.run("inspect", "--format", "{{.State.ExitCode}}", self.id).stdout)
