"""The conformance table of bundles/export-nbd/README.md: one row for each line of conformance/items,
proved by the interop tests.

    conformance.py update [OPTION...]    writes the table from what the last runs proved
    conformance.py check [OPTION...]     fails if the table and what was proved differ

A case of a test says `proves ITEM CLIENT` (see lib.sh). Once it has passed, `check` writes a line
to a file named after the script: item, case, client with its version, PASS; or SKIP for a case that was
skipped, whose row is then neither proved nor missed. A table differs if rows are missing, too many,
or say another client or case. The version may be another: the table says with which it was written.
"""

import argparse
import pathlib
import re
import sys

BEGIN = "<!-- conformance: written by distribution/src/it/conformance.py update -->"
END = "<!-- end of conformance -->"
HEAD = ["| Item | Here | Proved by | In the cases |", "|---|---|---|---|"]
ROOT = pathlib.Path(__file__).resolve().parents[3]


def read_items(path):
    """ID -> (title, rule), in order."""
    items = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            ident, title, rule = (part.strip() for part in line.split("|"))
            if ident in items:
                raise ValueError(f"{path}: {ident} is there twice")
            items[ident] = (title, rule)
    return items


def read_proofs(directory):
    """[(item, case, client, result)] of all scripts' last runs."""
    return [
        tuple(line.split("\t"))
        for file in sorted(directory.glob("*.tsv"))
        for line in file.read_text().splitlines()
    ]


def table(items, proofs):
    """The rows as they are written."""
    lines = list(HEAD)
    for ident, (title, rule) in items.items():
        mine = [proof for proof in proofs if proof[0] == ident and proof[3] == "PASS"]
        clients = sorted({client for _, _, client, _ in mine})
        cases = sorted({case for _, case, _, _ in mine})
        lines.append(f"| {title} | {rule} | {', '.join(clients)} | {', '.join(cases)} |")
    return lines


def written(readme):
    """The lines between the markers."""
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{readme}: the markers of the table must be there once")
    return text.split(BEGIN)[1].split(END)[0].strip().splitlines()


def unversioned(client):
    """'nbdinfo 1.14.2' -> 'nbdinfo'."""
    return re.sub(r" [0-9][^ ,]*", "", client)


def split(cell):
    return {part.strip() for part in cell.split(",") if part.strip()}


def cells(line):
    """The four cells of a row; what is no row of four is all title."""
    parts = [part.strip() for part in line.strip().removeprefix("|").removesuffix("|").split("|")]
    return parts if len(parts) == 4 else [line, "", "", ""]


def differences(items, proofs, lines):
    """What is wrong, in sentences; empty if table and proofs agree."""
    found = []
    for item, case, client, _ in proofs:
        if item not in items:
            found.append(f"{case} proves {item}, which is no item")
    rows = {}
    for line in lines[len(HEAD) :]:
        title, rule, clients, cases = cells(line)
        if title in rows:
            found.append(f"{title}: two rows")
        rows[title] = (rule, {unversioned(client) for client in split(clients)}, split(cases))
    if lines[: len(HEAD)] != HEAD:
        found.append("the table's head is another")
    for title in rows.keys() - {title for title, _ in items.values()}:
        found.append(f"{title}: a row without an item")
    for ident, (title, rule) in items.items():
        mine = [proof for proof in proofs if proof[0] == ident]
        if title not in rows:
            found.append(f"{title}: no row")
        elif not mine:
            found.append(f"{title}: no case proves it")
        else:
            found += compare(title, rule, mine, rows[title])
    return found


def compare(title, rule, proofs, row):
    """How one row differs. What was skipped may be in it or not."""
    found = []
    if row[0] != rule:
        found.append(f"{title}: the table says {row[0]!r}, the items {rule!r}")
    for index, what in ((1, "client"), (2, "case")):
        value = (lambda proof: unversioned(proof[2])) if index == 1 else (lambda proof: proof[1])
        proved = {value(proof) for proof in proofs if proof[3] == "PASS"}
        skipped = {value(proof) for proof in proofs if proof[3] == "SKIP"}
        for name in sorted(proved - row[index]):
            found.append(f"{title}: {what} {name} proved it, and is not in its row")
        for name in sorted(row[index] - proved - skipped):
            found.append(f"{title}: {what} {name} is in its row, and did not prove it")
        if not row[index]:
            found.append(f"{title}: a row without a {what}")
    return found


def update(items, proofs, readme):
    text = readme.read_text()
    written(readme)
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text("\n".join([before + BEGIN] + table(items, proofs) + [END]) + after)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["update", "check"])
    parser.add_argument("--items", type=pathlib.Path, default=ROOT / "distribution/src/it/conformance/items")
    parser.add_argument("--proofs", type=pathlib.Path, default=ROOT / "distribution/target/conformance")
    parser.add_argument("--readme", type=pathlib.Path, default=ROOT / "bundles/export-nbd/README.md")
    options = parser.parse_args(arguments)
    items = read_items(options.items)
    proofs = read_proofs(options.proofs)
    if options.verb == "update":
        update(items, proofs, options.readme)
        return 0
    found = differences(items, proofs, written(options.readme))
    print("\n".join(found) if found else f"{len(items)} rows agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
