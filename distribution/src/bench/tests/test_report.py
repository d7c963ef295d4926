"""Marks and reports, made of figures that are known."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import cost  # noqa: E402
import marks  # noqa: E402
import report  # noqa: E402
from measure import KIB  # noqa: E402
from nbdclient import READ, WRITE, Batch  # noqa: E402

MACHINE = {"cpu": "c", "cpus": 2, "kernel": "k", "java": "j", "qemu": "q", "nbdkit": "n", "fio": "f",
           "load": "0"}
SETTINGS = {"rounds": 7, "seconds": 0.5, "size_mib": 64, "seed": 1, "cost": "bound"}


def figure(value, **more):
    return dict({"value": value, "unit": "kIOPS", "requests": 1, "seconds": 1,
                 "cpu_us_per_request": 1, "p99_us": 1}, **more)


def cost_figure(throughput_ratios):
    return {"shape": "4k-write-qd1", "text": "chain of three / bare", "pair": "chain3",
            "bound": 0.95, "throughput_ratios": throughput_ratios, "cpu_ratios": [1.1] * 8,
            "us": {"A": 5, "B": 4}, "cpu_us": {"A": 3, "B": 2}}


def results(default, copy_before_write, rounds=7):
    found = report.Results()
    for number in range(rounds):
        drift = 1 + number / 10
        found.add("shm", "cow-4k-qd1-first", "sluice-default",
                  figure(default * drift, copied_per_written=1.0, filled_per_written=1.25))
        found.add("shm", "cow-4k-qd1-first", "qsd-cbw", figure(copy_before_write * drift))
    return found


class MarksTest(unittest.TestCase):
    def test_a_promise_is_judged_by_the_ratios_within_rounds(self):
        for default, verdict in ((42, "met"), (38, "short")):
            (mark,) = marks.marks(results(default, 10))
            self.assertEqual(verdict, mark.verdict, mark.text)
            self.assertAlmostEqual(default / 10, mark.estimate.median)

    def test_rounds_on_both_sides_of_the_bound_decide_nothing(self):
        found = results(42, 10)
        found.figures["shm"]["cow-4k-qd1-first"]["sluice-default"][3]["value"] = 1
        (mark,) = marks.marks(found)
        self.assertEqual("not decided", mark.verdict)
        self.assertIn("**not decided**", report.markdown(found, SETTINGS, MACHINE))

    def test_a_peak_is_judged_as_it_is(self):
        found = report.Results()
        found.peaks = {"sluice (shm)": 301 << 20, "qsd (shm)": 900 << 20}
        (mark,) = marks.marks(found)
        self.assertEqual("short", mark.verdict)

    def test_a_cost_has_its_processor_time_beside_it(self):
        found = report.Results()
        for left in (0.90, 0.91):
            found.add_cost("shm", cost_figure([left] * 8))
        (mark,) = marks.marks(found)
        self.assertEqual("short", mark.verdict)
        self.assertIn("1.100 (1.100 to 1.100)", report.markdown(found, SETTINGS, MACHINE))

    def test_two_lives_that_differ_decide_nothing(self):
        found = report.Results()
        for left in (0.90, 0.99):
            found.add_cost("shm", cost_figure([left] * 8))
        (mark,) = marks.marks(found)
        self.assertEqual("not decided", mark.verdict)
        self.assertEqual((0.90, 0.99), (mark.estimate.low, mark.estimate.high))

    def test_bytes_saved_are_in_the_report(self):
        self.assertIn("| shm | cow-4k-qd1-first | sluice-default | 1.00 | 1.25 |",
                      report.markdown(results(42, 10), SETTINGS, MACHINE))


class ShapesTest(unittest.TestCase):
    def test_first_touches_meet_each_stride_once(self):
        size_bytes = 4 << 20
        for shape in cost.FIRST_TOUCHES:
            offsets = list(shape.offsets(size_bytes, 7))
            strides = [offset // shape.stride_bytes for offset in offsets]
            self.assertEqual(list(range(size_bytes // shape.stride_bytes)), strides)
            self.assertTrue(all(offset % shape.block_bytes == 0 for offset in offsets))

    def test_both_sides_get_the_same_offsets_inside_the_device(self):
        for shape in cost.READS + cost.WRITES:
            one, other = (shape.offsets(8 << 20, 7) for _ in range(2))
            for _ in range(1000):
                offset = next(one)
                self.assertEqual(offset, next(other))
                self.assertLessEqual(offset + shape.block_bytes, 8 << 20)

    def test_what_is_quick_exists(self):
        self.assertLessEqual(set(cost.QUICK), set(cost.names()))

    def test_a_failed_request_is_seen(self):
        for operation in (READ, WRITE):
            batch = Batch(operation, 4 * KIB, 4)
            good = b"\x67\x44\x66\x98" + bytes(12) + bytes(0 if operation == WRITE else 4 * KIB)
            bad = b"\x67\x44\x66\x98\0\0\0\x05" + good[8:]
            self.assertIsNone(batch.finish(Canned(good * 4)))
            for replies in (good * 3 + bad, bad + good * 3, bytes(len(good) * 4)):
                with self.assertRaises(Exception) as caught:
                    batch.finish(Canned(replies))
                self.assertIn("a request failed", str(caught.exception))


class Canned:
    """A connection that answers with bytes that are known."""

    export = "canned"

    def __init__(self, replies):
        self.replies = replies

    def receive_into(self, view):
        view[:] = self.replies[:len(view)]


if __name__ == "__main__":
    unittest.main()
