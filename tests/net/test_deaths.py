"""What goes on when a part dies, an interface goes, or somebody else holds the hook."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from hosts import Service, lab, service, sh, wait_for


def serving(service):
    """The web side answers and core is behind it."""
    return service.http("GET", "/healthz")[0] == 200 and \
        service.http("GET", "/api/v1/session")[0] == 200


@pytest.mark.parametrize("role", ["core", "front"])
def test_a_killed_role_is_back_within_2_s_and_blocks_never_stop(lab, service, role):
    blocked = lab.ip_b.rsplit(".", 1)[0] + ".3"  # IPv4: ARP still answers, each ping is sent
    sh("ip", "-n", lab.b, "addr", "add", f"{blocked}/24", "dev", lab.vb)
    assert service.cli("block", "add", blocked)[0] == 0
    watch = lab.start(lab.b, "ping", "-n", "-i", "0.01", "-c", "300", "-W", "1", "-I", blocked,
                      lab.ip_a)
    allowed = lab.start(lab.b, "ping", "-n", "-i", "0.01", "-c", "300", "-W", "1", lab.ip6_a)
    wait_for(lambda: service.coverage()[lab.va, "ingress"]["dropped"] > 20, 5, "pings are dropped")
    before = service.pids()
    os.kill(before[role], signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: serving(service) and service.cli("status")[0] == 0, 2, f"{role} is back")
    print(f"{role}: serving again after {time.monotonic() - began:.2f} s")
    assert service.pids()[role] != before[role]
    assert service.pids()["loader"] == before["loader"]
    assert " 0 received" in watch.communicate(timeout=30)[0], "a blocked packet got through"
    assert " 300 received" in allowed.communicate(timeout=30)[0], "an allowed packet was lost"
    rows = service.idle_coverage(20)
    assert rows[lab.va, "ingress"]["dropped"] == 300
    for row in rows.values():
        assert row["seen"] == row["in_flows"] + row["dropped"] + row["not_flow_sum"], row
        assert row["unattributed"] == 0


def test_everything_goes_on_when_the_interface_was_made_anew(lab, service):
    assert service.cli("block", "add", lab.ip_b)[0] == 0
    assert lab.pings(lab.b, lab.ip_a) == 0
    sh("ip", "-n", lab.a, "link", "del", lab.va)
    sh("ip", "link", "add", lab.va, "netns", lab.a, "type", "veth", "peer", "name", lab.vb,
       "netns", lab.b)
    lab.address()
    wait_for(lambda: any(row["name"] == lab.va and row["mode"] == "xdp"
                         for row in service.json("status")["ifaces"]), 3, "it is watched again")
    wait_for(lambda: lab.pings(lab.b, lab.ip6_a, count=1) == 1, 10, "the new pair works")
    assert lab.pings(lab.b, lab.ip_a) == 0
    assert service.cli("block", "del", lab.ip_b)[0] == 0
    before = service.idle_coverage()
    assert lab.pings(lab.b, lab.ip_a) == 3
    after = service.idle_coverage()
    for direction in ("ingress", "egress"):
        assert after[lab.va, direction]["in_flows"] - before[lab.va, direction]["in_flows"] >= 3
        assert after[lab.va, direction]["unattributed"] == 0


FOREIGN = """
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int foreign(struct xdp_md *ctx) { (void)ctx; return XDP_PASS; }
char _license[] __attribute__((section("license"), used)) = "GPL";
"""


def test_a_busy_xdp_hook_is_named_and_tc_gives_the_same_verdicts(lab, tmp_path):
    source, program = tmp_path / "foreign.c", tmp_path / "foreign.o"
    source.write_text(FOREIGN, encoding="utf-8")
    machine = sh("gcc", "-dumpmachine").strip()
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{machine}", "-c",
                    source, "-o", program], check=True)
    done = lab.run(lab.a, "ip", "link", "set", "dev", lab.va, "xdp", "obj", str(program), "sec",
                   "xdp")
    assert done.returncode == 0, done.stderr
    service = Service(lab)
    try:
        service.start()
        row = service.json("status")["ifaces"][0]
        assert row["mode"] == "tc", row
        link = json.loads(sh("ip", "-n", lab.a, "-j", "link", "show", lab.va))[0]
        assert re.search(rf"\bprogram {link['xdp']['prog']['id']}\b", row["note"]), (link, row)
        assert f"ip link set {lab.va} xdp off" in row["note"], "the note says how to free it"
        assert lab.pings(lab.b, lab.ip_a) == 3
        assert service.cli("block", "add", lab.ip_b)[0] == 0
        assert lab.pings(lab.b, lab.ip_a) == 0
        rows = service.idle_coverage()
        assert rows[lab.va, "ingress"]["dropped"] == 3
        for row in rows.values():
            assert row["seen"] == row["in_flows"] + row["dropped"] + row["not_flow_sum"], row
            assert row["unattributed"] == 0
    finally:
        service.close()


@pytest.mark.parametrize("role", ["core", "front"])
def test_a_role_that_stands_still_is_started_again(lab, service, role):
    before = service.pids()
    os.kill(before[role], signal.SIGSTOP)
    # patience grows where more than four tasks want each CPU (agent/app/patience.h)
    limit = 20 if os.getloadavg()[0] <= 4 * os.cpu_count() else 75
    wait_for(lambda: service.pids()[role] not in (None, before[role]), limit, f"a new {role}")
    wait_for(lambda: serving(service) and service.cli("status")[0] == 0, 5, "it answers")
    other = "front" if role == "core" else "core"
    assert service.pids()[other] == before[other], "the other one was left alone"
    assert f"{role} stands still" in service.log()


def test_a_clean_stop_leaves_blocks_for_a_restart_and_a_lease_of_a_minute(lab, service):
    assert service.cli("block", "add", lab.ip_b)[0] == 0
    assert service.stop() == 0
    assert lab.pings(lab.b, lab.ip_a) == 0
    service.start()
    assert lab.pings(lab.b, lab.ip_a) == 0
