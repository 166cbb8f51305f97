"""An engine and the image for all tests of this folder. Where there can be no engine they are skipped, by name."""

import subprocess
import uuid

import pytest

from harness import paths
from images.engine import Container, Engine, NotAllowed

IMAGE = "barnabas:latest"


@pytest.fixture(scope="session")
def engine():
    """A container engine with the image in it."""
    why_not = Engine.why_not()
    if why_not:
        pytest.skip(why_not)
    if b"/ld-linux" in paths.barnabas_binary().read_bytes()[:4096]:
        pytest.skip("the binary is not static, as an image from nothing needs it: scripts/test compat images builds one")
    try:
        engine = Engine.start()
    except NotAllowed as why:
        pytest.skip(str(why))
    try:
        environment = {**engine.environment, "BARNABAS_STATIC": str(paths.barnabas_binary())}
        subprocess.run([paths.REPOSITORY / "scripts" / "image", IMAGE], env=environment, check=True, timeout=300)
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def run(engine):
    """run(*OPTIONS, command=[…], env={…}): a container of the image, removed after the test."""
    started = []

    def start(*options: str, command: list[str] = (), env: dict[str, str] | None = None) -> Container:
        variables = [f"--env={name}={value}" for name, value in (env or {}).items()]
        container = Container(engine, *options, *variables, IMAGE, *command)
        started.append(container)
        return container

    yield start
    for container in started:
        container.__exit__()


@pytest.fixture
def volume(engine):
    """The name of a new volume."""
    name = f"volume-{uuid.uuid4().hex[:8]}"
    engine.run("volume", "create", name)
    yield name
    engine.run("volume", "rm", "--force", name)


@pytest.fixture
def network(engine):
    """The name of a new network."""
    name = f"network-{uuid.uuid4().hex[:8]}"
    engine.run("network", "create", name)
    yield name
    engine.run("network", "rm", name)
