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
        actions = [row["action"] for row in audit(service)]
        for action in ("expected.add", "expected.remove", "response.set", "block.add"):
            assert action in actions, actions
    finally:
        service.close()


def audit(service):
    """The audit log, newest first, as an admin of the web sees it."""
    service.set_up()
    status, body = service.http("GET", "/api/v1/audit?limit=100")
    assert status == 200, body
    return body["items"]
