"""SIGHUP: the configuration is read again while everything runs; a wrong one changes nothing."""
import os
import pathlib
import signal

import pytest

from hosts import Service, lab, sh, wait_for

SAID = "configuration read again"

# Asks again and again, each time over a connection of its own, until it is told to stop.
LOAD = """
import http.client, os, sys
host, port = sys.argv[1].rsplit(":", 1)
good = bad = 0
while not os.path.exists(sys.argv[2]):
    try:
        c = http.client.HTTPConnection(host, int(port), timeout=5)
        c.request("GET", "/healthz")
        good, bad = (good + 1, bad) if c.getresponse().status == 200 else (good, bad + 1)
        c.close()
    except OSError:
        bad += 1
print(good, bad, flush=True)
"""


class Files:
    """The configuration of a service, and what it says of a reload."""

    def __init__(self, service):
        self.service = service

    def write(self, text):
        pathlib.Path(self.service.config).write_text(text, encoding="utf-8")

    def reload(self):
        """Ask for it; no waiting."""
        os.kill(self.service.process.pid, signal.SIGHUP)

    def reload_whole(self):
        """Ask for it, and wait until it is in force in core too."""
        before = self.service.log().count("new configuration in force")
        self.reload()
        wait_for(lambda: self.service.log().count("new configuration in force") > before, 5,
                 "in force")


@pytest.fixture
def files(lab):
    """A service whose interfaces come from the file."""
    made = Service(lab, arguments=["-o", "human"],
                   config=f"[Capture]\ninterfaces = {lab.va}\n[Block]\nsafe =\n")
    try:
        made.start()
        yield Files(made)
    finally:
        made.close()


def safe(service):
    """The entries that the configuration names."""
    return [e["prefix"] for e in service.json("safe", "list")["items"] if e["kind"] == "config"]


def watched(service):
    """Names of the interfaces."""
    return {row["name"] for row in service.json("status")["ifaces"] if row["mode"] in ("xdp", "tc")}


def test_what_can_change_changes_and_what_cannot_is_said(lab, files):
    service = files.service
    sh("ip", "-n", lab.a, "link", "add", "dum0", "type", "veth", "peer", "name", "dum1")
    sh("ip", "-n", lab.a, "link", "set", "dum0", "up")
    assert safe(service) == [] and watched(service) == {lab.va}
    files.write(f"[Capture]\ninterfaces = {lab.va}, dum0\n[Web]\nallowed_hosts = a.example\n"
                "[Block]\nsafe = 203.0.113.0/24\nconfirm = 17s\ndefault_ttl = 2h\n")
    files.reload_whole()
    assert safe(service) == ["203.0.113.0/24"]
    status, _, err = service.cli("block", "add", "203.0.113.9")
    assert status == 1 and "203.0.113.0/24" in err
    wait_for(lambda: watched(service) == {lab.va, "dum0"}, 5, "the other interface is watched")
    assert "with the next start key=Web.allowed_hosts" in service.log()
    block = service.json("block", "add", "198.51.100.9")
    assert block["expires"], "the default lifetime of the new file"
    files.write(f"[Capture]\ninterfaces = {lab.va}\n")
    files.reload_whole()
    wait_for(lambda: watched(service) == {lab.va}, 5, "let go again")
    assert safe(service) == []
    # a core that is started again begins with what is in force, not with what was at the start
    files.write(f"[Capture]\ninterfaces = {lab.va}\n[Block]\nsafe = 192.0.2.0/24\n")
    files.reload_whole()
    os.kill(service.pids()["core"], signal.SIGKILL)
    wait_for(lambda: service.cli("safe", "list")[0] == 0 and safe(service) == ["192.0.2.0/24"], 10,
             "the new core has it")


@pytest.mark.parametrize("text, line, key, word", [
    ("[Block]\nsafe = 203.0.113.0/24, 300.1.1.1\n", 2, "Block.safe", "300.1.1.1"),
    ("[Block]\n\nconfirm = soon\n", 3, "Block.confirm", ""),
    ("[Block\n", 1, "", ""),
])
def test_a_wrong_file_changes_nothing_and_says_where(files, text, line, key, word):
    service = files.service
    files.write("[Capture]\ninterfaces = " + files.service.lab.va + "\n[Block]\nsafe = 192.0.2.0/24\n")
    files.reload_whole()
    before = service.log().count(SAID)
    files.write(text)
    files.reload()
    wait_for(lambda: "everything stays as it was" in service.log(), 5, "refused")
    said = next(l for l in service.log().splitlines() if f".conf:{line}: error" in l)
    assert key in said and word in said
    assert safe(service) == ["192.0.2.0/24"] and watched(service) == {service.lab.va}
    assert service.log().count(SAID) == before


def test_fifty_reloads_under_load_fail_no_request_and_let_no_packet_through(lab, files, tmp_path):
    service = files.service
    blocked = lab.ip_b.rsplit(".", 1)[0] + ".3"
    sh("ip", "-n", lab.b, "addr", "add", f"{blocked}/24", "dev", lab.vb)
    assert service.cli("block", "add", blocked)[0] == 0
    stop = tmp_path / "stop"
    load = lab.start(lab.a, "/usr/bin/python3", "-c", LOAD, service.url.partition("://")[2],
                     str(stop))
    watch = lab.start(lab.b, "ping", "-n", "-i", "0.01", "-c", "100000", "-W", "1", "-I", blocked,
                      lab.ip_a)
    pids = service.pids()
    for i in range(50):
        files.write(f"[Capture]\ninterfaces = {lab.va}\n[Block]\nsafe = 192.0.2.{i}\n")
        files.reload_whole()
        assert safe(service) == [f"192.0.2.{i}/32"] or safe(service) == [f"192.0.2.{i}"]
    stop.touch()
    good, bad = map(int, load.communicate(timeout=20)[0].split())
    watch.send_signal(signal.SIGINT)
    assert " 0 received" in watch.communicate(timeout=20)[0], "a blocked packet got through"
    assert bad == 0 and good > 50, (good, bad)
    assert service.pids() == pids, "no role was started again"
