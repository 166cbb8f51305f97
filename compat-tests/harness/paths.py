"""Where the suite finds and puts things. Everything built lies under target/compat."""

import os
from pathlib import Path

SUITE = Path(__file__).resolve().parent.parent
REPOSITORY = SUITE.parent
BUILT = REPOSITORY / "target" / "compat"

# Written by `setup java`: the class path of the clients, the tools and the broker of Apache Kafka.
JAVA_CLASSPATH = BUILT / "java" / "classpath.txt"


def barnabas_binary() -> Path:
    """The binary under test: $BARNABAS, else the release build."""
    binary = Path(os.environ.get("BARNABAS", REPOSITORY / "target" / "release" / "barnabas"))
    if not binary.exists():
        raise FileNotFoundError(f"{binary}: build it with cargo build --release, or set BARNABAS")
    return binary


def dynamic_binary() -> Path | None:
    """One that loads libraries of the system: that under test, else the debug build; the static one can't."""
    found = (barnabas_binary(), REPOSITORY / "target" / "debug" / "barnabas")
    return next((binary for binary in found if binary.exists() and is_dynamic(binary)), None)


def is_dynamic(binary: Path) -> bool:
    """Whether it names a loader of libraries."""
    with binary.open("rb") as file:
        return b"/ld-linux" in file.read(1 << 16)


def java_classpath() -> str:
    """Compiled client programs first, then every jar that Maven resolved."""
    jars = JAVA_CLASSPATH.read_text().strip()
    return f"{BUILT / 'java' / 'classes'}:{jars}"


def connect_classpath() -> str:
    """Every jar of a Kafka Connect worker."""
    return (BUILT / "java" / "connect.txt").read_text().strip()
