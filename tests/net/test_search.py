"""Searching the history of a running service: language, pages, sums, hunts, exports."""
import csv
import datetime
import io
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from hosts import SLUICE, wait_for
from test_demo import Demo, log_in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="setpriv needs root")


@pytest.fixture(scope="module")
def demo():
    """A demo with some hundred records on disk, logged in."""
    made = Demo("--speed", "5")
    try:
        made.until_serving()
        log_in(made)
        wait_for(lambda: len(flows(made, "since:1h")["items"]) > 300, 60, "records on disk")
        yield made
    finally:
        made.close()


def flows(demo, query, **more):
    """The answer to one search."""
    path = "/api/v1/flows?" + urllib.parse.urlencode({"q": query, **more})
    status, body = demo.http("GET", path)
    assert status == 200, body
    return body


def run(demo, *words):
    """(exit status, stdout, stderr) of a command."""
    done = subprocess.run([SLUICE, *words, "--state", demo.state], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def sql(demo, select, until, tail=""):
    """What the sqlite3 shell says of all records that ended before `until`, RFC 3339."""
    path = next(os.path.join(demo.state, name) for name in os.listdir(demo.state)
                if name.endswith("flows.db"))
    tables = subprocess.run(["sqlite3", "-readonly", path, ".tables flows_20%"], check=True,
                            capture_output=True, text=True).stdout.split()
    assert tables
    rows = " UNION ALL ".join(
        f"SELECT *, strftime('%s', '{t[6:10]}-{t[10:12]}-{t[12:14]} {t[14:16]}:00:00') * 1000"
        f" + end_ms AS at_ms FROM {t}" for t in tables)
    text = f"WITH rows AS ({rows}) {select} AND at_ms < strftime('%s', '{until}') * 1000 {tail}"
    out = subprocess.run(["sqlite3", "-readonly", path, text], check=True, capture_output=True,
                         text=True).stdout
    return [tuple(int(cell or 0) for cell in line.split("|")) for line in out.splitlines()]


def test_searches_and_sums_are_those_of_the_sqlite3_shell(demo):
    # well before its start: nothing is added to that any more
    began = datetime.datetime.fromisoformat(demo.began_at[:19])
    until = (began - datetime.timedelta(minutes=10)).isoformat() + "Z"
    for query, where in (("dport:443", "dst_port = 443"),
                         ("proto:udp OR bytes>20k", "(proto = 17 OR bytes_out + bytes_in > 20000)"),
                         ("-(dport:443) packets>=10",
                          "dst_port <> 443 AND packets_out + packets_in >= 10")):
        found = flows(demo, f"{query} until:{until}" if "OR" not in query
                      else f"({query}) until:{until}", limit=100000)
        assert found["complete"] is True and found["live"] is False and found["next"] is None
        count, total = sql(demo, "SELECT count(*), sum(bytes_out + bytes_in) FROM rows WHERE "
                           + where, until)[0]
        assert count > 0
        assert len(found["items"]) == count
        assert sum(f["bytes_out"] + f["bytes_in"] for f in found["items"]) == total
    path = "/api/v1/top?" + urllib.parse.urlencode({"by": "dport", "q": f"until:{until} proto:tcp",
                                                    "limit": 1000})
    status, top = demo.http("GET", path)
    assert status == 200 and top["exact"] is True and top["complete"] is True
    said = sorted((int(g["key"]), g["records"], g["bytes"]) for g in top["items"])
    assert said == sorted(sql(demo, "SELECT dst_port, count(*), sum(bytes_out + bytes_in) FROM "
                              "rows WHERE proto = 6", until, "GROUP BY 1"))


def test_hourly_sums_are_those_of_the_records(demo):
    """by the roll-ups: what is listed and the others are all that was recorded."""
    count = sql(demo, "SELECT count(*) FROM rows WHERE 1", "2100-01-01T00:00:00Z")[0][0]

    def summed():
        status, top = demo.http("GET", "/api/v1/top?by=dport&hours=26&limit=3")
        assert status == 200 and top["by"] == "dport"
        return (len(top["items"]) == 3 and any(g["key"] == "TCP/443" for g in top["items"])
                and sum(g["records"] for g in top["items"]) + top["others"]["records"] >= count)
    wait_for(summed, 30, "the sums of what was written before")
    code, out, _ = run(demo, "check", "--rebuild", "-o", "json")
    assert code == 0 and json.loads(out)["records"] >= count and json.loads(out)["changed"] == 0
    assert summed()
    flows_db = demo.http("GET", "/api/v1/store")[1]["flows"]
    assert 0 < flows_db["used_bytes"] <= flows_db["file_bytes"] <= flows_db["max_bytes"]
    assert demo.http("GET", "/api/v1/top?by=vlan&hours=2")[0] == 422
    assert demo.http("GET", "/api/v1/top?by=src&hours=x")[0] == 422


def test_what_was_ever_seen_is_listed_newest_first(demo):
    until = "2100-01-01T00:00:00Z"
    known = sql(demo, "SELECT count(DISTINCT dst) FROM rows WHERE 1", until)[0][0]

    def seen(kind, **more):
        path = "/api/v1/seen?" + urllib.parse.urlencode({"kind": kind, "limit": 1000, **more})
        status, body = demo.http("GET", path)
        assert status == 200, body
        return body["items"]
    wait_for(lambda: len(seen("destination")) >= known, 30, "every destination of a record")
    items = seen("destination")
    assert [i["first"] for i in items] == sorted((i["first"] for i in items), reverse=True)
    assert all(i["first"] <= i["last"] for i in items)
    part = seen("destination", q=items[0]["value"])
    assert [i["value"] for i in part] == [items[0]["value"]]
    assert seen("domain") and not seen("domain", q="no-such-name")
    pages, after = [], ""
    while after is not None:
        body = demo.http("GET", f"/api/v1/seen?kind=domain&limit=7&after={after}")[1]
        pages += [i["value"] for i in body["items"]]
        after = body["next"]
    assert len(set(pages)) == len(pages) >= len(seen("domain")) - 7
    for wrong, field in (("kind=x", "kind"), ("kind=mac&after=1.zz", "after"), ("", "kind")):
        status, body = demo.http("GET", "/api/v1/seen?" + wrong)
        assert (status, body["error"]["field"]) == (422, field)


def test_pages_join_without_gap_while_records_come_in(demo):
    whole = flows(demo, "proto:udp since:1h", limit=100000)["items"]
    seen, after = [], ""
    while True:
        page = flows(demo, "proto:udp since:1h", limit=37, **({"after": after} if after else {}))
        assert len(page["items"]) <= 37
        seen += page["items"]
        after = page["next"]
        if not after:
            break
    keys = [(f["id"], f["end"]) for f in seen]
    assert len(set(keys)) == len(keys)
    assert set((f["id"], f["end"]) for f in whole) <= set(keys)


def test_a_wrong_search_names_word_and_column(demo):
    status, body = demo.http("GET", "/api/v1/flows?q=proto:tcp+dprot:443")
    assert status == 422 and body["error"]["field"] == "q"
    assert "\"dprot\"" in body["error"]["message"] and "column 11" in body["error"]["message"]
    assert "dport" in body["error"]["message"]
    code, _, said = run(demo, "flows", "list", "proto:tcp", "src:nowhere")
    assert code == 1 and "\"nowhere\" is no address" in said and "column 15" in said
    for path in ("/api/v1/flows?after=x", "/api/v1/flows?q=since:1h&after=h1", "/api/v1/top?by=odd",
                 "/api/v1/top?by=src&order=odd", "/api/v1/flows?from=soon"):
        assert demo.http("GET", path)[0] == 422, path


def test_hunts_say_where_and_exit_by_it(demo):
    one = next(f for f in flows(demo, "sni:* since:1h")["items"])
    code, out, _ = run(demo, "hunt", one["src_ip"], "203.0.113.250", one["sni"], "-o", "json")
    assert code == 0
    address, nowhere, name = json.loads(out)["items"]
    assert address["count"] >= 1 and one["dst_ip"] in address["hosts"]
    assert address["first_seen"] <= one["start"] and address["last_seen"] >= one["end"]
    assert nowhere == {"indicator": "203.0.113.250", "kind": "address", "count": 0,
                       "first_seen": None, "last_seen": None, "hosts": [], "hosts_complete": True}
    assert name["kind"] == "domain" and one["src_ip"] in name["hosts"]
    assert run(demo, "hunt", "203.0.113.250")[0] == 1
    path = os.path.join(demo.state, "indicators.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# a report\n{one['src_ip'].replace('.', '[.]')}\n\nno_name\n")
    code, _, said = run(demo, "hunt", "-f", path)
    assert code == 2 and "line 4" in said and "no_name" in said


def test_exports_are_whole_and_guarded(demo):
    until = demo.began_at[:19] + "Z"
    expected = sql(demo, "SELECT count(*) FROM rows WHERE 1", until)[0][0]
    code, out, _ = run(demo, "export", "flows", f"until:{until}", "-o", "ndjson")
    assert code == 0
    objects = [json.loads(line) for line in out.splitlines()]
    assert len(objects) == expected
    request = urllib.request.Request(
        f"{demo.url}/api/v1/flows.csv?q=until:{until}", headers={"Cookie": demo.cookie})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="flows.csv"'
        rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert [row["id"] for row in rows] == [str(o["id"]) for o in objects]
    assert set(rows[0]) == set(objects[0])
    code, out, _ = run(demo, "export", "incidents")
    assert code == 0 and out.startswith("id,detector,severity,")
    code, _, said = run(demo, "export", "flows", "-o", "xml")
    assert code == 2 and "csv or ndjson" in said


def test_a_minus_before_a_condition_is_no_option(demo):
    code, out, _ = run(demo, "flows", "list", "since:1h", "-proto:udp", "-o", "json")
    assert code == 0
    items = json.loads(out)["items"]
    assert items and all(f["proto"] != "UDP" for f in items)
