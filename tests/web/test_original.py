"""ORIGINAL.md as a table: a test for each of the original's routes, endpoints, fields and events."""

import csv
import datetime
import io
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from program import BINARY, PASSWORD, Program, until

VERA = ("vera", "seven grey umbrellas")
CSV_HEADER = "ID,Timestamp,Source IP,Destination IP,Protocol,Severity,Details,Resolved"
INCIDENT_KEYS = {"id", "timestamp", "src_ip", "dst_ip", "protocol", "details", "severity",
                 "resolved"}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are answers to look at."""

    def redirect_request(self, *_args):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


class Visitor:
    """A browser with a session."""

    def __init__(self, demo, name, password):
        self.url = demo.url
        self.cookie, self.csrf = demo.log_in(name, password)

    def ask(self, path, form=None, body=None, raw=False):
        """Status, headers and text (@raw: bytes); @form posts it with the token, @body as JSON."""
        headers = {"Cookie": self.cookie}
        data = None
        if form is not None:
            data = urllib.parse.urlencode({**form, "csrf": self.csrf}).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body).encode()
            headers.update({"Content-Type": "application/json", "X-CSRF-Token": self.csrf})
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        try:
            with OPENER.open(request, timeout=30) as answer:
                data = answer.read()
                return answer.status, answer.headers, data if raw else data.decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def json(self, path):
        """An answer of 200."""
        status, _, text = self.ask(path)
        assert status == 200, text
        return json.loads(text)

    def goes(self, path, form=None):
        """Where it leads to."""
        status, headers, text = self.ask(path, form)
        assert status == 303, (status, text)
        return headers["Location"]


@pytest.fixture(scope="module")
def demo():
    """A demo with an incident, its first password replaced, and a viewer."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    program.run("user", "add", VERA[0], "--role", "viewer", typed=VERA[1] + "\n")
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def admin(demo):
    """An admin, once there is an incident."""
    visitor = Visitor(demo, "admin", PASSWORD)
    until(lambda: visitor.json("/api/recent_incidents"), 30)
    return visitor


@pytest.fixture(scope="module")
def viewer(demo):
    """Somebody who may only look."""
    return Visitor(demo, *VERA)


@pytest.fixture(scope="module")
def nobody(demo):
    """A browser without a session."""
    visitor = Visitor(demo, *VERA)
    visitor.cookie = ""
    return visitor


def seconds(begin, end):
    """Between two times of the API."""
    begin, end = (datetime.datetime.fromisoformat(t.replace("Z", "+00:00")) for t in (begin, end))
    return (end - begin).total_seconds()


def blocks(admin):
    """Active blocks by value."""
    return {b["value"]: b for b in admin.json("/api/v1/blocks?active=1")["items"]}


# ---- 4.2 web routes ------------------------------------------------------------------------------

def test_route_index(admin, nobody):
    assert admin.goes("/") == "/dashboard" and nobody.goes("/") == "/login"


def test_route_login(demo, nobody):
    status, _, page = nobody.ask("/login")
    assert status == 200 and "admin/admin" not in page
    form = {"username": VERA[0], "password": VERA[1]}
    assert nobody.goes("/login", form) == "/dashboard"
    assert nobody.goes("/login", {**form, "password": "wrong"}) == "/login?failed=1"


def test_route_register(admin, viewer, demo):
    assert admin.goes("/register") == "/users"
    form = {"username": "ada", "email": "ada@example.com", "password": "a long enough one",
            "is_admin": "on"}
    assert viewer.goes("/register", form) == "/dashboard?refused=1"
    assert admin.goes("/register", form) == "/users"
    users = {u["name"]: u for u in admin.json("/api/v1/users")["items"]}
    assert (users["ada"]["role"], users["ada"]["email"]) == ("admin", "ada@example.com")
    assert admin.goes("/register", form) == "/users?refused=exists"
    assert admin.goes("/register", {**form, "username": "x y"}) == "/users?refused=invalid"


def test_route_logout(demo):
    leaving = Visitor(demo, *VERA)
    assert leaving.ask("/logout")[0] == 200, "a page that asks"
    assert leaving.ask("/api/v1/status")[0] == 200
    assert leaving.goes("/logout", {}) == "/login"
    assert leaving.ask("/api/v1/status")[0] == 401


@pytest.mark.parametrize("path", ["/dashboard", "/incidents", "/incidents/1", "/reports"])
def test_route_of_a_page(path, viewer, nobody):
    status, headers, _ = viewer.ask(path)
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert nobody.goes(path).startswith("/login")


def test_route_incidents_filters_by_the_original_s_parameters(admin):
    first = admin.json("/api/recent_incidents")[0]
    found = admin.json("/api/v1/incidents?src_ip=%s&resolved=no" % first["src_ip"])["items"]
    assert found and {i["src_ip"] for i in found} == {first["src_ip"]}
    assert admin.json("/api/v1/incidents?resolved=yes&src_ip=203.0.113.250")["items"] == []


def test_route_incident_detail(admin, viewer):
    row = admin.json("/api/recent_incidents")[-1]
    path = "/incidents/%d" % row["id"]
    form = {"notes": "looked at <b>it</b>", "resolved": "on"}
    assert viewer.goes(path, form) == "/dashboard?refused=1"
    assert admin.goes(path, form) == path
    after = admin.json("/api/v1" + path)
    assert after["state"] == "resolved" and after["notes"][-1]["text"] == "looked at <b>it</b>"
    assert admin.goes(path, {"notes": "", "block_src_ip": "on"}) in (path, path + "?refused=1")
    assert admin.json("/api/v1" + path)["state"] == "open", "the box was not checked"
    block = blocks(admin).get(row["src_ip"])
    assert block is None or (block["reason"] == "Blocked from incident #%d" % row["id"]
                             and block["incident_id"] == row["id"])


def test_route_config(admin, viewer):
    assert admin.goes("/config") == "/settings"
    assert viewer.goes("/config", {}) == "/dashboard?refused=1"
    items = {i["key"]: i for i in admin.json("/api/v1/settings")["items"]}
    number = items["Block.confirm"]["id"]
    assert admin.goes("/config", {"config_%d" % number: "45s"}) == "/settings"
    until(lambda: {i["key"]: i for i in admin.json("/api/v1/settings")["items"]}[
        "Block.confirm"]["value"] == "45s")
    assert admin.goes("/config", {"config_%d" % number: "nonsense"}) == (
        "/settings?refused=Block.confirm")
    risky = items["Control.group_role"]["id"]
    assert admin.goes("/config", {"config_%d" % risky: "viewer"}) == (
        "/settings?refused=Control.group_role")


def test_route_block_ip(admin, viewer):
    form = {"ip_address": "203.0.113.5", "reason": "it scans"}
    assert viewer.goes("/block_ip", form) == "/dashboard?refused=1"
    assert admin.goes("/block_ip", form) == "/blocks"
    assert blocks(admin)["203.0.113.5"]["reason"] == "it scans"
    assert admin.goes("/block_ip", {"ip_address": "300.1.2.3"}) == "/blocks?refused=1"
    assert admin.goes("/block_ip", {"ip_address": "203.0.113.4", "ttl": "2h"}) == "/blocks"
    made = blocks(admin)["203.0.113.4"]
    assert seconds(made["created"], made["expires"]) == pytest.approx(7200, abs=2)
    for ttl in ("2 years", "-1h", "0"):
        form = {"ip_address": "203.0.113.3", "ttl": ttl}
        assert admin.goes("/block_ip", form) == "/blocks?refused=1", ttl


def test_route_block_domain(admin):
    assert admin.goes("/block_domain", {"domain": "ads.example.com", "reason": "ads"}) == "/blocks"
    assert blocks(admin)["ads.example.com"]["kind"] == "domain"
    assert admin.goes("/block_domain", {"domain": "no domain"}) == "/blocks?refused=1"


@pytest.mark.parametrize("path, form, value", [
    ("/unblock_ip", {"ip_address": "203.0.113.6"}, "203.0.113.6"),
    ("/unblock_domain", {"domain": "b.example.com"}, "b.example.com")])
def test_route_unblock(admin, viewer, path, form, value):
    admin.goes(path.replace("un", "", 1), form)
    link = "%s/%d" % (path, blocks(admin)[value]["id"])
    assert admin.ask(link)[0] == 200 and value in blocks(admin), "a link changes nothing"
    assert viewer.goes(link, {}) == "/dashboard?refused=1"
    assert admin.goes(link, {}) == "/blocks" and value not in blocks(admin)
    kept = admin.json("/api/v1/blocks")["items"]
    assert {b["value"]: b["state"] for b in kept}[value] == "removed", "kept for the audit"


@pytest.mark.parametrize("path", ["/generate_report", "/reports/generate"])
def test_route_generate_report(admin, viewer, path):
    assert viewer.goes(path, {"report_type": "general"}) == "/dashboard?refused=1"
    assert admin.goes(path, {"report_type": "general"}) == "/reports"
    assert admin.goes(path, {"report_type": "nonsense"}) == "/reports?refused=1"
    week = {"report_type": "traffic", "period": "7d", "format": "json"}
    assert admin.goes(path, week) == "/reports"
    made = admin.json("/api/v1/reports?limit=1")["items"][0]
    assert (made["kind"], made["format"]) == ("traffic", "json")
    assert seconds(made["from"], made["to"]) == 7 * 86400
    assert admin.goes(path, {**week, "period": "week"}) == "/reports?refused=1"
    assert admin.goes(path, {**week, "format": "docx"}) == "/reports?refused=1"


@pytest.mark.parametrize("kind", ["general", "incidents", "traffic", "anomaly"])
def test_each_report_of_the_original_opens_by_both_of_its_links(admin, viewer, kind):
    assert admin.goes("/generate_report", {"report_type": kind}) == "/reports"

    def newest():
        row = next(r for r in admin.json("/api/v1/reports?limit=20")["items"] if r["kind"] == kind)
        assert row["state"] != "failed", row
        return row if row["state"] == "done" else None

    until(newest, 30)
    for link in ("/download_report/%d.pdf", "/reports/download/%d.pdf"):
        status, headers, data = viewer.ask(link % newest()["id"], raw=True)
        assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
        assert status == 200 and headers["Content-Type"] == "application/pdf"
        assert headers["Content-Disposition"].startswith("attachment")
    assert viewer.ask("/download_report/999999.pdf")[0] == 404
    assert viewer.ask("/static/reports/report.pdf")[0] == 404, "nothing lies open"


def test_route_error_page(admin):
    status, headers, text = admin.ask("/api/v1/incidents/999999999")
    assert status == 404 and headers["X-Request-Id"]
    assert json.loads(text)["error"]["request_id"] == headers["X-Request-Id"]


def test_route_static_files_come_from_here_alone(nobody):
    page = nobody.ask("/login")[2]
    assert not re.search(r'(src|href)="(https?:)?//', page)


# ---- 4.3 API -------------------------------------------------------------------------------------

def test_api_stats_protocols(viewer):
    body = viewer.json("/api/stats/protocols")
    assert set(body) == {"labels", "data"} and len(body["labels"]) == len(body["data"]) > 0
    assert body["data"] == sorted(body["data"], reverse=True)


def test_api_stats_protocols_of_traffic(viewer):
    for of in ("packets", "bytes", "flows"):
        body = viewer.json("/api/stats/protocols?of=" + of)
        assert "TCP" in body["labels"] and len(body["labels"]) == len(body["data"])
        assert body["data"] == sorted(body["data"], reverse=True) and body["data"][-1] > 0
    assert viewer.json("/api/stats/protocols?of=incidents") == viewer.json("/api/stats/protocols")
    assert viewer.json("/api/stats/protocols?of=bytes&from=2001-01-01&to=2001-01-02") == {
        "labels": [], "data": []}
    assert viewer.ask("/api/stats/protocols?of=nonsense")[0] == 422
    assert viewer.ask("/api/stats/protocols?of=bytes&from=nonsense")[0] == 422


def test_api_stats_timeline_by_other_steps(viewer):
    quarters = viewer.json("/api/stats/timeline?hours=6&step=15")
    assert len(quarters["labels"]) == len(quarters["data"]) == 24
    assert {label[-2:] for label in quarters["labels"]} == {"00", "15", "30", "45"}
    assert len(viewer.json("/api/stats/timeline?hours=48&step=1440")["data"]) == 2
    for wrong in ("hours=1&step=61", "hours=744&step=1", "step=0", "step=1441", "step=x"):
        assert viewer.ask("/api/stats/timeline?" + wrong)[0] == 422, wrong


def test_api_stats_timeline(viewer):
    body = viewer.json("/api/stats/timeline")
    now = time.gmtime()
    assert len(body["labels"]) == len(body["data"]) == 24
    assert body["labels"][-1] in ("%02d:00" % now.tm_hour, "%02d:00" % ((now.tm_hour + 1) % 24))
    assert sum(body["data"]) >= 1
    east = viewer.json("/api/stats/timeline?tz=60&hours=48")
    assert len(east["labels"]) == 48
    assert (int(east["labels"][-1][:2]) - int(body["labels"][-1][:2])) % 24 in (1, 2)


def test_api_stats_severity(viewer):
    body = viewer.json("/api/stats/severity")
    assert body["labels"] == ["high", "low", "medium"] and len(body["data"]) == 3
    assert sum(body["data"]) >= 1


def test_api_recent_incidents(admin, viewer):
    rows = admin.json("/api/recent_incidents")
    assert 1 <= len(rows) <= 10 and INCIDENT_KEYS <= set(rows[0])
    assert rows[0]["severity"] in ("low", "medium", "high") and rows[0]["details"]
    assert viewer.json("/api/recent_incidents")[0]["details"] is None, "sealed for viewers"
    assert len(admin.json("/api/recent_incidents?limit=1")) == 1


def test_api_export_incidents_csv(admin):
    status, headers, text = admin.ask("/api/export_incidents")
    assert status == 200 and text.splitlines()[0] == CSV_HEADER
    assert headers["Content-Disposition"] == 'attachment; filename="incidents.csv"'
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", rows[0]["Timestamp"])
    assert {r["Resolved"] for r in rows} <= {"Yes", "No"}
    assert rows[0]["Source IP"] == admin.json("/api/recent_incidents")[0]["src_ip"]


def test_api_export_incidents_honours_its_filters(admin):
    path = "/api/export_incidents?severity=low&protocol=TCP&src_ip=203.0.113.251&resolved=yes"
    assert admin.ask(path)[2] == CSV_HEADER + "\r\n"
    rows = json.loads(admin.ask("/api/export_incidents?format=json")[2])
    assert rows and INCIDENT_KEYS <= set(rows[0])
    assert admin.ask("/api/export_incidents?format=xml")[0] == 422


def test_api_stop_and_start_analyzer(admin, viewer):
    assert viewer.ask("/api/stop_analyzer", body={})[0] == 403
    assert json.loads(admin.ask("/api/stop_analyzer", body={})[2]) == {
        "status": "stopped", "message": "Analyzer stopped successfully"}
    assert admin.json("/api/analyzer_status")["status"] == "stopped"
    # what was on its way is in the next second's snapshot; then nothing comes any more
    time.sleep(1.2)
    before = admin.json("/api/analyzer_status")["processed_packets"]
    time.sleep(1.2)
    assert admin.json("/api/analyzer_status")["processed_packets"] == before
    assert admin.json("/api/v1/status")["enforcement"] == "on"
    assert json.loads(admin.ask("/api/start_analyzer", body={})[2]) == {
        "status": "running", "message": "Analyzer started successfully"}
    until(lambda: admin.json("/api/analyzer_status")["processed_packets"] > before)


def test_api_stop_analyzer_may_release_blocks(admin):
    admin.ask("/api/stop_analyzer", body={"enforcement": "release"})
    until(lambda: admin.json("/api/v1/status")["enforcement"] == "panic")
    admin.ask("/api/start_analyzer", body={})
    until(lambda: admin.json("/api/v1/status")["enforcement"] == "on")
    assert admin.ask("/api/stop_analyzer", body={"enforcement": "?"})[0] == 422


def test_api_analyzer_status(viewer):
    body = viewer.json("/api/analyzer_status")
    assert body["status"] == "running" and re.fullmatch(r"\d+:\d\d:\d\d\.\d{6}", body["uptime"])
    assert body["uptime_seconds"] >= 0 and body["processed_packets"] > 0
    assert body["mode"] == "demo" and body["interfaces"] and body["version"]


# ---- 4.6 events ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def events(admin):
    """What a new live view is told, by name."""
    request = urllib.request.Request(admin.url + "/api/v1/events", headers={"Cookie": admin.cookie})
    found = {}
    with urllib.request.urlopen(request, timeout=30) as stream:
        name = ""
        for raw in stream:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                found.setdefault(name, json.loads(line[6:]))
            if {"analyzer_status", "statistics_update", "incidents_update"} <= set(found):
                break
    return found


def test_event_analyzer_status(events):
    assert events["analyzer_status"] == {"status": "running"}


def test_event_statistics_update(events):
    rows = events["statistics_update"]["stats"]
    assert rows and set(rows[0]) == {"ip_address", "packet_count", "byte_count", "port_count",
                                     "timestamp"}


def test_event_incidents_update(events):
    assert INCIDENT_KEYS <= set(events["incidents_update"][0])


def test_event_new_incident():
    program = Program(seed=3)
    try:
        program.claim()
        cookie, _ = program.log_in("admin", PASSWORD)
        request = urllib.request.Request(program.url + "/api/v1/events", headers={"Cookie": cookie})
        with urllib.request.urlopen(request, timeout=60) as stream:
            while next(stream) != b"event: new_incident\n":
                pass
            found = json.loads(next(stream)[len("data: "):])
        assert INCIDENT_KEYS <= set(found) and found["severity"] in ("low", "medium", "high")
    finally:
        program.stop()


# ---- 4.4 models ----------------------------------------------------------------------------------

# the original's model: where it is now, and its fields by their names here (in the order of the list)
MODELS = {
    "User": ("/api/v1/users", "id name email role created", "totp disabled last_login must_change"),
    "Incident": ("/api/recent_incidents", "id timestamp src_ip dst_ip protocol details severity "
                 "resolved", "state detector score first_seen last_seen count"),
    "AnalyzerConfig": ("/api/v1/settings", "id key value section help",
                       "type default min max"),
    "BlockedIP": ("/api/v1/blocks", "id value reason created author state",
                  "kind direction proto port expires source hits last_hit"),
    "BlockedDomain": ("/api/v1/blocks", "id value reason created author state",
                      "kind layers expires hits"),
    "PacketStatistics": ("/api/v1/hosts", "ip packets bytes ports last_seen", "flows name country"),
    "Report": ("/api/v1/reports", "id title created author kind",
               "from to format size sha256 schedule_id state"),
}


@pytest.mark.parametrize("model", MODELS)
def test_fields_of_the_models(admin, model):
    path, fields, added = MODELS[model]
    answer = admin.json(path)
    rows = answer if isinstance(answer, list) else answer["items"]
    if model == "Incident":
        rows = [{**rows[0], **admin.json("/api/v1/incidents/%d" % rows[0]["id"])}]
    if model == "BlockedDomain":
        rows = [row for row in rows if row["kind"] == "domain"]
    assert rows and set(fields.split()) | set(added.split()) <= set(rows[0])
    if model == "PacketStatistics":  # what was is_anomaly
        assert "flagged" in admin.json("/api/v1/model?ip=" + rows[0]["ip"])
