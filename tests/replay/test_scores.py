"""Captures written by others, against what tshark says of them, through both datapaths."""
import glob
import json
import os
import random
import re
import subprocess
import sys

import pytest

from captures import IS_ROOT, SHARED, replay

FOLDER = os.path.join(SHARED, "data", "pcap")
TOOLS = os.path.join(SHARED, "tools", "pcap")
KINDS = ("pcap", "pcapng", "cap")
FILES = sorted(f for kind in KINDS for f in glob.glob(os.path.join(FOLDER, "*." + kind)))
BARS = {"flows": 100, "dns_udp": 100, "dns_addr": 100, "tls": 100, "tls_multi": 98,
        "dns_multi": 98, "quic": 95, "quic_multi": 95, "ja3": 100, "ja4": 100, "alpn": 100,
        "http": 98}

pytestmark = pytest.mark.skipif(not FILES, reason="no captures in ../shared/data/pcap")


@pytest.fixture(scope="module", name="outputs")
def all_outputs():
    return {path: replay(path).stdout for path in FILES}


def test_every_packet_is_in_one_place():
    for path in FILES:
        result = replay(path, "json")
        assert result.returncode == 0, path
        s = json.loads(result.stdout)
        assert s["seen"] == s["packets"] == s["in_flows"] + sum(s["not_flow"].values()), path
        assert not s["events_lost"], path


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_the_kernel_writes_the_same_bytes(outputs):
    for path, output in outputs.items():
        assert replay(path, datapath="kernel").stdout == output, path


def test_mutated_captures_are_read_alike_and_add_up(tmp_path):
    """Cut, overwritten and stretched: whatever comes, no crash, and each packet in one place."""
    rng = random.Random(61)
    small = [path for path in FILES if os.path.getsize(path) < 200000]
    mutant = tmp_path / "mutant.pcap"
    for i in range(24):
        path = rng.choice(small)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        if i % 4 == 0:
            del data[rng.randrange(24, len(data)):]
        for _ in range(rng.choice((1, 3, 20, 200))):
            data[rng.randrange(min(24, len(data) - 1), len(data))] = rng.randrange(256)
        mutant.write_bytes(data)
        result = replay(mutant, "json")
        assert result.returncode in (0, 1), (path, i, result.stderr)
        if result.returncode == 0:
            s = json.loads(result.stdout)
            assert s["seen"] == s["packets"] == s["in_flows"] + sum(s["not_flow"].values()), path
        if IS_ROOT and i % 4 == 1:
            assert replay(mutant).stdout == replay(mutant, datapath="kernel").stdout, (path, i)


def test_scores_are_at_their_bars(outputs, tmp_path):
    for path, output in outputs.items():
        result = subprocess.run([sys.executable, os.path.join(TOOLS, "eve_to_result.py")],
                                input=output, capture_output=True, check=True)
        (tmp_path / (os.path.basename(path) + ".result.json")).write_bytes(result.stdout)
    score = [sys.executable, os.path.join(TOOLS, "score.py"), "-v", FOLDER, str(tmp_path)]
    said = subprocess.run(score, capture_output=True, text=True, check=True).stdout
    clean = said.split("== clean captures")[1].split("== malformed")[0]
    rows = re.finditer(r"^(\w+) +(\d+) / (\d+)", clean, re.M)
    scores = {m[1]: 100 * int(m[2]) / int(m[3]) for m in rows}
    low = {k: scores.get(k) for k, bar in BARS.items() if scores.get(k, 0) < bar}
    assert not low, f"{low}\n{said}"


def test_every_line_is_valid_eve(outputs):
    jsonschema = pytest.importorskip("jsonschema")
    with open(os.path.join(SHARED, "data", "eve-schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema)(schema)
    for path, output in outputs.items():
        for line in output.splitlines():
            error = next(validator.iter_errors(json.loads(line)), None)
            assert error is None, (path, error.message, line)
