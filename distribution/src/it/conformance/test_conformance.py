"""The conformance table is told from one that is wrong, in each way in which it can be."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import conformance

ITEMS = {"greeting": ("Greeting", "flags 3"), "list": ("LIST", "names")}
PROOFS = [
    ("greeting", "probe-greeting", "raw socket", "PASS"),
    ("list", "clients-list", "nbdinfo 1.14.2", "PASS"),
    ("list", "clients-old", "nbd-client 3.24", "PASS"),
]


class Table(unittest.TestCase):
    def setUp(self):
        self.lines = conformance.table(ITEMS, PROOFS)

    def differs(self, items, proofs, lines, text):
        found = conformance.differences(items, proofs, lines)
        self.assertTrue(any(text in line for line in found), found)

    def test_what_was_written_agrees(self):
        self.assertEqual([], conformance.differences(ITEMS, PROOFS, self.lines))

    def test_another_version_of_a_client_agrees(self):
        newer = [(i, case, client.replace("1.14.2", "1.20.0"), r) for i, case, client, r in PROOFS]
        self.assertEqual([], conformance.differences(ITEMS, newer, self.lines))

    def test_a_row_is_missing(self):
        self.differs(ITEMS, PROOFS, self.lines[:-1], "LIST: no row")

    def test_a_row_too_many(self):
        self.differs(ITEMS, PROOFS, self.lines + ["| More | x | y | z |"], "without an item")

    def test_a_row_twice(self):
        self.differs(ITEMS, PROOFS, self.lines + self.lines[-1:], "two rows")

    def test_another_rule(self):
        lines = [line.replace("flags 3", "flags 1") for line in self.lines]
        self.differs(ITEMS, PROOFS, lines, "the items 'flags 3'")

    def test_nothing_proves_it(self):
        self.differs(ITEMS, PROOFS[1:], self.lines, "Greeting: no case proves it")

    def test_one_of_two_clients_no_longer_proves_it(self):
        self.differs(ITEMS, PROOFS[:2], self.lines, "nbd-client is in its row, and did not")

    def test_a_client_that_is_not_in_the_row(self):
        more = PROOFS + [("list", "clients-list", "qemu-nbd 7.2", "PASS")]
        self.differs(ITEMS, more, self.lines, "qemu-nbd proved it, and is not in its row")

    def test_a_case_that_is_not_in_the_row(self):
        more = PROOFS + [("list", "clients-other", "nbdinfo 1.14.2", "PASS")]
        self.differs(ITEMS, more, self.lines, "clients-other proved it")

    def test_a_row_that_nobody_ever_proved(self):
        lines = conformance.table(ITEMS, PROOFS[1:])
        skipped = [("greeting", "probe-greeting", "raw socket", "SKIP")] + PROOFS[1:]
        self.differs(ITEMS, skipped, lines, "Greeting: a row without a client")

    def test_a_skipped_case_is_neither(self):
        skipped = PROOFS[:2] + [("list", "clients-old", "nbd-client 3.24", "SKIP")]
        self.assertEqual([], conformance.differences(ITEMS, skipped, self.lines))

    def test_no_such_item(self):
        self.differs(ITEMS, PROOFS + [("nope", "a", "b", "PASS")], self.lines, "is no item")

    def test_update_and_check_of_files(self):
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            (directory / "items").write_text("# x\ngreeting | Greeting | flags 3\n")
            (directory / "a.tsv").write_text("greeting\tprobe-greeting\traw socket\tPASS\n")
            readme = directory / "README.md"
            readme.write_text(f"before\n{conformance.BEGIN}\n{conformance.END}\nafter\n")
            options = ["--items", str(directory / "items"), "--proofs", str(directory)]
            options += ["--readme", str(readme)]
            self.assertEqual(1, conformance.main(["check"] + options))
            self.assertEqual(0, conformance.main(["update"] + options))
            self.assertEqual(0, conformance.main(["check"] + options))
            self.assertTrue(readme.read_text().startswith("before\n"))
            self.assertTrue(readme.read_text().endswith("\nafter\n"))
            (directory / "a.tsv").write_text("")
            self.assertEqual(1, conformance.main(["check"] + options))


if __name__ == "__main__":
    unittest.main()
