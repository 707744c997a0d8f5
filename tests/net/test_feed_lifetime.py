"""How long entries of a feed live once it cannot be fetched any more: judged by the kernel."""
import os
import pathlib
import shutil
import signal
import sqlite3
import time

import pytest

from hosts import Service, lab, sh, wait_for
from test_feeds import Stub, entries, feed, sluice, start, web

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

FAR = "203.0.113.9"
LIFE_S = 6  # shorter than an order may say: written while the service is down


def expires(demo, name):
    """When its list ends, as the list says it."""
    return next(row for row in demo.json("block", "list")["items"] if row["value"] == name)["expires"]


def test_an_unchanged_answer_renews_and_a_lifetime_spans_two_turns(web):
    made = start("[Feed]\nallow_private = yes\n")
    try:
        Stub.body["living"] = "203.0.113.1\n203.0.113.2\n"
        for life, every in (("1h", "1h"), ("400d", "1h"), ("soon", "1h"), ("24h", "24h")):
            status, said = sluice(made, "feed", "add", "living", f"{web}/living", "--lifetime", life,
                                  "--every", every)
            assert status == 1 and "lifetime" in said, said
        assert sluice(made, "feed", "add", "living", f"{web}/living", "--lifetime", "2d")[0] == 0
        first, row = expires(made, "living"), feed(made, "living")
        assert row["lifetime"] == 2 * 86400 and row["seen"] == row["checked"]
        assert abs(time.mktime(time.strptime(first[:19], "%Y-%m-%dT%H:%M:%S"))
                   - time.mktime(time.gmtime()) - 2 * 86400) < 60
        assert sluice(made, "feed", "refresh", "living")[0] == 0
        assert Stub.asked[-1][0] == "living" and Stub.asked[-1][1]  # conditional, answered by 304
        second = expires(made, "living")
        assert second > first and feed(made, "living")["expires"] > row["expires"]
        Stub.body["living"] = "203.0.113.1\n203.0.113.2\n203.0.113.3\n"
        assert sluice(made, "feed", "refresh", "living")[0] == 0
        third = expires(made, "living")
        assert third > second and len(entries(made, "living")) == 3
        del Stub.body["living"]
        assert sluice(made, "feed", "refresh", "living")[0] == 1  # 404: nothing was seen
        assert expires(made, "living") == third and feed(made, "living")["state"] == "failed"
        assert sluice(made, "feed", "add", "lasting", f"{web}/plain")[0] == 0
        assert expires(made, "lasting") is None and feed(made, "lasting")["expires"] is None
    finally:
        made.close()
        shutil.rmtree(made.folder)


def shorten(service):
    """The service ends, its feeds get LIFE_S, and it is back."""
    assert service.stop() == 0
    with sqlite3.connect(f"{service.state}/main.db") as base:
        base.execute("UPDATE feeds SET lifetime_s = ?", (LIFE_S,))
    service.start()


def state_of(service):
    """Of the only feed."""
    return service.json("feed", "list")["items"][0]["state"]


def test_a_feed_that_cannot_be_fetched_runs_out_in_the_kernel_and_comes_back(lab):
    sh("ip", "-n", lab.b, "addr", "add", f"{FAR}/32", "dev", lab.vb)
    sh("ip", "-n", lab.a, "route", "add", f"{FAR}/32", "via", lab.ip_b)
    service = Service(lab)
    try:
        service.start()
        path = pathlib.Path(service.state) / "feed.txt"
        path.write_text(f"{FAR}\n203.0.113.77\n", encoding="utf-8")
        status, _, said = service.cli("feed", "add", "far", f"file://{path}", "--every", "1h",
                                      "--lifetime", "2h")
        assert status == 0, said
        wait_for(lambda: lab.pings(lab.a, FAR, count=1) == 0, 5, "the feed drops")
        shorten(service)
        assert service.cli("feed", "refresh", "far")[0] == 0
        core = service.pids()["core"]
        os.kill(core, signal.SIGSTOP)  # nobody but the kernel is left to end it
        try:
            assert lab.pings(lab.a, FAR, count=1) == 0
            wait_for(lambda: lab.pings(lab.a, FAR, count=1), LIFE_S + 3, "its end, without core")
        finally:
            os.kill(core, signal.SIGCONT)
        path.rename(path.with_suffix(".away"))
        wait_for(lambda: state_of(service) == "expired", 20, "it is said")
        assert service.cli("feed", "refresh", "far")[0] == 1 and state_of(service) == "expired"
        assert not [row for row in service.json("block", "list")["items"] if row["value"] == "far"]
        path.with_suffix(".away").rename(path)
        assert service.cli("feed", "refresh", "far")[0] == 0 and state_of(service) == "ok"
        wait_for(lambda: lab.pings(lab.a, FAR, count=1) == 0, 5, "it is back by itself")
    finally:
        service.close()
