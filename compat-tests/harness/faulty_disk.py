"""A file system that turns read-only under open files when it is told to: an ext4 in a file."""

import subprocess
from pathlib import Path

DEADLINE_S = 30
BYTES = 256 << 20


class FaultyDisk:
    """Mounted at `path` as a context manager; where that can't be done, `mounted` is false."""

    def __init__(self, folder: Path):
        self.image = folder / "image"
        self.path = folder / "disk"
        self.mounted = False

    def __enter__(self) -> "FaultyDisk":
        self.path.mkdir(parents=True)
        with self.image.open("wb") as image:
            image.truncate(BYTES)
        commands = [
            ["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(self.image)],
            ["mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.path)],
        ]
        try:
            self.mounted = all(subprocess.run(one, capture_output=True, timeout=DEADLINE_S).returncode == 0 for one in commands)
        except FileNotFoundError:
            pass
        return self

    def __exit__(self, *_) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], capture_output=True, timeout=DEADLINE_S, check=True)

    def turn_read_only(self) -> None:
        """Nothing can be written any more."""
        source = subprocess.run(["findmnt", "-no", "SOURCE", str(self.path)], capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        device = source.stdout.strip().rpartition("/")[2]
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("for a test")
