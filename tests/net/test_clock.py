"""A wall clock that jumps days either way and to 1970 under a running service (R9)."""
import os
import pathlib
import random
import struct
import subprocess
import time

import pytest

from hosts import ROOT, Service, lab, wait_for

DAY_MS = 86400000
JUMPS = 100


@pytest.fixture(name="shim", scope="module")
def make_shim(tmp_path_factory):
    """The library that moves CLOCK_REALTIME."""
    out = tmp_path_factory.mktemp("jump") / "jump.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", out,
                    ROOT / "tests" / "net" / "jump.c"], check=True)
    os.chmod(out.parent, 0o755)
    return out


class Jumping(Service):
    """A service whose wall clock is the test's."""

    def __init__(self, lab, shim, clock):
        super().__init__(lab)
        self.shim, self.clock = shim, clock
        self.jump(0)

    def jump(self, ms):
        """The clock reads so many milliseconds more than the machine's."""
        with open(self.clock, "r+b" if self.clock.exists() else "wb") as out:
            out.write(struct.pack("q", int(ms)))

    def start(self, seconds=30):
        """With the library preloaded, for this one child only."""
        os.environ.update(LD_PRELOAD=str(self.shim), SLUICE_TEST_JUMP=str(self.clock))
        try:
            return super().start(seconds)
        finally:
            del os.environ["LD_PRELOAD"], os.environ["SLUICE_TEST_JUMP"]


def state_of(service, number):
    """A block's state."""
    return next(row for row in service.json("block", "list", "--all")["items"]
                if row["id"] == number)["state"]


def assert_rates(service):
    """What is shown of the last minutes is no less than nothing and no more than was sent."""
    status, body = service.http("GET", "/api/v1/series?seconds=600&step=1")
    assert status == 200, body
    for row in body["items"]:
        for key, value in row.items():
            assert key == "time" or 0 <= value < 10**9, row


def test_jumps_of_the_wall_clock_do_no_harm(lab, shim, tmp_path):
    service, chance = Jumping(lab, shim, tmp_path / "clock"), random.Random(9)
    try:
        service.start()
        service.set_up()
        began = time.monotonic()
        long = service.http("POST", "/api/v1/blocks", {"value": lab.ip_b, "ttl": "1h"})[1]
        ends = service.http("POST", "/api/v1/blocks", {"value": "203.0.113.7", "ttl": "8s"})[1]
        now_ms = time.time() * 1000
        for i in range(JUMPS):
            service.jump(chance.choice((DAY_MS, -DAY_MS, 40 * DAY_MS, -40 * DAY_MS, -now_ms + 1000,
                                        chance.randint(-DAY_MS, DAY_MS))))
            if i % 20 == 0:
                assert lab.pings(lab.b, lab.ip_a, count=1) == 0, "the long block holds"
                assert service.http("GET", "/api/v1/session")[0] == 200, "the session lives"
                assert_rates(service)
                seen = state_of(service, ends["id"])
                assert seen == "active" or time.monotonic() - began >= 8
            time.sleep(0.05)  # the moments between two jumps
        service.jump(3 * DAY_MS)
        wait_for(lambda: state_of(service, ends["id"]) == "expired", 15, "the short block ends")
        assert time.monotonic() - began >= 8
        assert state_of(service, long["id"]) == "active"
        assert lab.pings(lab.b, lab.ip_a, count=1) == 0
        service.jump(0)
        assert service.cli("block", "del", str(long["id"]))[0] == 0
        assert lab.pings(lab.b, lab.ip_a) == 3
        wait_for(lambda: any(row["src_ip"] == lab.ip_b for row in service.http(
            "GET", "/api/v1/flows?q=proto:icmp")[1]["items"]), 5, "counting goes on")
        assert service.cli("check", "--audit")[0] == 0
        assert pathlib.Path(service.state, "flows.db").exists()
        status, body = service.http("GET", "/api/v1/status")
        assert status == 200 and body["rows_lost"] == 0
    finally:
        service.close()
