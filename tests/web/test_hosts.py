"""One host, and what a block would have dropped, over the API of the real program."""

import pytest

from program import BINARY, PASSWORD, Program, until


@pytest.fixture(scope="module")
def demo():
    """A demo whose history has records: it writes them a minute after a flow began, or at its end."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def admin(demo):
    """Cookie and CSRF token of an admin, once there is a history."""
    session = demo.log_in("admin", PASSWORD)
    until(lambda: len(get(demo, session, "/flows?live=0&q=state:closed,expired")["items"]) > 20, 30)
    return session


def get(demo, admin, path):
    """An answer of 200."""
    status, body, _ = demo.call("GET", path, cookie=admin[0])
    assert status == 200, body
    return body


def test_a_host_tells_what_the_history_has_of_it(demo, admin):
    flows = get(demo, admin, "/flows?live=0&limit=2000")["items"]
    ip = flows[-1]["src_ip"]
    body = get(demo, admin, "/hosts/" + ip)
    mine = [f for f in flows if ip in (f["src_ip"], f["dst_ip"])]
    assert body["ip"] == ip and body["complete"]
    assert body["records"] >= len(mine) and body["first_seen"] <= mine[-1]["end"]
    assert sum(point["records"] for point in body["series"]) >= len(mine)
    out = sum(f["bytes_out"] if f["src_ip"] == ip else f["bytes_in"] for f in mine)
    assert sum(point["bytes_out"] for point in body["series"]) >= out
    peers = {peer["key"] for peer in body["as_source"]["peers"]}
    assert peers & {f["dst_ip"] for f in mine}
    assert body["as_source"]["peers_distinct"] >= len(peers)
    assert body["block"] is None and body["incidents"] is not None


def test_a_host_that_was_never_seen_is_an_empty_one(demo, admin):
    body = get(demo, admin, "/hosts/2001:db8::dead")
    assert body["first_seen"] is None and body["records"] == 0 and body["live"] is None
    assert body["as_destination"]["peers"] == []
    assert demo.call("GET", "/hosts/example.com", cookie=admin[0])[1]["error"]["field"] == "ip"
    status, answer, _ = demo.call("GET", "/hosts/192.0.2.1?from=today&to=2020-01-01",
                                  cookie=admin[0])
    assert (status, answer["error"]["field"]) == (422, "from")


def test_a_preview_counts_flows_and_sources_as_the_history_has_them(demo, admin):
    flows = get(demo, admin, "/flows?live=0&limit=5000")["items"]
    # a service this server uses; of the server itself there are more than one answer holds
    ip = next(f["dst_ip"] for f in flows if f["dst_ip"].startswith("203.0.113."))
    body = get(demo, admin, "/blocks/preview?value=" + ip)
    again = get(demo, admin, "/flows?live=0&limit=5000&q=ip:" + ip)["items"]
    assert 0 < body["flows"] <= len({f["id"] for f in again}) and body["exact"] and body["complete"]
    assert body["sources"] <= len({f["src_ip"] for f in again})
    assert body["sources_yours"] == sum(s["yours"] for s in body["top_sources"])
    assert body["summary"].startswith("Would have dropped %d flow" % body["flows"])
    assert body["records"] >= body["flows"]


def test_a_preview_by_name_and_what_may_not_be_blocked(demo, admin):
    name = next(f["sni"] for f in get(demo, admin, "/flows?live=0&q=sni:*")["items"])
    assert get(demo, admin, "/blocks/preview?value=" + name)["flows"] > 0
    safe = next(i["prefix"] for i in get(demo, admin, "/safe")["items"] if i["kind"] == "own")
    assert get(demo, admin, "/blocks/preview?value=" + safe)["refused"]
    assert get(demo, admin, "/blocks/preview?value=203.0.113.99")["flows"] == 0
    status, body, _ = demo.call("GET", "/blocks/preview?value=999.1", cookie=admin[0])
    assert (status, body["error"]["field"]) == (422, "value")
