"""The files on disk, both ways: Apache Kafka's folders are imported and read, and Apache Kafka reads ours.

Apache Kafka writes its folders in the run: every codec, idempotent and transactional batches with aborts and one left open,
compacted, of several segments, of LogAppendTime, with headers and tombstones, with a start that was moved.
"""

import json
import os
import shutil

import pytest

from files.kafka import KafkasFolders, SETTINGS, barnabas, dump, files
from harness.broker import Barnabas

pytestmark = pytest.mark.skipif(os.environ.get("BROKER") == "kafka", reason="about barnabas and its files")

COMPLAINTS = ("ismatch", "out of order", "not found", "corrupt", "Could not", "xception", "isvalid: false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def kafkas(folder):
    return KafkasFolders(folder)


@pytest.fixture(scope="module")
def ours(folder):
    """A data folder that barnabas wrote alone, and what a consumer read from it."""
    broker = Barnabas(folder / "ours", SETTINGS)
    try:
        broker.start()
        files(broker, "write")
        lines = files(broker, "read")
        broker.stop()
    finally:
        broker.close()
    return folder / "ours" / "data", lines


def snapshot(path):
    """Every file of a folder, with its size and time."""
    return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.rglob("*")) if file.is_file()}


def check_dumps(data):
    """DumpLogSegments reads all of it without a complaint, and as many records as `log verify` counts."""
    log = [path for path in sorted(data.glob("*/*.log")) if "__" not in path.parent.name]
    offsets = sorted(data.glob("__consumer_offsets-*/*.log"))
    transactions = sorted(data.glob("__transaction_state-*/*.log"))
    side = [path for kind in ("index", "timeindex", "snapshot", "txnindex") for path in sorted(data.glob(f"*/*.{kind}"))]
    side = [path for path in side if path.stat().st_size > 0]
    texts = [
        dump([*log, *side], "--deep-iteration"),
        dump(offsets, "--offsets-decoder"),
        dump(transactions, "--transaction-log-decoder"),
    ]
    for text in texts:
        # Values are random bytes in some topics, and not printed; keys and headers hold none of these words.
        wrong = [line for line in text.splitlines() if any(word in line for word in COMPLAINTS)]
        assert not wrong, "\n".join(wrong[:20])
        gaps = [line for line in text.splitlines() if "Non-consecutive" in line and "files-compacted" not in line and "__" not in line]
        assert not gaps, "\n".join(gaps[:20])
    sanity = dump([path for path in side if path.suffix == ".index"], "--index-sanity-check")
    assert sanity.count("passed sanity check") == sum(path.suffix == ".index" for path in side)
    records = sum(text.count("| offset: ") for text in texts)
    counted = json.loads(barnabas("log", "verify", "--json", data).splitlines()[-1])
    assert (counted["faults"], counted["warnings"], counted["records"]) == (0, 0, records)
    assert '"group":"files-group"' in texts[1] and '"metadata":"half"' in texts[1]


@pytest.mark.parametrize("how", ["--copy", "--link"])
def test_folders_of_apache_kafka_are_imported_and_read_alike(kafkas, folder, how):
    """A node that was stopped is copied, one that was killed is linked."""
    source = kafkas.data if how == "--copy" else kafkas.killed
    before = snapshot(source)
    broker = Barnabas(folder / how.strip("-"), SETTINGS)
    data = broker.folder / "data"
    told = barnabas("import", source, "--data", data, "--dry-run", how)
    assert "topic files-codecs" in told and "cleanup.policy=compact" in told and not data.exists()
    assert "Taken over: 19 partitions of 9 topics." in barnabas("import", source, "--data", data, how)
    barnabas("log", "verify", data)
    try:
        broker.start()
        assert files(broker, "read") == kafkas.expected
        assert files(broker, "append")
        broker.stop()
    finally:
        broker.close()
    barnabas("log", "verify", data)
    assert snapshot(source) == before, "the source has changed"
    again = barnabas("import", source, "--data", data, code=1)
    assert "the data folder has a topic __consumer_offsets already" in again


class TakingOver(Barnabas):
    """A node in place of Apache Kafka's image: it takes its folder over by itself."""

    def command(self):
        return ["env", "BARNABAS_IMPORT=in-place", *super().command(), "--env"]


def test_a_start_in_place_of_another_image_takes_its_folder_over(kafkas, folder):
    broker = TakingOver(folder / "taken", SETTINGS)
    shutil.copytree(kafkas.data, broker.folder / "data", dirs_exist_ok=True)
    try:
        for _ in range(2):
            broker.start()
            assert files(broker, "read") == kafkas.expected
            broker.stop()
    finally:
        broker.close()


def test_dump_log_segments_reads_what_we_write(ours):
    check_dumps(ours[0])


def test_apache_kafka_opens_partitions_that_we_wrote(kafkas, ours):
    """Our folders take the place of those of the same topics; the id in partition.metadata is all that is not ours."""
    data, lines = ours
    for partition in sorted(data.glob("files-*")):
        theirs = kafkas.data / partition.name
        metadata = (theirs / "partition.metadata").read_bytes()
        shutil.rmtree(theirs)
        shutil.copytree(partition, theirs)
        (theirs / "partition.metadata").write_bytes(metadata)
    for name in ("recovery-point-offset-checkpoint", "replication-offset-checkpoint", "log-start-offset-checkpoint"):
        shutil.copy(data / name, kafkas.data / name)
    properties = kafkas.broker.properties
    properties.write_text(properties.read_text().replace("log.cleaner.enable=true", "log.cleaner.enable=false"))
    (kafkas.data / "cleaner-offset-checkpoint").unlink()
    (kafkas.data / ".kafka_cleanshutdown").unlink()
    try:
        kafkas.broker.start()
        records = [line for line in files(kafkas.broker, "read") if line.startswith("read_")]
    finally:
        kafkas.broker.close()
    assert records == [line for line in lines if line.startswith("read_")]
