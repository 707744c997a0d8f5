"""docs/original.md: each line of the original's list has its tests, and they exist."""

import re

import pytest

from test_asvs import known_tests
from program import ROOT

LIST = ROOT.parent / "shared" / "ORIGINAL.md"
ROW = re.compile(r"(?<!\\)\|")
SECTION = re.compile(r"## (4\.\d)\b")


def cells(line):
    """Of a row of a table."""
    return [cell.strip() for cell in ROW.split(line.strip().strip("|"))]


def table():
    """{section: [(line of the list, [tests])]}"""
    found, section = {}, None
    for line in (ROOT / "docs/original.md").read_text(encoding="utf-8").splitlines():
        section = SECTION.match(line)[1] if SECTION.match(line) else section
        if line.startswith("|") and not line.startswith(("|---", "| there")):
            there, _, tests = cells(line)
            found.setdefault(section, []).append((there, tests.split(", ")))
    return found


def wanted():
    """{section: [what stands there]} of the list itself: rows of its tables, points of 4.9."""
    found, section = {}, None
    for line in LIST.read_text(encoding="utf-8").splitlines():
        section = SECTION.match(line)[1] if SECTION.match(line) else section
        if line.startswith("## 4.10"):
            break
        point = re.match(r"(\d+)\. ", line)
        if section and line.startswith("|") and not re.match(r"\|[ -]*-|\| [S#] ", line):
            row = cells(line)
            name = row[0] if section == "4.1" else row[1]
            found.setdefault(section, []).extend([name] if name != "–" else [])
        elif section == "4.9" and point:
            found.setdefault(section, []).append(point[1])
    return found


def test_each_line_of_the_original_names_tests_that_exist():
    names = known_tests()
    assert set(table()) == {"4.%d" % n for n in range(1, 10)}
    missing = [(there, test) for rows in table().values() for there, tests in rows
               for test in tests if test not in names]
    assert missing == []


def test_no_line_of_the_original_is_missing():
    if not LIST.exists():
        pytest.skip("the original's list is not at hand")
    for section, names in wanted().items():
        have = [there for there, _ in table()[section]]
        if section in ("4.1", "4.9"):
            have = [there.split(" ")[0] for there in have]
        assert have == names, section
