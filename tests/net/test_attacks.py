"""Attacks between two hosts: each found under its own name, in time, and under no other."""
import json
import os
import pathlib
import time

import pytest

from hosts import Service, lab, sh, wait_for

TOOLS = str(pathlib.Path(__file__).resolve().parent / "attack_tools.py")
PYTHON = "/usr/bin/python3"


@pytest.fixture(name="watched")
def watched_host(lab):
    """sluice on the first host, which learns for one second only."""
    made = Service(lab, config="[Detect]\nlearn = 1s\n")
    try:
        made.start()
        yield made
    finally:
        made.close()


def incidents(service):
    return service.json("incident", "list")["items"]


def found(service, detector):
    return next((row for row in incidents(service) if row["detector"] == detector), None)


def serve(lab, where, *words):
    """A server of attack_tools, listening when this returns."""
    child = lab.start(where, PYTHON, TOOLS, *words)
    assert child.stdout.readline() == "ready\n"
    return child


def attack(lab, where, *words):
    return lab.start(where, PYTHON, TOOLS, *map(str, words))


def mac_of(lab, where, dev):
    return json.loads(sh("ip", "-n", where, "-j", "link", "show", dev))[0]["address"]


def await_only(service, detector, began, seconds, settle=3):
    """The incident in time; then that nothing above low has another name, and only one has this."""
    row = wait_for(lambda: found(service, detector), seconds + 3, detector)
    took = time.monotonic() - began
    print(f"{detector}: {took:.2f} s after the first packet, bar {seconds} s: {row['reason']}")
    assert took <= seconds
    time.sleep(settle)  # there is no event for what does not come
    rows = incidents(service)
    assert [r["detector"] for r in rows].count(detector) == 1, rows
    wrong = [r for r in rows if r["detector"] != detector and r["severity"] != "low"]
    assert not wrong, wrong
    return row


def test_fast_port_scan(lab, watched):
    began = time.monotonic()
    scan = lab.start(lab.b, "nmap", "-sS", "-Pn", "-n", "-p1-1000", lab.ip_a)
    row = await_only(watched, "port_scan", began, 3)
    scan.wait(timeout=30)
    assert (row["src_ip"], row["dst_ip"]) == (lab.ip_b, lab.ip_a)


def test_sweep_of_the_neighbours_by_arp(lab, watched):
    began = time.monotonic()
    lab.start(lab.b, "nmap", "-sn", "-n", lab.ip_a.rsplit(".", 1)[0] + ".0/24")
    row = await_only(watched, "host_scan", began, 5)
    assert row["src_ip"] == lab.ip_b


def test_sweep_through_a_router(lab, watched):
    """The hosts behind the first one: pings and SYNs to each."""
    sh("ip", "-n", lab.b, "route", "add", "203.0.113.0/24", "via", lab.ip_a)
    began = time.monotonic()
    lab.start(lab.b, "nmap", "-sn", "-n", "203.0.113.0/25")
    row = await_only(watched, "host_scan", began, 3)
    assert row["src_ip"] == lab.ip_b


@pytest.mark.parametrize("spoof", [False, True], ids=["own address", "made-up addresses"])
def test_syn_flood(lab, watched, spoof):
    sh("ip", "netns", "exec", lab.a, "sysctl", "-qw", "net.ipv4.tcp_syncookies=1")
    serve(lab, lab.a, "file_server", lab.ip_a, "8443")
    mac = mac_of(lab, lab.a, lab.va)
    began = time.monotonic()
    attack(lab, lab.b, "syn_flood", lab.vb, mac, lab.ip_a, 8443, 4,
           "spoof" if spoof else lab.ip_b.rsplit(".", 1)[0] + ".99")
    row = await_only(watched, "syn_flood", began, 2)  # with the start of an interpreter
    assert (row["dst_ip"], row["dst_port"]) == (lab.ip_a, 8443)
    assert row["src_ip"] == ("0.0.0.0" if spoof else lab.ip_b.rsplit(".", 1)[0] + ".99")


def test_udp_flood(lab, watched):
    lab.pings(lab.b, lab.ip_a, count=1)
    began = time.monotonic()
    attack(lab, lab.b, "udp_flood", lab.ip_a, 9, 5)
    row = await_only(watched, "udp_flood", began, 3)
    assert (row["src_ip"], row["dst_ip"]) == (lab.ip_b, lab.ip_a)


def test_ping_flood(lab, watched):
    began = time.monotonic()
    lab.start(lab.b, "ping", "-q", "-f", "-w", "4", lab.ip_a)
    row = await_only(watched, "icmp_flood", began, 2.5)
    assert (row["src_ip"], row["dst_ip"]) == (lab.ip_b, lab.ip_a)


@pytest.mark.parametrize("port", [22, 902])
def test_password_guessing(lab, watched, port):
    serve(lab, lab.a, "ssh_server", lab.ip_a, str(port))
    began = time.monotonic()
    attack(lab, lab.b, "ssh_guess", lab.ip_a, port, 30, 0.3)
    row = await_only(watched, "brute_force", began, 15)
    assert (row["src_ip"], row["dst_port"]) == (lab.ip_b, port)


def test_dns_tunnel(lab, watched):
    serve(lab, lab.a, "dns_server", lab.ip_a)
    began = time.monotonic()
    attack(lab, lab.b, "dns_tunnel", lab.ip_a, 200)
    row = await_only(watched, "dns_tunnel", began, 10)
    assert row["src_ip"] == lab.ip_b and "example.com" in row["reason"]


def test_generated_names(lab, watched):
    serve(lab, lab.a, "dns_server", lab.ip_a)
    began = time.monotonic()
    attack(lab, lab.b, "dga", lab.ip_a, 80)
    row = await_only(watched, "dga", began, 15)
    assert row["src_ip"] == lab.ip_b


def test_beacon_speeded_up(lab, watched):
    serve(lab, lab.b, "file_server", lab.ip_b, "8443")
    time.sleep(1)  # the second in which what is new is taken for known
    began = time.monotonic()
    attack(lab, lab.a, "beacon", lab.ip_b, 8443, 34, 0.5, 0.1)
    row = await_only(watched, "beacon", began, 24 * 0.5 + 4)
    assert (row["src_ip"], row["dst_ip"]) == (lab.ip_a, lab.ip_b)
    assert row["severity"] == "medium"


def test_large_upload(lab, watched):
    serve(lab, lab.b, "file_server", lab.ip_b, "8443")
    began = time.monotonic()
    attack(lab, lab.a, "upload", lab.ip_b, 8443, 200_000_000)
    row = await_only(watched, "exfiltration", began, 20)
    assert (row["src_ip"], row["dst_ip"]) == (lab.ip_a, lab.ip_b)


def test_forged_arp_answers(lab, watched):
    lie = lab.ip_a.rsplit(".", 1)[0] + ".254"
    time.sleep(2.5)  # what was asked before the start is not known
    began = time.monotonic()
    attack(lab, lab.b, "arp_spoof", lab.vb, mac_of(lab, lab.a, lab.va), lab.ip_a, lie, 5)
    row = await_only(watched, "arp_spoof", began, 6)
    assert lie in row["reason"]


def test_new_port_and_new_device(lab, watched):
    time.sleep(1.5)
    serve(lab, lab.a, "file_server", lab.ip_a, "4444")
    attack(lab, lab.b, "upload", lab.ip_a, 4444, 1000)
    row = wait_for(lambda: found(watched, "new_port"), 5, "the port is said to be new")
    assert (row["src_ip"], row["dst_port"], row["severity"]) == (lab.ip_a, 4444, "low")
    row = wait_for(lambda: found(watched, "new_device"), 5, "the device is said to be new")
    assert row["severity"] == "low"


SECRET = "s3cretw0rd"
LOGINS = {21: (["220 hi\\r\\n", "331 go on\\r\\n", "230 in\\r\\n"], ["USER me", "PASS " + SECRET], "FTP"),
          23: (["login: ", "\\r\\nPassword: ", "$ "], ["me", SECRET], "telnet"),
          25: (["220 hi\\r\\n", "250 AUTH\\r\\n", "334 VXNl\\r\\n", "334 UGFz\\r\\n", "235 in\\r\\n"],
               ["EHLO me", "AUTH LOGIN", "bWU=", SECRET], "SMTP"),
          110: (["+OK\\r\\n", "+OK\\r\\n", "+OK\\r\\n"], ["USER me", "PASS " + SECRET], "POP3")}


def test_passwords_in_the_clear_and_listed_contact(lab, watched):
    """The fact, never the secret; then an address and a name that are only counted."""
    sources = {}
    for port, (answers, lines, how) in LOGINS.items():  # an incident for each source
        sources[how] = lab.ip_b.rsplit(".", 1)[0] + f".{100 + port}"
        sh("ip", "-n", lab.b, "addr", "add", sources[how] + "/24", "dev", lab.vb)
        serve(lab, lab.a, "talk_server", lab.ip_a, str(port), *answers)
        attack(lab, lab.b, "talk", sources[how], lab.ip_a, port, *lines).wait(timeout=10)

    def logins():
        rows = [watched.json("incident", "show", str(row["id"])) for row in incidents(watched)
                if row["detector"] == "plain_password"]
        return rows if len(rows) == len(LOGINS) else None
    rows = wait_for(logins, 5, "plain_password")
    assert SECRET not in watched.log() + json.dumps(rows)
    for how, source in sources.items():
        row = next(row for row in rows if row["src_ip"] == source)
        assert f" by {how} " in row["reason"] and row["severity"] == "low"
    for file in pathlib.Path(watched.state).rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    assert watched.cli("block", "add", "203.0.113.77", "--count-only")[0] == 0
    assert watched.cli("block", "add", "evil.example", "--count-only")[0] == 0
    sh("ip", "-n", lab.a, "route", "add", "203.0.113.77", "via", lab.ip_b)
    began = time.monotonic()
    lab.run(lab.a, "ping", "-c", "1", "-W", "1", "203.0.113.77")
    row = await_only(watched, "listed_contact", began, 3, settle=0)
    assert (row["src_ip"], row["dst_ip"], row["severity"]) == (lab.ip_a, "203.0.113.77", "medium")
    serve(lab, lab.a, "talk_server", lab.ip_a, "80", "", "")
    attack(lab, lab.b, "ask_host", lab.ip_a, 80, "www.evil.example").wait(timeout=10)

    def asked():
        return any(row["detector"] == "listed_contact" and row["src_ip"] == lab.ip_b
                   for row in incidents(watched))
    wait_for(asked, 3, "contact with the name")


def test_a_minute_of_ordinary_life_is_quiet(lab, watched):
    """Pages, a speed test and a backup; the long form takes ten minutes (SLUICE_SOAK=1)."""
    seconds = 600 if os.environ.get("SLUICE_SOAK") else 60
    for port in ("8443", "8022"):
        serve(lab, lab.b, "file_server", lab.ip_b, port)
    serve(lab, lab.b, "dns_server", lab.ip_b)
    live = attack(lab, lab.a, "life", lab.ip_b, lab.ip_b, seconds)
    live.wait(timeout=2 * seconds)
    time.sleep(2)
    rows = incidents(watched)
    print([(row["detector"], row["severity"]) for row in rows])
    assert not [row for row in rows if row["severity"] != "low"], rows
