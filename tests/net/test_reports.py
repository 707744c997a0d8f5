"""Reports of a running demo, opened by other programs: qpdf, pdftotext, pdftoppm."""
import datetime
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from hosts import SLUICE, wait_for
from test_demo import Demo, log_in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

KINDS = {"general": "General overview", "incidents": "Security incidents",
         "traffic": "Traffic analysis", "anomaly": "Anomaly detection",
         "executive": "Executive summary"}


def output(*command):
    """What a command prints; it must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def sluice(demo, *words, check=True):
    """A command of the program."""
    return subprocess.run([SLUICE, *words, "--state", demo.state], check=check, timeout=60,
                          capture_output=True, text=True)


@pytest.fixture(scope="module")
def running():
    """One demo for all checks, with a first incident."""
    made = Demo("--seed", "7")
    try:
        made.until_serving()
        log_in(made)
        wait_for(lambda: made.json("incident", "list")["items"], 40, "the first incident")
        yield made
    finally:
        made.close()


def pdf(demo, kind):
    """A report as a file below the state directory."""
    path = f"{demo.state}/{kind}.pdf"
    sluice(demo, "report", "create", kind, "--file", path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_sound_pdf_marked_as_demo_on_every_page(running, kind):
    path = pdf(running, kind)
    assert b"No syntax or stream encoding errors" in output("qpdf", "--check", path)
    assert not subprocess.run(["pdftotext", path, "-"], check=True, capture_output=True).stderr
    facts = output("pdfinfo", path).decode()
    assert f"Title:           {KINDS[kind]}" in facts
    pages = int(re.search(r"Pages:\s+(\d+)", facts)[1])
    for page in range(1, pages + 1):
        text = output("pdftotext", "-layout", "-f", str(page), "-l", str(page), path, "-").decode()
        assert "Demo: simulated traffic" in text
        assert f"Page {page} of {pages}" in text
    assert KINDS[kind] in output("pdftotext", "-l", "1", path, "-").decode()
    drawn = output("pdftoppm", "-r", "30", "-gray", path)
    assert drawn.count(b"P5\n") == pages
    fonts = re.sub(rb" +", b" ", output("pdffonts", path)).splitlines()[2:]
    assert len(fonts) == 2 and all(b" yes yes yes " in font for font in fonts)  # embedded, a part


def test_its_numbers_are_those_of_the_api(running):
    day = ("--from", "2d", "--to", "3h")  # nothing is added to it any more
    sluice(running, "report", "create", "traffic", *day, "--format", "json", "--file",
           f"{running.state}/t.json")
    with open(f"{running.state}/t.json", encoding="utf-8") as file:
        document = json.load(file)
    begin, end = (datetime.datetime.fromisoformat(document[name].replace("Z", "+00:00")).timestamp()
                  for name in ("from", "to"))
    ago = int(time.time() - end) - 1800  # series end at whole steps: half a step from both
    status, series = running.http("GET", f"/api/v1/series?step=3600&seconds={end - begin:.0f}"
                                         f"&ago={ago}")
    assert status == 200, series
    for name in ("bytes_in", "bytes_out", "packets_in", "packets_out", "new_flows"):
        total = sum(item[name] for item in series["items"])
        assert document["summary"][name] == total
        assert sum(item[name] for item in document["series"]["items"]) == total
    assert document["summary"]["bytes_in"] > 0
    assert sum(map(sum, document["heat"])) == \
        document["summary"]["bytes_in"] + document["summary"]["bytes_out"]
    # the present hour grows: a report between two answers of the API is between them
    before = running.json("top", "--by", "src")
    sluice(running, "report", "create", "general", "--format", "json", "--file",
           f"{running.state}/g.json")
    after = len(running.json("incident", "list")["items"])
    with open(f"{running.state}/g.json", encoding="utf-8") as file:
        document = json.load(file)
    assert document["demo"] is True and before is not None
    assert 0 < document["incident_counts"]["total"] <= after
    assert len(document["incidents"]) == document["incident_counts"]["total"]
    now = running.http("GET", "/api/v1/top?by=src&hours=24&limit=20")[1]
    keys = {row["key"]: row["bytes"] for row in now["items"]}
    rows = [row for row in document["tops"]["sources"] if not row["is_others"]]
    assert rows and all(row["bytes"] <= keys.get(row["key"], row["bytes"]) for row in rows)
    assert any("Flows in the history hold" in text for text in document["findings"])  # its past
    csv = f"{running.state}/g.csv"
    sluice(running, "report", "create", "general", "--format", "csv", "--file", csv)
    with open(csv, encoding="utf-8") as file:
        text = file.read()
    assert text.startswith("kind,general\n") and "\nIncidents\nid,detector," in text


def test_long_names_are_whole_on_paper(running):
    path = pdf(running, "traffic")
    sluice(running, "report", "create", "traffic", "--format", "json", "--file",
           f"{running.state}/long.json")
    with open(f"{running.state}/long.json", encoding="utf-8") as file:
        names = [row["key"] for row in json.load(file)["tops"]["domains"]]
    drawn = re.sub(r"\s", "", output("pdftotext", "-raw", path, "-").decode())
    long = [name for name in names if len(name) > 50]  # of the DNS tunnel of its past
    assert len(long) >= 5
    assert sum(name in drawn for name in long) >= len(long) - 1  # one may have come in between


def test_orders_are_checked_and_files_stay_behind_the_login(running):
    for body, field in (({"kind": "all"}, "kind"), ({"kind": "traffic", "format": "doc"}, "format"),
                        ({"kind": "traffic", "from": "1h", "to": "2h"}, "from"),
                        ({"kind": "traffic", "from": "2000-01-01"}, "from"),
                        ({"kind": "traffic", "zone": "Europe/Nowhere"}, "zone"),
                        ({"kind": "traffic", "zone": "../../etc/passwd"}, "zone")):
        status, answer = running.http("POST", "/api/v1/reports", body)
        assert (status, answer["error"]["field"]) == (422, field), (body, answer)
    status, made = running.http("POST", "/api/v1/reports", {"kind": "executive"})
    assert status == 202 and made["state"] in ("queued", "making")
    path = f"/api/v1/reports/{made['id']}"
    done = wait_for(lambda: (r := running.http("GET", path)[1])["state"] == "done" and r, 20, "made")
    assert done["progress"] == 100 and len(done["sha256"]) == 64
    for place in (f"{path}/file", f"/download_report/{made['id']}.pdf",
                  f"/reports/download/sluice-executive-{made['id']}.pdf"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(running.url + place, timeout=10)
        assert refused.value.code == 401
        request = urllib.request.Request(running.url + place, headers={"Cookie": running.cookie})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read().startswith(b"%PDF-")
            assert f"sluice-executive-{made['id']}.pdf" in answer.headers["Content-Disposition"]
    form = urllib.parse.urlencode({"report_type": "traffic", "csrf": running.csrf}).encode()
    request = urllib.request.Request(running.url + "/generate_report", form,
                                     {"Cookie": running.cookie})
    opener = urllib.request.build_opener(NoRedirect)
    with pytest.raises(urllib.error.HTTPError) as led:
        opener.open(request, timeout=10)
    assert led.value.code == 303 and led.value.headers["Location"] == "/reports"
    assert running.http("DELETE", path)[0] == 204
    assert running.http("GET", path)[0] == 404
    assert not os.path.exists(f"{running.state}/reports/{made['id']}.pdf")


def test_a_queue_of_reports_is_drawn_without_waiting_for_the_last_process_to_be_gone(running):
    made = [running.http("POST", "/api/v1/reports", {"kind": "executive"}) for _ in range(12)]
    assert {status for status, _ in made} == {202}
    for _, report in made:
        path = f"/api/v1/reports/{report['id']}"
        ended = wait_for(lambda: (r := running.http("GET", path)[1])["state"] in ("done", "failed")
                         and r, 20, "its end")  # pylint: disable=cell-var-from-loop
        assert (ended["state"], ended["error"]) == ("done", None)
        assert running.http("DELETE", path)[0] == 204


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Answers as they are."""

    def redirect_request(self, *_):
        return None


def start_again(demo):
    """The same state again."""
    again = Demo.__new__(Demo)
    again.__dict__.update(demo.__dict__, output=[], url="")
    demo.process.stdout.close()
    again.process = demo.process = subprocess.Popen(
        demo.process.args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    again.until_serving()


def test_killed_in_the_middle_no_broken_file_is_left():
    demo = Demo()
    try:
        demo.until_serving()
        log_in(demo)
        for kind in 8 * ("general", "traffic"):  # much faster than they are made
            assert demo.http("POST", "/api/v1/reports", {"kind": kind})[0] == 202
        wait_for(lambda: any(row["state"] == "done"
                             for row in demo.json("report", "list")["items"]), 30, "the first one")
        demo.process.kill()  # its children end with it
        demo.process.wait(timeout=20)
        with open(f"{demo.state}/reports/7.pdf.Ab12Cd", "wb") as piece:
            piece.write(b"%PDF-1.3")
        start_again(demo)
        rows = {row["id"]: row for row in demo.json("report", "list")["items"]}
        files = os.listdir(f"{demo.state}/reports")
        done = [row for row in rows.values() if row["state"] == "done"]
        assert len(rows) == 16 and done and len(done) < 16
        assert sorted(files) == sorted(f"{row['id']}.pdf" for row in done)
        for row in done:
            path = f"{demo.state}/reports/{row['id']}.pdf"
            assert output("sha256sum", path).decode().split()[0] == row["sha256"]
            output("qpdf", "--check", path)
        assert {row["error"] for row in rows.values() if row["state"] == "failed"} == \
            {"The service ended while it was made."}
    finally:
        demo.close()


def test_clocks_put_back_within_the_period_are_said(running):
    days = ("--from", "2026-10-24T22:00:00Z", "--to", "2026-10-26T23:00:00Z", "--zone",
            "Europe/Berlin")
    sluice(running, "report", "create", "traffic", *days, "--file", f"{running.state}/d.pdf")
    text = output("pdftotext", "-l", "1", f"{running.state}/d.pdf", "-").decode()
    assert "2026-10-25 00:00 to 2026-10-27 00:00 (Europe/Berlin, UTC+02:00, then UTC+01:00)" in text
    sluice(running, "report", "create", "traffic", *days, "--format", "json", "--file",
           f"{running.state}/d.json")
    with open(f"{running.state}/d.json", encoding="utf-8") as file:
        document = json.load(file)
    assert document["zone_changes"] == [{"at": "2026-10-25T01:00:00.000Z", "offset_s": 3600}]


def test_a_missed_schedule_is_caught_up_once_and_pieces_are_removed():
    demo = Demo()
    try:
        demo.until_serving()
        words = sluice(demo, "report", "schedule", "executive", "--every", "daily", "--at", "00:00",
                       "--zone", "Europe/Berlin", "--format", "json")
        assert "next at" in words.stdout
        row = demo.json("report", "schedule")["items"][0]
        assert row["next_due"].endswith((":00:00.000Z")) and row["last_due"] is None
        demo.process.terminate()
        demo.process.wait(timeout=20)
        database = f"{demo.state}/demo-main.db"
        output("sqlite3", database,  # the service was away for 40 days; one was being made then
               "UPDATE report_schedules SET created_unix_ms = created_unix_ms - 40 * 86400000;"
               "INSERT INTO reports VALUES (90,0,0,1,0,3600000,'','x',unixepoch() * 1000,0,0,'',0,'');")
        for name in ("90.pdf.Ab12Cd", "90.pdf", "other"):
            with open(f"{demo.state}/reports/{name}", "wb") as piece:
                piece.write(b"%PDF-1.3")
        start_again(demo)

        def scheduled():
            rows = demo.json("report", "list")["items"]
            return [r for r in rows if r["schedule_id"] == 1 and r["state"] == "done"]
        made = wait_for(scheduled, 20, "the missed report")
        assert len(made) == 1 and len(demo.json("report", "list")["items"]) == 2
        assert demo.json("report", "schedule")["items"][0]["last_due"] is not None
        failed = demo.json("report", "list")["items"][1]
        assert (failed["id"], failed["state"]) == (90, "failed")
        assert os.listdir(f"{demo.state}/reports") == [f"{made[0]['id']}.json"]
    finally:
        demo.close()
