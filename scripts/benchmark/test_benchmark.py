"""Tests of what needs no server: python3 -m unittest discover -s scripts/benchmark -t scripts"""

import struct
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

from benchmark import bars, measure, plots, report, servers, storage, summary
from benchmark.workloads import everything


def measured(metric="cpu_s_per_gb", **kinds):
    """A workload's results with one metric in some rounds."""
    samples = {kind: [{metric: value} for value in values] for kind, values in kinds.items()}
    return {"title": "a title", "shows": [metric], "samples": samples, "failed": {}}


class Statistics(unittest.TestCase):
    def test_medians_and_ranges(self):
        found = summary.spread([{"p50_us": value} for value in [3, 1, 10]], "p50_us")
        self.assertEqual((found.median, found.least, found.most), (3, 1, 10))
        self.assertIsNone(summary.spread([], "p50_us"))
        self.assertIsNone(summary.spread([{"p50_us": None}, {}], "p50_us"))

    def test_times_better_knows_which_way_is_better(self):
        self.assertEqual(summary.times_better("gb_per_s", 6, 2), 3)
        self.assertEqual(summary.times_better("cpu_s_per_gb", 0.5, 5), 10)
        self.assertIsNone(summary.times_better("gb_per_s", None, 2))
        self.assertIsNone(summary.times_better("kb_each", 2, -1.3), "less memory with connections than without: no ratio")

    def test_metrics_of_a_report(self):
        latency = {"count": 4, "p50": 1.0, "p90": 2.0, "p99": 3.0, "p999": 4.0, "max": 5.0}
        counts = {"requests": 100, "bytes": 2_000_000_000, "records": 1000, "latency_us": latency}
        of = {"seconds": 2.0, "cpu_seconds": 0.5, "resident_bytes": 2**20, "classes": {"produce": counts}}
        metrics = summary.metrics_of_report(of, "produce")
        self.assertEqual((metrics["cpu_s_per_gb"], metrics["gb_per_s"], metrics["cpu_us_per_request"]), (0.25, 1.0, 5000))
        self.assertEqual((metrics["requests_per_s"], metrics["p99_us"], metrics["resident_mb"], metrics["cpu_cores"]), (50, 3.0, 1.0, 0.25))
        with self.assertRaises(ValueError):
            summary.metrics_of_report(of, "fetch")


class Verdicts(unittest.TestCase):
    def test_a_bar_is_met_missed_or_not_measured(self):
        rows = {what: checks for what, checks in bars.verdicts({"produce/batch-16K": measured(floor=[0.3], barnabas=[0.35, 0.38, 0.36], kafka=[6.5])})}
        self.assertEqual([check.holds for check in rows["produce, 16 KiB batches, 4 connections"]], [True, True, True])
        self.assertEqual({check.holds for check in rows["fetch hot"]}, {None})
        rows = dict(bars.verdicts({"produce/batch-16K": measured(floor=[0.3], barnabas=[0.5], kafka=[4])}))
        self.assertEqual([check.holds for check in rows["produce, 16 KiB batches, 4 connections"]], [False, False, False])

    def test_the_bars_of_the_log(self):
        def verdict(row, name, metric, **kinds):
            found = dict(bars.verdicts({name: measured(metric, **kinds)}))[row]
            return [check.holds for check in found if check.holds is not None]

        for row, name, metric, good, bad in [
            ("recovery of unflushed data after a crash", "storage/recovery", "of_disk", 0.6, 0.4),
            ("producer beside a compaction, p99", "storage/beside-compaction", "times_alone", 1.9, 2.1),
            ("producer beside a cold reader, p99", "storage/beside-cold-reader", "times_alone", 1.9, 2.1),
            ("retention deletes 1,000 segments", "storage/beside-retention", "pause_ms", -0.2, 5.1),
            ("clean start with 20,000 partitions", "start/partitions-20000", "resident_mb", 99, 101),
        ]:
            self.assertEqual(verdict(row, name, metric, barnabas=[good]), [True], row)
            self.assertEqual(verdict(row, name, metric, barnabas=[bad]), [False], row)
        compaction = ("compaction", "storage/compaction")
        self.assertEqual(verdict(*compaction, "records_per_s", barnabas=[3.1e5], kafka=[1e5]), [True])
        self.assertEqual(verdict(*compaction, "records_per_s", barnabas=[2.9e5], kafka=[1e5]), [False])
        self.assertEqual(verdict(*compaction, "cpu_s_per_m_records", barnabas=[1.1], kafka=[1]), [False])

    def test_a_curve_must_stay_flat(self):
        workloads = {f"growth/consumers/{count}": measured(barnabas=[value]) for count, value in [(10, 1.2), (1, 1.0), (200, 1.6)]}
        self.assertEqual(bars.curve(workloads, "growth/consumers", "barnabas", "cpu_s_per_gb"), [(1, 1.0), (10, 1.2), (200, 1.6)])
        self.assertFalse(bars.flat("growth/consumers", "cpu_s_per_gb", 1.5)(workloads).holds)
        self.assertTrue(bars.flat("growth/consumers", "cpu_s_per_gb", 1.7)(workloads).holds)

    def test_every_row_names_workloads_that_exist(self):
        names = {workload.name for workload in everything()}
        self.assertEqual(len(names), len(everything()), "names are unique")
        asked = set()

        class Asked(dict):
            def __contains__(self, name):
                asked.add(name)
                return False

            def get(self, name, default=None):
                asked.add(name)
                return default

        bars.verdicts(Asked())
        self.assertLessEqual(asked, names)


class Answers(unittest.TestCase):
    """What the brokers answer, and what they leave in their folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.broker = servers.Broker.__new__(servers.Broker)
        self.broker.kind, self.broker.data = "barnabas", Path(folder.name)

    def answering(self, answer):
        self.asked = []
        self.broker.call = lambda *request: self.asked.append(request) or answer

    def test_ends_of_partitions(self):
        def partitions(*those):
            return struct.pack(">ih3si", 1, 3, b"abc", len(those)) + b"".join(struct.pack(">ihqq", *one) for one in those)

        self.answering(partitions((1, 0, -1, 8), (0, 0, -1, 7)))
        self.assertEqual(self.broker.ends("abc", 2), [7, 8])
        self.assertEqual(self.asked, [(2, 1, struct.pack(">iih3siiqiq", -1, 1, 3, b"abc", 2, 0, -1, 1, -1))])
        self.answering(partitions((0, 0, -1, 7), (1, 5, -1, -1)))
        self.assertIsNone(self.broker.ends("abc", 2), "one of them is not there yet")

    def test_topics_are_made_and_changed(self):
        self.answering(struct.pack(">iih3shh", 0, 1, 3, b"abc", 0, -1))
        self.broker.create_topic("abc", 2, {"x": "y"})
        self.answering(struct.pack(">iih3shh", 0, 1, 3, b"abc", 36, -1))
        with self.assertRaisesRegex(RuntimeError, "CreateTopics answered error 36"):
            self.broker.create_topic("abc", 2)
        self.answering(struct.pack(">iihhbh3s", 0, 1, 40, -1, 2, 3, b"abc"))
        with self.assertRaisesRegex(RuntimeError, "IncrementalAlterConfigs answered error 40"):
            self.broker.alter_topic("abc", "cleanup.policy", "compact")

    def test_what_is_clean_and_what_is_active(self):
        for name in ["t-0/00000000000000000000.log", "t-0/00000000000000000700.log", "t-1/00000000000000000050.log", "t-1/00000000000000000050.index"]:
            path = self.broker.data / name
            path.parent.mkdir(exist_ok=True)
            path.touch()
        self.assertEqual(storage.active_segments(self.broker, "t"), {0: 700, 1: 50})
        self.assertEqual(storage.cleaned_to(self.broker, "t"), {})
        (self.broker.data / "cleaner-offset-checkpoint").write_text("0\n3\nt 0 700\nt 1 50\nother-t 0 3\n")
        self.assertEqual(storage.cleaned_to(self.broker, "t"), {0: 700, 1: 50})

    def test_files_are_read_and_dropped(self):
        path = self.broker.data / "t-0" / "00000000000000000000.log"
        path.parent.mkdir()
        path.write_bytes(bytes(3 << 20))
        (self.broker.data / "cleaner-offset-checkpoint").write_text("0")
        self.assertEqual(storage.files(self.broker, "*"), [path])
        self.assertEqual(storage.files(self.broker, "other-*"), [])
        storage.drop_cached([path])
        self.assertGreater(storage.read_speed([path]), 0)

    def test_deletions_are_seen(self):
        self.assertFalse(self.broker.has_deletions())
        (self.broker.data / "t-0.0123-delete").mkdir()
        self.assertTrue(self.broker.has_deletions())

    def test_disk_requests(self):
        lines = "254 0 vda 10 1 2 3 20 1 2 3 5 6 7 30 1 2 3 9 9\n  7 0 loop0 4 0 0 0 0 0 0 0 0 0 0\n"
        (self.broker.data / "diskstats").write_text(lines)
        self.assertEqual(measure.disk_requests(self.broker.data / "diskstats"), [(10, 20, 30, 5), (4, 0, 0, 0)])
        self.assertEqual(measure.disk_requests(self.broker.data / "none"), [])


class Times(unittest.TestCase):
    def test_nothing_is_measured_for_less_than_can_be_measured(self):
        run = measure.Run.__new__(measure.Run)
        run.scale = 0.1
        self.assertEqual([run.seconds(seconds) for seconds in [0, 0.2, 1.5, 30]], [0, 0.2, 0.5, 3])

    def test_waiting_has_an_end(self):
        left = [False, False, True]
        self.assertTrue(measure.wait_until(lambda: left.pop(0), 10, every=0))
        self.assertFalse(measure.wait_until(lambda: False, 0, every=0))

    def test_beside(self):
        found = storage.beside({"p99": 200, "max": 900}, {"p99": 300, "max": 1000})
        self.assertEqual(found, {"alone_p99_us": 200, "p99_us": 300, "times_alone": 1.5, "max_us": 1000})


class Documents(unittest.TestCase):
    def test_tables_hold_every_server(self):
        workloads = {"fetch/hot": measured(floor=[0.08], barnabas=[0.1, 0.2, 0.3], kafka=[1.0])}
        self.assertIn("| 0.20 (0.10–0.30) | 1.00 (1.00–1.00) | 5.00x | 0.40x |", report.results(workloads))
        self.assertIn("0.20 CPU-s/GB (missed); 2.50x floor (missed); 5.0x better than Kafka | missed |", report.bar(workloads))

    def test_content_goes_between_its_markers(self):
        text = "a\n<!-- measured: bar -->\nold\n<!-- end -->\nb\n<!-- measured: x -->\n<!-- end -->\n"
        self.assertEqual(report.replace(text, "bar", "new\n"), text.replace("old", "new"))
        with self.assertRaises(ValueError):
            report.replace(text, "y", "")

    def test_plots_are_well_formed(self):
        for series in [{"barnabas": [(1, 0.3), (10_000, 0.5)], "kafka": [(1, 6.0)]}, {"barnabas": []}, {"barnabas": [(1, 1)]}]:
            xml.etree.ElementTree.fromstring(plots.lines("title", "x", "y", series))


if __name__ == "__main__":
    unittest.main()
