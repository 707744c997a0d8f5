"""Settings over the API of the real program: what is in force, changed, refused, kept, audited."""

import pytest

from program import BINARY, PASSWORD, Program, until


@pytest.fixture(scope="module")
def demo():
    """One demo for the whole file, with its first password replaced."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def admin(demo):
    """Cookie and CSRF token of an admin."""
    return demo.log_in("admin", PASSWORD)


def settings(demo, admin):
    """All settings by key, and their version."""
    status, body, _ = demo.call("GET", "/settings", cookie=admin[0])
    assert status == 200
    return {item["key"]: item for item in body["items"]}, body["version"]


def change(demo, admin, changes, **more):
    """One change; status and answer."""
    return demo.call("PUT", "/settings", {"changes": changes, **more}, *admin)[:2]


def test_the_option_table_is_shown_with_bounds_sources_and_no_secret(demo, admin):
    items, _ = settings(demo, admin)
    confirm = items["Block.confirm"]
    assert (confirm["type"], confirm["value"], confirm["min"], confirm["max"]) == (
        "duration", "60s", 10, 3600)
    assert confirm["source"] == "default" and confirm["settable"] and not confirm["restart"]
    assert items["Capture.mode"]["words"] == ["auto", "xdp", "tc"]
    assert items["Web.listen"]["source"] == "command line"
    assert not items["Web.listen"]["settable"]
    assert not items["Store.key_file"]["settable"], "a path would be made with root's rights"
    assert items["API.virustotal_key"]["value"] is None


def test_a_change_is_in_force_at_once_kept_and_audited(demo, admin):
    assert change(demo, admin, {"Block.confirm": "90s"}) == (200, {
        "applied": True, "version": settings(demo, admin)[1],
        "changes": [{"key": "Block.confirm", "from": "60s", "to": "90s", "secret": False,
                     "restart": False, "risk": None}]})
    until(lambda: settings(demo, admin)[0]["Block.confirm"]["value"] == "90s")
    item = settings(demo, admin)[0]["Block.confirm"]
    assert item["source"] == "page" and item["stored"] == "90s" and not item["waiting"]
    assert "confirm = 90s" in (demo.state / "settings.conf").read_text()
    row = demo.call("GET", "/audit?action=settings.&limit=1", cookie=admin[0])[1]["items"][0]
    assert (row["who"], row["target"], row["detail"]["to"]) == ("admin", "Block.confirm", "90s")
    assert change(demo, admin, {"Block.confirm": None})[0] == 200
    until(lambda: settings(demo, admin)[0]["Block.confirm"]["source"] == "default")
    assert settings(demo, admin)[0]["Block.confirm"]["value"] == "60s"


def test_what_needs_a_restart_waits_for_it_and_is_said(demo, admin):
    assert change(demo, admin, {"Detect.alerts_per_day": 7})[1]["changes"][0]["restart"]
    item = settings(demo, admin)[0]["Detect.alerts_per_day"]
    assert (item["value"], item["stored"], item["waiting"]) == ("5", "7", True)
    change(demo, admin, {"Detect.alerts_per_day": None})
    assert not settings(demo, admin)[0]["Detect.alerts_per_day"]["waiting"]


def test_a_risky_change_is_shown_first_and_wants_a_confirmation(demo, admin):
    wish = {"Control.group_role": "viewer"}
    status, body = change(demo, admin, wish, dry_run=True)
    assert status == 200 and not body["applied"] and body["changes"][0]["risk"]
    status, body = change(demo, admin, wish)
    assert (status, body["error"]["code"], body["error"]["field"]) == (
        409, "confirm_needed", "Control.group_role")
    assert not settings(demo, admin)[0]["Control.group_role"]["is_stored"]
    assert change(demo, admin, wish, confirm=True)[1]["applied"]


@pytest.mark.parametrize("changes, code, words", [
    ({"Block.confirm": "5s"}, "invalid", "below the least"),
    ({"Block.confirm": {"a": 1}}, "invalid", "text, a number"),
    ({"Block.safe": "192.0.2.0/33"}, "invalid", "192.0.2.0/33"),
    ({"Sniffer.filter": "tcp port ("}, "invalid", ""),
    ({"Store.key_file": "/etc/shadow"}, "not_settable", "sluice.conf"),
    ({"General.demo_mode": "true"}, "not_settable", "sluice.conf"),
    ({"Web.listen": "0.0.0.0:80"}, "set_elsewhere", "command line"),
    ({"block.confirm": "30s"}, "unknown_setting", "no such"),
    ({"Block.nothing": "1"}, "unknown_setting", "no such"),
    ({"API.virustotal_key": "a\nb = c"}, "invalid", "control characters"),
    ({"Export.webhook_secret": "a ; b"}, "invalid", "begins a comment"),
])
def test_what_does_not_fit_is_refused_by_its_name_and_changes_nothing(
        demo, admin, changes, code, words):
    before = settings(demo, admin)
    status, body = change(demo, admin, changes, confirm=True)
    assert status in (409, 422) and body["error"]["code"] == code
    assert words in body["error"]["message"]
    assert body["error"]["field"] == next(iter(changes))
    asked = change(demo, admin, changes, confirm=True, dry_run=True)[1]  # the preview says so too
    assert asked["error"]["message"] == body["error"]["message"]
    assert settings(demo, admin) == before


def test_the_second_of_two_admins_is_told(demo, admin):
    version = settings(demo, admin)[1]
    assert change(demo, admin, {"Block.confirm": "70s"}, version=version)[0] == 200
    status, body = change(demo, admin, {"Block.confirm": "80s"}, version=version)
    assert (status, body["error"]["code"]) == (409, "changed_meanwhile")


def test_a_secret_is_kept_but_never_shown(demo, admin):
    key = "0123456789abcdef-secret"
    status, body = change(demo, admin, {"API.virustotal_key": key})
    assert status == 200 and key not in str(body)
    assert key not in str(settings(demo, admin))
    assert settings(demo, admin)[0]["API.virustotal_key"]["is_stored"]
    assert key not in str(demo.call("GET", "/audit", cookie=admin[0])[1])
    assert (demo.state / "settings.conf").stat().st_mode & 0o777 == 0o600


def test_a_viewer_sees_no_settings(demo, admin):
    demo.run("user", "add", "eve", "--role", "viewer", typed="a viewers password\n")
    viewer = demo.log_in("eve", "a viewers password")
    assert demo.call("GET", "/settings", cookie=viewer[0])[0] == 403
    assert change(demo, viewer, {"Block.confirm": "30s"})[0] == 403


def test_a_restart_keeps_what_was_set_and_puts_it_in_force(demo, admin):
    assert change(demo, admin, {"Detect.alerts_per_day": 9, "Sniffer.filter": "tcp"})[0] == 200
    demo.restart()
    again = demo.log_in("admin", PASSWORD)
    items, _ = settings(demo, again)
    assert (items["Detect.alerts_per_day"]["value"], items["Detect.alerts_per_day"]["waiting"]) == (
        "9", False)
    assert demo.call("GET", "/status", cookie=again[0])[1]["view_filter"] == "tcp"
    assert "the configuration is valid" in demo.run("check")
