"""Which interfaces are watched, by which way in, and what happens when that changes under sluice."""
import json
import os
import subprocess

from hosts import Service, lab, sh, wait_for
from test_deaths import FOREIGN


def row_of(service, name):
    """The interface as status shows it, or an empty row."""
    return next((row for row in service.json("status")["ifaces"] if row["name"] == name), {})


def is_watched(service, name):
    """True while a program is on it."""
    return row_of(service, name).get("mode") in ("xdp", "tc")


def counts(lab, service, dev, address):
    """Three answered echo requests are in the flows of both directions, and the sums are exact."""
    before = service.idle_coverage()
    assert lab.pings(lab.a, address) == 3
    after = service.idle_coverage()
    for side in ("ingress", "egress"):
        row = after[dev, side]
        assert row["in_flows"] - before[dev, side]["in_flows"] >= 3, row
        assert row["seen"] == row["in_flows"] + row["dropped"] + row["not_flow_sum"], row


def test_the_hook_is_named_while_busy_and_taken_back_when_free(lab, tmp_path):
    source, program = tmp_path / "foreign.c", tmp_path / "foreign.o"
    source.write_text(FOREIGN, encoding="utf-8")
    machine = sh("gcc", "-dumpmachine").strip()
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{machine}", "-c",
                    source, "-o", program], check=True)
    assert lab.run(lab.a, "ip", "link", "set", "dev", lab.va, "xdp", "obj", str(program), "sec",
                   "xdp").returncode == 0
    service = Service(lab)
    try:
        service.start()
        wait_for(lambda: row_of(service, lab.va).get("mode") == "tc", 3, "tc while it is busy")
        assert lab.run(lab.a, "ip", "link", "set", "dev", lab.va, "xdp", "off").returncode == 0
        wait_for(lambda: row_of(service, lab.va)["mode"] == "xdp", 30, "XDP when it is free")
        assert not row_of(service, lab.va)["note"]
        counts(lab, service, lab.va, lab.ip_b)
    finally:
        service.close()


def test_filters_that_somebody_takes_off_are_put_back(lab):
    service = Service(lab, config="[Capture]\nmode = tc\n")
    try:
        service.start()
        assert service.cli("block", "add", lab.ip_b)[0] == 0
        assert lab.run(lab.a, "tc", "qdisc", "del", "dev", lab.va, "clsact").returncode == 0
        wait_for(lambda: "sluice_ingress" in lab.run(
            lab.a, "tc", "filter", "show", "dev", lab.va, "ingress").stdout, 5, "the filter")
        assert lab.pings(lab.b, lab.ip_a) == 0
    finally:
        service.close()


def test_promiscuous_mode_ends_with_the_service(lab):
    def flags():
        return json.loads(sh("ip", "-n", lab.a, "-j", "link", "show", lab.va))[0]["flags"]
    service = Service(lab, config="[Capture]\npromisc = yes\n")
    try:
        service.start()
        assert "PROMISC" in flags()
        assert service.stop() == 0
        assert "PROMISC" not in flags()
    finally:
        service.close()


def test_a_gateway_silent_under_native_xdp_makes_it_tc(lab):
    sh("ip", "-n", lab.a, "route", "add", "default", "via", lab.ip_b)
    assert lab.pings(lab.a, lab.ip_b) == 3
    # from now on the neighbour answers nobody, as behind a driver that carries nothing
    sh("ip", "-n", lab.b, "link", "set", lab.vb, "arp", "off")
    service = Service(lab)
    try:
        service.start()
        wait_for(lambda: row_of(service, lab.va).get("mode") == "tc", 14, "tc after 10 s")
        assert "gateway" in row_of(service, lab.va)["note"]
        assert "gateway" in service.log()
    finally:
        service.close()


def test_a_gateway_that_answers_keeps_native_xdp(lab):
    sh("ip", "-n", lab.a, "route", "add", "default", "via", lab.ip_b)
    assert lab.pings(lab.a, lab.ip_b) == 3
    service = Service(lab)
    try:
        service.start()
        wait_for(lambda: "REACHABLE" in lab.run(lab.a, "ip", "neigh", "show", lab.ip_b).stdout, 4,
                 "it answers the question")
        counts(lab, service, lab.va, lab.ip_b)
        assert row_of(service, lab.va)["mode"] == "xdp"
    finally:
        service.close()


def test_auto_follows_the_default_route_to_another_interface(lab):
    other, peer = f"wa{os.getpid() % 100000}", f"wb{os.getpid() % 100000}"
    sh("ip", "link", "add", other, "netns", lab.a, "type", "veth", "peer", "name", peer, "netns",
       lab.b)
    for where, dev, address in ((lab.a, other, "198.18.251.1"), (lab.b, peer, "198.18.251.2")):
        sh("ip", "-n", where, "addr", "add", f"{address}/24", "dev", dev)
        sh("ip", "-n", where, "link", "set", dev, "up")
    sh("ip", "-n", lab.a, "route", "add", "default", "via", lab.ip_b)
    service = Service(lab, arguments=["-i", "auto"])
    try:
        service.start()
        assert is_watched(service, lab.va) and not is_watched(service, other)
        counts(lab, service, lab.va, lab.ip_b)
        sh("ip", "-n", lab.a, "route", "replace", "default", "via", "198.18.251.2")
        wait_for(lambda: is_watched(service, other) and not is_watched(service, lab.va), 2.2,
                 "the new one within 1 s, shown with the next second")
        counts(lab, service, other, "198.18.251.2")
    finally:
        service.close()


def test_a_device_that_matches_a_glob_is_taken_when_it_appears(lab):
    service = Service(lab, arguments=["-i", f"{lab.va},glob*"])
    try:
        service.start()
        sh("ip", "-n", lab.a, "link", "add", "glob7", "type", "veth", "peer", "name", "other7")
        wait_for(lambda: is_watched(service, "glob7"), 2.2, "glob7 is watched")
        assert not is_watched(service, "other7")
        sh("ip", "-n", lab.a, "link", "del", "glob7")
        wait_for(lambda: not is_watched(service, "glob7"), 2.2, "glob7 is gone")
    finally:
        service.close()


def test_a_device_keeps_its_row_and_its_blocks_when_down_or_renamed(lab):
    service = Service(lab, arguments=["-i", f"{lab.va},renamed*"])
    try:
        service.start()
        assert service.cli("block", "add", lab.ip_b)[0] == 0
        dropped = 0
        for name in (lab.va, "renamed0"):
            sh("ip", "-n", lab.a, "link", "set", lab.va, "down")
            sh("ip", "-n", lab.a, "link", "set", lab.va, "name", name)
            sh("ip", "-n", lab.a, "link", "set", name, "up")
            wait_for(lambda dev=name: is_watched(service, dev), 2.2, f"{name} is watched")
            assert lab.pings(lab.b, lab.ip_a) == 0
            now = service.idle_coverage()[name, "ingress"]
            assert now["dropped"] >= dropped + 3, "no row begins anew"
            dropped = now["dropped"]
        assert row_of(service, lab.va) == {}
    finally:
        service.close()


def test_a_vlan_over_a_watched_device_says_why_it_is_not(lab):
    sh("ip", "-n", lab.a, "link", "add", "mv0", "link", lab.va, "type", "macvlan")
    service = Service(lab, arguments=["-i", f"{lab.va},mv0"])
    try:
        service.start()
        row = row_of(service, "mv0")
        assert row["mode"] == "none" and lab.va in row["note"], row
        assert is_watched(service, lab.va)
    finally:
        service.close()
