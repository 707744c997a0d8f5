"""Wrong configuration, missing rights, missing interfaces, unsafe blocks: one clear sentence each."""
import json
import os
import re
import subprocess
import tempfile

import pytest

from hosts import SLUICE, Service, inside, lab, service, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

ORIGINAL = """[General]
demo_mode = true
log_level = INFO

[Sniffer]
filter = tcp port 80 or udp port 53 or tcp port 443
timeout = 3600

[API]
virustotal_key =
"""

# file text, line, key, a word of the reason
WRONG = [
    ("[Web]\nlisten = nowhere\n", 2, "Web.listen", "ADDRESS:PORT"),
    ("[Capture]\nmode = fast\n", 2, "Capture.mode", "auto"),
    ("[Capture]\n\nflow_slots = 5000\n", 3, "Capture.flow_slots", "power"),
    ("[Store]\nflows_max_bytes = 2 apples\n", 2, "Store.flows_max_bytes", ""),
    ("[Store]\nflows_max_age = 5m\n", 2, "Store.flows_max_age", ""),
    ("[Block]\nsafe = 192.0.2.0/24, 300.1.1.1\n", 2, "Block.safe", "300.1.1.1"),
    ("[General]\ndemo_mode = perhaps\n", 2, "General.demo_mode", ""),
    ("[Detect]\nalerts_per_day = -1\n", 2, "Detect.alerts_per_day", ""),
    ("[Web]\nlisten = 127.0.0.1:5000\nlisten = 127.0.0.1:5001\n", 3, "Web.listen", "twice"),
    ("[Web\nlisten = 127.0.0.1:5000\n", 1, "", ""),
]


def run(*words, **options):
    """A command of sluice that ends by itself."""
    options.setdefault("timeout", 30)
    return subprocess.run([SLUICE, *words], check=False, capture_output=True, text=True, **options)


@pytest.mark.parametrize("text, line, key, word", WRONG)
def test_a_wrong_configuration_names_file_line_key_and_reason(tmp_path, text, line, key, word):
    path = tmp_path / "wrong.conf"
    path.write_text(text, encoding="utf-8")
    checked = run("check", "-c", str(path))
    assert checked.returncode == 78, checked
    said = checked.stdout + checked.stderr
    assert f"{path}:{line}:" in said and key in said and word in said, said
    started = run("run", "-c", str(path), "--state", str(tmp_path / "state"))
    assert started.returncode == 78, started
    assert f"{path}:{line}:" in started.stderr and key in started.stderr
    listed = json.loads(run("check", "-c", str(path), "-o", "json").stdout)
    assert listed["ok"] is False
    assert any(item["line"] == line and item["error"] for item in listed["items"]), listed


def test_the_original_file_is_accepted_unchanged_and_runs_the_demo(tmp_path):
    path = tmp_path / "analyzer_config.ini"
    path.write_text(ORIGINAL, encoding="utf-8")
    checked = run("check", "-c", str(path))
    assert checked.returncode == 0, checked
    assert "timeout" in checked.stdout
    child = subprocess.Popen([SLUICE, "run", "-c", str(path), "--listen", "127.0.0.1:0", "--state",
                              str(tmp_path / "state")], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.STDOUT)
    try:
        lines = iter(child.stdout.readline, "")
        assert any(line.startswith("demo:") for line in lines)
    finally:
        child.terminate()
        assert child.wait(timeout=20) == 0
        child.stdout.close()


def test_without_rights_run_says_what_it_needs(tmp_path):
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SLUICE, "run",
               "--listen", "127.0.0.1:0", "--state", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 77, done
    assert "root" in done.stderr and "sluice demo" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_interface_is_named(lab, tmp_path):
    command = [SLUICE, "run", "-i", "nosuch0", "--listen", "127.0.0.1:0", "--state", str(tmp_path)]
    done = subprocess.run(inside(lab.a, command), check=False, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 69, done
    assert "nosuch0" in done.stderr


def test_a_second_service_on_the_same_state_is_refused(lab, service):
    command = [SLUICE, "run", "-i", lab.va, "--listen", "127.0.0.1:0", "--state", service.state]
    done = subprocess.run(inside(lab.a, command), check=False, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 1
    assert "another sluice" in done.stderr and os.path.realpath(service.state) in done.stderr
    assert service.cli("status")[0] == 0


def test_plain_http_off_loopback_is_refused_and_tls_is_the_default(lab, tmp_path):
    plain = tmp_path / "plain.conf"
    plain.write_text("[Web]\ntls = off\n", encoding="utf-8")
    state = tempfile.mkdtemp(prefix="sluice-net-")
    refused = run("run", "-c", str(plain), "--listen", "0.0.0.0:0", "--state", state)
    assert refused.returncode == 78 and "loopback" in refused.stderr, refused
    child = lab.start(lab.a, SLUICE, "demo", "--listen", f"{lab.ip_a}:0", "--state", state)
    url = None
    for line in iter(child.stdout.readline, ""):
        found = re.search(r"listening on (https://\S+)", line)
        url = found[1] if found else url
        if line.startswith("certificate"):
            break
    assert url, "https off loopback"
    done = lab.run(lab.b, "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", url + "/healthz")
    assert done.stdout == "200"
    child.terminate()
    assert child.wait(timeout=20) == 0


def test_unsafe_and_wrong_blocks_are_refused_with_the_reason(lab):
    config = f"[Block]\nsafe = 203.0.113.0/24\n"
    gateway = lab.ip_b
    lab.run(lab.a, "ip", "route", "add", "default", "via", gateway)
    service = Service(lab, config=config)
    try:
        service.start()
        service.set_up()
        wait_for(lambda: gateway in service.cli("safe", "list")[1], 8, "the gateway is known")
        net = lab.ip_a.rsplit(".", 1)[0]
        cases = [(lab.ip_a, "safe_address", "own"), (f"{net}.0/24", "safe_address", ""),
                 (gateway, "safe_address", "gateway"), (lab.ip6_a, "safe_address", "own"),
                 ("203.0.113.9", "safe_address", ""), ("203.0.112.0/22", "safe_address", ""),
                 (f"::ffff:{lab.ip_a}", "safe_address", "own"), ("127.0.0.1", None, ""),
                 ("0.0.0.0/0", None, ""), ("::/0", None, ""), ("224.0.0.1", None, ""),
                 ("169.254.1.1", None, ""), ("fe80::1", None, ""), ("not an address", "invalid", ""),
                 ("198.51.100.1/24", "invalid", "198.51.100.0/24"), ("", "invalid", "")]
        for value, code, word in cases:
            status, body = service.http("POST", "/api/v1/blocks", {"value": value})
            assert status == 422, (value, status, body)
            assert code in (None, body["error"]["code"]) and word in body["error"]["message"], body
            assert body["error"]["field"] == "value" and body["error"]["request_id"]
        assert service.json("block", "list")["items"] == []
        for body, field in (({"value": "198.51.100.9", "ttl": "soon"}, "ttl"),
                            ({"value": "198.51.100.9", "port": 70000}, "port"),
                            ({"value": "198.51.100.9", "direction": "up"}, "direction"),
                            ({"value": 7}, "value")):
            status, answer = service.http("POST", "/api/v1/blocks", body)
            assert status == 422 and answer["error"]["field"] == field, (body, answer)
        assert lab.pings(lab.b, lab.ip_a) == 3
    finally:
        service.close()


def test_usage_errors_exit_2_and_a_missing_service_1(tmp_path):
    for words in ((), ("nonsense",), ("block",), ("block", "add"), ("flows", "list", "--colour=red"),
                  ("status", "-o", "yaml"), ("demo", "--seed", "x"), ("status", "extra")):
        assert run(*words).returncode == 2, words
    done = run("status", "--state", str(tmp_path))
    assert done.returncode == 1 and "no service answers" in done.stderr
    assert run("--help").returncode == 0
