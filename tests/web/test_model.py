"""The anomaly model over the API and the command line of the real program."""

import json
import subprocess

import pytest

from program import BINARY, PASSWORD, Program, until


@pytest.fixture(scope="module")
def demo():
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def viewer(demo):
    return demo.log_in("admin", PASSWORD)


def get(demo, session, path):
    status, body, _ = demo.call("GET", path, cookie=session[0])
    return status, body


def test_the_learning_phase_is_visible(demo, viewer):
    status, body = get(demo, viewer, "/model")
    assert status == 200
    assert body["state"] == "settling" and 0 < body["settle_s"] <= 3600
    assert len(body["kinds"]) == 18 and all(kind["models"] == 0 for kind in body["kinds"])
    assert body["verdicts"]["false_rate"] is None and body["alerts_per_day"] == 5


def test_a_host_is_shown_and_a_stranger_is_not(demo, viewer):
    until(lambda: get(demo, viewer, "/model?ip=192.0.2.10")[1].get("place") == "own", 20)
    status, body = get(demo, viewer, "/model?ip=192.0.2.10")
    assert body["place"] == "own" and [w["window_s"] for w in body["windows"]] == [10, 600, 86400]
    day = body["windows"][2]
    assert day["open"] and day["unusual"] is None and len(day["features"]) == 22
    assert get(demo, viewer, "/model?ip=203.0.113.250")[0] == 404
    status, body = get(demo, viewer, "/model?ip=1.2.3")
    assert status == 422 and body["error"]["field"] == "ip"


def test_the_command_says_the_same(demo):
    def run(*words):
        return subprocess.run([BINARY, "model", "show", *words, "--state", demo.state], capture_output=True, text=True)
    assert run().stdout.startswith("settling: ")
    assert json.loads(run("-o", "json").stdout)["hosts_max"] == 100000
    assert run("203.0.113.250").returncode == 1
