"""docs/asvs.md names a test for each item of ASVS: each of them exists."""

import re

from program import ROOT

CHAPTERS = {"2", "3", "4", "5", "7", "8", "9", "13", "14"}


def rows():
    """(item, test) of each row."""
    text = (ROOT / "docs/asvs.md").read_text(encoding="utf-8")
    found = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in text.splitlines() if re.match(r"\| \d", line)]
    return [(cells[0], cells[-1]) for cells in found]


def known_tests():
    """Names of all tests in C and Python."""
    names = set()
    for path in [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "tests/unit").rglob("*.c")]:
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r"^def (test_\w+)|^static void (\w+)\(void \*\*state\)", text, re.M))
    return {name for pair in names for name in pair if name}


def test_each_item_of_asvs_has_a_test_that_exists():
    table, names = rows(), known_tests()
    assert {item.split(".")[0] for item, _ in table} == CHAPTERS
    assert [(item, test) for item, test in table if test not in names] == []
