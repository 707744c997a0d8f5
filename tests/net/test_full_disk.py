"""A file system that is filled to the last byte under the running service, and emptied again."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

from hosts import PASSWORD, Service, lab, sh, wait_for

SCAN = """
import socket, sys
for port in range(int(sys.argv[2]), int(sys.argv[2]) + 300):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((sys.argv[1], port))
    s.close()
"""


@pytest.fixture
def small(lab):
    """A service whose state lies in 64 MB of memory."""
    folder = tempfile.mkdtemp(prefix="sluice-net-")
    sh("mount", "-t", "tmpfs", "-o", "size=64m,mode=0755", "sluice-full", folder)
    made = Service(lab, config="[Store]\nfree_floor = 0\n")
    shutil.rmtree(made.state)
    made.state = folder + "/state"
    try:
        made.start()
        made.set_up()
        yield made
    finally:
        made.close()
        sh("umount", "--lazy", folder)  # its children end a moment after it
        os.rmdir(folder)


def fill(path):
    """To the last byte."""
    with open(path, "wb", buffering=0) as out:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                continue


def records(service, port):
    """Whether the history has connections to this port."""
    status, body = service.http("GET", f"/api/v1/flows?q=dport:{port}%20since:1h")
    assert status == 200, body
    return body["items"]


def test_everything_but_the_history_goes_on_while_the_disk_is_full(lab, small):
    filler = pathlib.Path(small.state).parent / "filler"
    lab.run(lab.b, "/usr/bin/python3", "-c", SCAN, lab.ip_a, "2000")
    wait_for(lambda: records(small, 2007), 20, "records on disk")
    fill(filler)
    assert os.statvfs(filler).f_bavail == 0
    lab.run(lab.b, "/usr/bin/python3", "-c", SCAN, lab.ip_a, "4000")
    wait_for(lambda: "the disk is full" in small.log() or "wait in memory" in small.log(), 20,
             "it is said")
    seen = small.coverage()[lab.va, "ingress"]["seen"]
    assert small.cli("block", "add", lab.ip_b, "--reason", "while full")[0] == 0
    assert lab.pings(lab.b, lab.ip_a) == 0
    assert small.cli("block", "del", lab.ip_b)[0] == 0
    assert lab.pings(lab.b, lab.ip_a) == 3
    wait_for(lambda: small.coverage()[lab.va, "ingress"]["seen"] >= seen + 6, 5, "capture goes on")
    cookie, small.cookie = small.cookie, ""
    status, _ = small.http("POST", "/api/v1/login", {"username": "admin", "password": PASSWORD})
    assert status == 200
    small.cookie = cookie
    assert records(small, 2007) and not records(small, 4007)
    filler.unlink()
    began = time.monotonic()
    wait_for(lambda: records(small, 4007), 5, "what waited is written within 5 s")
    print(f"recovered within {time.monotonic() - began:.1f} s")
    assert small.http("GET", "/api/v1/status")[1]["rows_lost"] == 0
    rows = small.json("block", "list", "--all")["items"]
    assert [row["reason"] for row in rows] == ["while full"]
    assert small.stop() == 0
    for name in ("main.db", "flows.db"):
        done = subprocess.run(["sqlite3", f"{small.state}/{name}", "PRAGMA integrity_check"],
                              check=True, capture_output=True, text=True)
        assert done.stdout == "ok\n", name
