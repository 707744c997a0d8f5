"""Between two hosts: what is expected is silent, and what detectors may do by themselves is done."""
from hosts import Service, lab, sh, wait_for


def incident_of(service, source):
    """The newest incident of one source, with its details."""
    rows = service.json("incident", "list", "--source", source)["items"]
    return service.json("incident", "show", str(rows[0]["id"])) if rows else None


def responses_of(service, source):
    """What was done by itself about one source."""
    row = incident_of(service, source)
    return [event for event in row["history"] if event["action"] == "response"] if row else []


def test_expected_is_silent_and_responses_block_only_when_live(lab):
    base = lab.ip_b.rsplit(".", 1)[0]
    first, silent, dry, live, safe = (f"{base}.{n}" for n in range(21, 26))
    for address in (first, silent, dry, live, safe):
        sh("ip", "-n", lab.b, "addr", "add", f"{address}/24", "dev", lab.vb)

    def scan(source):
        done = lab.run(lab.b, "nmap", "-sS", "-Pn", "-n", "-e", lab.vb, "-S", source, "-p1-40",
                       lab.ip_a)
        assert done.returncode == 0, done.stderr

    service = Service(lab, config="[Detect]\nlearn = 1s\n")
    try:
        service.start()
        # expected here: the incident is resolved, the next scan only counted
        scan(first)
        row = wait_for(lambda: incident_of(service, first), 6, "the first scan is an incident")
        made = service.json("incident", "expected", "add", "--incident", str(row["id"]),
                            "--source", f"{base}.0/24", "--ttl", "1h", "--note", "our scanner")
        assert (made["detector"], made["src"], made["dst"]) == ("port_scan", f"{base}.0/24",
                                                                lab.ip_a)
        assert incident_of(service, first)["state"] == "resolved"
        scan(silent)
        wait_for(lambda: service.json("incident", "expected", "list")["items"][0]["silenced"], 6,
                 "the second scan is counted")
        assert incident_of(service, silent) is None
        service.json("incident", "expected", "del", str(made["id"]))
        assert service.json("incident", "expected", "list")["items"] == []
        # taken back, it alerts again; in the dry run only words
        service.json("response", "set", "port_scan", "block", "--ttl", "5m")
        scan(dry)
        done = wait_for(lambda: responses_of(service, dry), 6, "the third scan alerts again")
        assert (done[0]["to"], done[0]["text"]) == ("dry_run",
                                                    f"would have blocked {dry} for 5 min")
        assert service.json("block", "list")["items"] == []
        # live: the source, and nobody else
        service.json("response", "live", "on")
        service.json("safe", "add", safe)
        scan(live)
        done = wait_for(lambda: responses_of(service, live), 6, "the fourth scan is answered")
        assert done[0]["to"] == "blocked", done
        block, = service.json("block", "list")["items"]
        assert (block["value"], block["source"]) == (live, "response")
        assert block["incident_id"] == incident_of(service, live)["id"] and block["expires"]
        assert lab.run(lab.b, "ping", "-c1", "-W1", "-I", live, lab.ip_a).returncode != 0
        assert lab.run(lab.b, "ping", "-c1", "-W1", "-I", dry, lab.ip_a).returncode == 0
        # never what is safe
        scan(safe)
        done = wait_for(lambda: responses_of(service, safe), 6, "the fifth scan is said")
        assert done[0]["to"] == "refused" and "on the safe list" in done[0]["text"], done
        assert len(service.json("block", "list")["items"]) == 1
        check_lists(service, first, base)
        actions = [row["action"] for row in audit(service)]
        for action in ("expected.add", "expected.remove", "response.set", "block.add"):
            assert action in actions, actions
    finally:
        service.close()


def check_lists(service, first, base):
    """Filters, words, pages and a second person who is too late, as the web asks for them."""
    service.set_up()

    def sources(query):
        status, body = service.http("GET", "/api/v1/incidents?" + query)
        assert status == 200, body
        return [row["src_ip"] for row in body["items"]], body

    everything, body = sources("protocol=tcp")
    assert body["total"] == len(everything) == 4
    assert sources("resolved=yes")[0] == [first]
    assert sources(f"src_ip={base}.&dst_ip={base}.1")[0] == everything
    assert sources("src_ip=203.0.113.")[0] == sources("from=2020-01-01&to=2020-01-02")[0] == []
    assert sources(f"q={first}")[0] == sources(f"q=scanner%20{first}&src_ip={first}")[0] + [first]
    assert sources("q=ports%20of")[0] == everything  # words of the sealed reason
    assert sources("sort=last_seen&per_page=3&page=2")[0] == everything[3:]
    status, body = service.http("GET", "/api/v1/incidents?sort=hue")
    assert (status, body["error"]["field"]) == (422, "sort")
    number = sources("resolved=no")[1]["items"][0]["id"]
    path = f"/api/v1/incidents/{number}/state"
    assert service.http("POST", path, {"state": "acknowledged", "version": 0})[0] == 200
    status, body = service.http("POST", path, {"state": "resolved", "version": 0})
    assert status == 409 and "admin changed this incident" in body["error"]["message"], body
    status, body = service.http("POST", "/api/v1/incidents/bulk",
                                {"ids": [number, 999], "state": "false_positive"})
    assert status == 200 and body["changed"] == [number] and body["failed"][0]["id"] == 999
    status, body = service.http("GET", f"/api/v1/incidents/{number}")
    assert [event["to"] for event in body["history"] if event["action"] == "state"] == [
        "acknowledged", "false_positive"]
    assert {row["relation"] for row in body["related"]} >= {"destination"}
    assert body["src_place"] == "remote" and body["dst_place"] == "own"


def audit(service):
    """The audit log, newest first, as an admin of the web sees it."""
    status, body = service.http("GET", "/api/v1/audit?limit=100")
    assert status == 200, body
    return body["items"]
