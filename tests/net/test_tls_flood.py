"""A flood of TLS handshakes costs neither packets nor those who are logged in. SLUICE_SOAK=1: at length."""
import os
import pathlib
import re
import sys

import pytest

from hosts import PASSWORD, Service, lab
from test_exact import sender, still
from test_reliability import assert_sums

HERE = pathlib.Path(__file__).parent
SOAK = bool(os.environ.get("SLUICE_SOAK"))
SECONDS, RATE, PACKETS_PER_S = (60 if SOAK else 6), 300, 5000
P99_MS = 200 if SOAK else 1000  # facts/server.md P5; the suite runs beside others


@pytest.fixture
def https(lab, tmp_path):
    """The service with its web side on the pair's address, over TLS; somebody is logged in."""
    made = Service(lab, arguments=["-i", lab.va, "--listen", f"{lab.ip_a}:0"])
    (tmp_path / "password").write_text(PASSWORD)
    try:
        made.start()
        status, _, error = made.cli("user", "add", "ann", "--role", "admin", "--password-file",
                                    str(tmp_path / "password"))
        assert status == 0, error
        text = lab.run(lab.b, "curl", "-sik", made.url + "/api/v1/login", "-H",
                       "Content-Type: application/json", "-d",
                       f'{{"username": "ann", "password": "{PASSWORD}"}}').stdout
        made.cookie = re.search(r"(?i)^set-cookie: ([^;]+)", text, re.M)[1]
        yield made
    finally:
        made.close()


def test_a_flood_of_handshakes_loses_no_packet_and_no_answer(lab, https, sender):
    address, port = lab.ip_a, https.url.rpartition(":")[2]
    assert https.url.startswith("https://")
    first, _, _, peer = still(lab, https)
    events = https.json("coverage")["events_lost"]
    load = lab.start(lab.b, sender, address, "9", str(PACKETS_PER_S * SECONDS), "64", "1", lab.ip_b,
                     str(PACKETS_PER_S))
    flood = lab.start(lab.b, sys.executable, str(HERE / "handshakes.py"), address, port, str(RATE),
                      str(SECONDS))
    asked = lab.run(lab.b, sys.executable, str(HERE / "asker.py"), address, port, https.cookie,
                    str(SECONDS), timeout=SECONDS + 60)
    assert asked.returncode == 0, asked.stderr
    done, failed, took_s = flood.communicate(timeout=60)[0].split()
    load.communicate(timeout=60)
    answers, median, p99 = map(float, asked.stdout.split())
    print(f"{done} handshakes in {took_s} s; {answers:.0f} answers beside them, median {median:.1f}, "
          f"p99 {p99:.1f} ms")
    assert int(done) >= RATE * SECONDS * 0.9 if SOAK else int(done) > 50
    assert int(failed) == 0
    assert p99 <= P99_MS
    last, _, _, peer2 = still(lab, https)
    assert_sums(last)
    row, base = last[lab.va, "ingress"], first[lab.va, "ingress"]
    assert row["seen"] - base["seen"] == peer2 - peer
    assert row["unattributed"] == base["unattributed"]
    assert https.json("coverage")["events_lost"] == events
