"""ORIGINAL.md 4.5 as a table: what each page of the original showed is on a page here."""

import pytest

from test_pages import open_page

# page element of the original: role, path here, and what has to be seen there
ELEMENTS = {
    "base_navigation": ("admin", "/dashboard", ("nav", "Overview"), ("nav", "Incidents"),
                        ("nav", "Reports"), ("nav", "Settings"), ("nav", "Users")),
    "base_status_light": ("viewer", "/dashboard", (".chip", "Running")),
    "base_footer": ("viewer", "/dashboard", (".footer", "Sluice")),
    "base_demo_banner": ("viewer", "/blocks", (".banner-demo", "simulated")),
    "login_form": ("none", "/login", ("label", "User name"), ("label", "Password"),
                   ("button", "Log in")),
    "register_form": ("admin", "/users", ("label", "User name"), ("label", "E-mail"),
                      ("label", "Role"), ("label", "First password")),
    "register_roles_explained": ("admin", "/users", ("summary", "What each role may do")),
    "dashboard_status_card": ("admin", "/dashboard", (".verdict", "Watching eth0"),
                              (".verdict button", "Stop")),
    "dashboard_severity_cards": ("viewer", "/dashboard", (".count", "High"), (".count", "Medium"),
                                 (".count", "Low")),
    "dashboard_protocol_chart": ("viewer", "/dashboard",
                                 (".panel-incident-charts", "By protocol"),
                                 (".panel-protocols", "TCP")),
    "dashboard_timeline_chart": ("viewer", "/dashboard", (".panel-incident-charts", "By hour")),
    "dashboard_severity_chart": ("viewer", "/dashboard",
                                 (".panel-incident-charts", "By severity")),
    "dashboard_live_traffic": ("viewer", "/dashboard", (".panel-talkers th", "IP address"),
                               (".panel-talkers th", "Packets"), (".panel-talkers th", "Bytes"),
                               (".panel-talkers th", "Ports")),
    "dashboard_recent_incidents": ("viewer", "/dashboard",
                                   (".panel-incidents", "Vertical port scan")),
    "incidents_filters": ("viewer", "/incidents", (".segmented", "Done"), (".segmented", "High"),
                          (".filter-more", "any protocol")),
    "incidents_export": ("viewer", "/incidents", ("a[download]", "CSV"),
                         ("a[download]", "JSON")),
    "incidents_table": ("viewer", "/incidents", ("th", "Severity"), ("th", "Source"),
                        ("th", "Destination"), ("th", "Proto"), ("th", "State"),
                        ("th", "Last seen")),
    "incident_details": ("analyst", "/incidents/10", (".facts", "Source"),
                         (".facts", "Destination"), (".facts", "Protocol"), (".badge", "Open"),
                         (".reason", "probed 996 different ports")),
    "incident_notes_and_resolution": ("analyst", "/incidents/10", ("h2", "Notes"),
                                      ("button", "Resolve"), ("button", "Add note")),
    "incident_block_source": ("admin", "/incidents/10", ("button", "Block this source")),
    "incident_recommended_actions": ("viewer", "/incidents/10",
                                     (".actions", "Block this source immediately")),
    "incident_ip_information": ("viewer", "/incidents/10", ("a", "AbuseIPDB"),
                                ("a", "VirusTotal")),
    "incident_related": ("viewer", "/incidents/10", ("h2", "Related incidents")),
    "configuration_settings": ("admin", "/settings", (".settings-group h2", "Capture"),
                               (".setting", "virustotal_key")),
    "configuration_block_forms": ("admin", "/blocks", ("label", "Address, prefix or name"),
                                  ("label", "Reason")),
    "configuration_blocked_items": ("admin", "/blocks", (".table-blocks", "203.0.113.0/24"),
                                    (".table-blocks", "ads.example.net"),
                                    (".table-blocks button", "Remove")),
    "reports_generate": ("analyst", "/reports", ("option", "General overview"),
                         ("option", "Security incidents"), ("option", "Traffic analysis"),
                         ("option", "Anomaly detection")),
    "reports_recent": ("viewer", "/reports", (".table-reports th", "Made"),
                       (".table-reports th", "By"), (".table-reports a", "Download")),
    "admin_only_refusal": ("viewer", "/dashboard?refused=1",
                           (".toast", "You need administrator privileges to do this.")),
    "error_page": ("viewer", "/nowhere", ("h1", "no such page"), ("a", "Go to the overview")),
}


@pytest.fixture(name="mocks", scope="module")
def fixture_mocks(chromium):
    """One mock for each role; a page is loaded once for the tests that follow each other on it."""
    chromium.size(1280, 900)
    from mock_server import Server  # pylint: disable=import-outside-toplevel
    servers = {role: Server(role=role).start() for role in ("none", "viewer", "analyst", "admin")}
    yield servers
    chromium.open("about:blank")
    for server in servers.values():
        assert not server.state.csp_reports
        server.stop()


@pytest.mark.parametrize("element", ELEMENTS)
def test_original(chromium, mocks, element):
    role, path, *seen = ELEMENTS[element]
    mock = mocks[role]
    if chromium.js("return location.href") != mock.url + path:
        open_page(chromium, mock, path)
    for selector, text in seen:
        chromium.wait_text(selector, text)
