"""Tests of what needs no server: python3 -m unittest discover -s scripts/benchmark -t scripts"""

import unittest
import xml.etree.ElementTree

from benchmark import bars, plots, report, summary
from benchmark.workloads import everything


def measured(**servers):
    """A workload's results with one metric in some rounds."""
    samples = {kind: [{"cpu_s_per_gb": value} for value in values] for kind, values in servers.items()}
    return {"title": "a title", "shows": ["cpu_s_per_gb"], "samples": samples, "failed": {}}


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
