"""Lists as one thing, their versions, and wide blocks that end by themselves unless confirmed."""
import json
import time

import pytest

from hosts import Service, lab, service, sh, wait_for

FAR = "203.0.113.9"


@pytest.fixture
def far(lab):
    """Host b has an address that no safe entry is near to."""
    sh("ip", "-n", lab.b, "addr", "add", f"{FAR}/32", "dev", lab.vb)
    sh("ip", "-n", lab.a, "route", "add", f"{FAR}/32", "via", lab.ip_b)
    assert lab.pings(lab.a, FAR) == 3
    return lab


@pytest.fixture
def hasty(far):
    """A service whose wide blocks want their confirmation within 10 s."""
    made = Service(far, config="[Block]\nconfirm = 10s\n")
    try:
        made.start()
        yield made
    finally:
        made.close()


def apply(service, path, lines, *options):
    """A version of the list "bad" from these lines; exit status and output."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return service.cli("block", "add", "--file", str(path), "--list", "bad", *options)


def row_of(service, value):
    """The row that shows this value."""
    rows = service.json("block", "list", "--all")["items"]
    return next((row for row in rows if row["value"] == value), None)


def test_a_list_drops_and_its_next_version_lets_go(far, service, tmp_path):
    others = [f"10.{i // 250}.{i % 250}.1" for i in range(3000)]
    status, _, err = apply(service, tmp_path / "list", ["# a comment", FAR, *others, "203.0.113.8/31"])
    assert status == 0, err
    wait_for(lambda: far.pings(far.a, FAR, count=1) == 0, 5, "the list drops")
    assert far.pings(far.a, far.ip_b) == 3
    assert row_of(service, "bad")["entries"] == 3002
    status, out, _ = service.cli("block", "test", FAR)
    assert status == 0 and "bad" in out
    assert apply(service, tmp_path / "list", others)[0] == 0
    wait_for(lambda: far.pings(far.a, FAR, count=1) == 1, 5, "the next version lets go")
    assert row_of(service, "bad")["entries"] == 3000


def test_hits_of_a_list_are_its_own_and_counted_once(far, service, tmp_path):
    def settled(*names):
        """Hits that two rounds find alike."""
        def same():
            seen = [row_of(service, name)["hits"] for name in names]
            time.sleep(2)  # rounds have no event to wait for
            return seen if seen == [row_of(service, name)["hits"] for name in names] else None
        return wait_for(same, 20, "hits settle")
    assert apply(service, tmp_path / "list", [FAR])[0] == 0
    wait_for(lambda: far.pings(far.a, FAR, count=2) == 0, 5, "the list drops")
    wait_for(lambda: row_of(service, "bad")["hits"], 20, "and counts")
    before = settled("bad")[0]
    assert service.cli("block", "add", "--file", str(tmp_path / "list"), "--list", "worse")[0] == 0
    wait_for(lambda: "worse" in service.cli("block", "test", FAR)[1], 5, "the second holds it")
    assert far.pings(far.a, FAR) == 0
    wait_for(lambda: row_of(service, "worse")["hits"], 20, "both count")
    bad, worse = settled("bad", "worse")
    assert worse and bad - worse == before, "what came before the second is not its own"
    assert service.stop() == 0
    service.start()
    assert settled("bad", "worse") == [bad, worse]


def test_wrong_lines_are_refused_one_by_one_or_all(far, service, tmp_path):
    lines = ["192.0.2.1", "not an address", "0.0.0.0/0", far.ip_a, "127.0.0.1", "fe80::/10",
             "192.0.2.300"]
    status, out, err = apply(service, tmp_path / "list", lines)
    said = out + err
    assert status == 0, said
    for number in range(2, 8):
        assert f"{number}" in said
    assert row_of(service, "bad")["entries"] == 1
    status, out, err = apply(service, tmp_path / "list", ["192.0.2.2", *lines], "--all-or-nothing")
    assert status != 0
    assert row_of(service, "bad")["entries"] == 1


def test_a_wide_block_ends_unless_it_is_confirmed(far, hasty):
    status, out, err = hasty.cli("block", "add", "203.0.112.0/22", "-o", "json")
    assert status == 0, err
    block = json.loads(out)
    assert block["state"] == "pending" and block["confirm_by"]
    assert far.pings(far.a, FAR, count=2) == 0
    began = time.monotonic()
    hasty.kill_all()
    assert far.pings(far.a, FAR, count=1) == 0, "also while nothing runs"
    wait_for(lambda: far.pings(far.a, FAR, count=1) == 1, 15, "traffic returns by itself")
    assert time.monotonic() - began < 12
    hasty.start()
    wait_for(lambda: row_of(hasty, "203.0.112.0/22")["state"] == "rolled_back", 5, "and says so")
    status, out, _ = hasty.cli("block", "add", "203.0.112.0/22", "-o", "json")
    assert hasty.cli("block", "confirm", str(json.loads(out)["id"]))[0] == 0
    assert row_of(hasty, "203.0.112.0/22")["state"] == "active"
    time.sleep(10.5)  # the time it would have ended at is the thing tested
    assert far.pings(far.a, FAR, count=2) == 0
