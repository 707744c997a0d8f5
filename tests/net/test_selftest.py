"""`sluice selftest`: all is well here, and nothing is left behind, also when it is killed."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess

import pytest

from hosts import PINS, SLUICE, sh, wait_for

DETECTORS = {"port_scan", "host_scan", "syn_flood", "udp_flood", "icmp_flood", "brute_force",
             "dns_tunnel", "dga", "beacon", "exfiltration", "new_port", "new_device", "arp_spoof",
             "plain_password"}


def start():
    """One selftest, in a session of its own so that all its processes can be found."""
    return subprocess.Popen([SLUICE, "selftest", "-o", "json"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def processes(session):
    """Living processes of a session."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def left_behind():
    """What a selftest makes, as seen from outside its room."""
    found = {row["ifname"] for row in json.loads(sh("ip", "-j", "link"))} & {"sluice0", "attack0"}
    digest = hashlib.blake2b(b"/tmp/state", digest_size=32).hexdigest()[:16]
    return found | {str(path) for path in (pathlib.Path("/tmp/state"), PINS / digest,
                                           pathlib.Path("/tmp/selftest.conf")) if path.exists()}


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")
def test_all_is_well_and_nothing_is_left_behind():
    whole, killed = start(), start()
    try:
        # the room, the service's three roles, the attackers
        wait_for(lambda: len(processes(killed.pid)) >= 6, 20, "the second one attacks")
        killed.send_signal(signal.SIGKILL)
        killed.wait(timeout=5)
        wait_for(lambda: not processes(killed.pid), 5, "all of it is gone with it")
        out, err = whole.communicate(timeout=120)
    finally:
        for child in (whole, killed):
            if child.poll() is None:
                child.kill()
            child.communicate()
    report = json.loads(out)
    for row in report["detectors"]:
        print(row["detector"], "found", row["found"], "after", row["latency_ms"], "ms")
    assert whole.returncode == 0 and report["ok"], (report, err)
    assert {row["detector"] for row in report["detectors"]} == DETECTORS
    assert all(row["found"] == 1 and not row["false"] for row in report["detectors"])
    assert len(report["drops"]) == 9
    for row in report["drops"]:
        assert row["ok"] and not row["under"] and row["hits"] >= row["sent"], row
    assert not left_behind()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_root_it_says_so():
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SLUICE,
                           "selftest"], check=False, capture_output=True, text=True)
    assert done.returncode == 77 and "needs root" in done.stderr
