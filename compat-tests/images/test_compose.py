"""The compose file of docs/DROP-IN.md, as it stands there."""

import re
import shutil
import subprocess
import uuid

import pytest

from harness import paths


def test_the_compose_file_of_the_docs(engine, tmp_path):
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("there is no docker-compose")
    text = (paths.REPOSITORY / "docs" / "DROP-IN.md").read_text()
    file = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("version"))
    (tmp_path / "docker-compose.yml").write_text(file)
    project = ["--project-name", f"compose{uuid.uuid4().hex[:8]}"]

    def run(*arguments):
        command = [compose, *project, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=engine.environment, capture_output=True, text=True, timeout=120)

    try:
        up = run("up", "--detach")
        assert up.returncode == 0, up.stdout + up.stderr
        reader = run("ps", "--quiet", "reader").stdout.strip()
        assert engine.run("wait", reader).stdout.strip() == "0", run("logs").stdout
        assert "PartitionCount: 3" in engine.run("logs", reader).stdout
    finally:
        down = run("down", "--volumes", "--timeout", "5")
    assert down.returncode == 0, down.stderr
