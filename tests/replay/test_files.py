"""Capture files as they come: every link type, cut, broken, hostile."""
import json
import random

import pytest

from captures import IS_ROOT, ether, lines, replay, udp4, udp6, write

LINKS = [
    ("raw", 101, [udp4(), udp6()], 2, 0),
    ("raw4", 228, [udp4()], 1, 0),
    ("raw6", 229, [udp6()], 1, 0),
    ("null little endian", 0, [b"\2\0\0\0" + udp4(), b"\x1e\0\0\0" + udp6()], 2, 0),
    ("null big endian", 0, [b"\0\0\0\2" + udp4()], 1, 0),
    ("loop", 108, [b"\0\0\0\2" + udp4(), b"\0\0\0\x18" + udp6()], 2, 0),
    ("cooked", 113, [b"\0\0\0\1\0\6" + b"\0" * 8 + b"\x08\0" + udp4()], 1, 0),
    ("cooked 2", 276, [b"\x86\xdd" + b"\0" * 18 + udp6()], 1, 0),
    ("ppp", 9, [b"\xff\3\0\x21" + udp4(1), b"\x21" + udp4(2), b"\0\x57" + udp6(), b"\xc0\x21\1\1"], 3, 1),
    ("hdlc", 104, [b"\x0f\0\x08\0" + udp4()], 1, 0),
    ("802.11", 105, [b"x" * 60], 0, 1),
]


@pytest.mark.parametrize("name,link,packets,flows,no_ip", LINKS, ids=[row[0] for row in LINKS])
def test_link_types(tmp_path, name, link, packets, flows, no_ip):
    path = write(tmp_path / "link.pcap", link, packets)
    result = replay(path)
    assert result.returncode == 0, result.stderr
    assert len(lines(result, "flow")) == flows
    assert json.loads(replay(path, "json").stdout)["unused"]["no_ip"] == no_ip
    if no_ip:
        assert b"could not be used" in result.stderr


def test_counts_frames_that_no_device_carries(tmp_path):
    frames = [b"\0" * 13, ether(udp4()), b"\0" * 65550, b""]
    summary = json.loads(replay(write(tmp_path / "sizes.pcap", 1, frames), "json").stdout)
    assert (summary["unused"]["too_short"], summary["unused"]["too_long"]) == (2, 1)
    assert (summary["packets"], summary["flows"]) == (1, 1)


@pytest.mark.parametrize("cut", [24, 30, 40, 60, 95, 96, 97, 150])
def test_reads_what_there_is_of_a_cut_file(tmp_path, cut):
    path = write(tmp_path / "cut.pcap", 1, [ether(udp4(port)) for port in range(1, 10)])
    path.write_bytes(path.read_bytes()[:cut])
    result = replay(path, "json")
    assert result.returncode == 0, result.stderr
    whole = (cut - 24) // (16 + 42)
    assert json.loads(result.stdout)["packets"] == whole
    if (cut - 24) % (16 + 42):
        assert f"after packet {whole}:".encode() in result.stderr


def whole_packets(data, cut):
    """Of a classic pcap: how many lie before @cut, and whether it lies between two."""
    count, at = 0, 24
    while at + 16 <= len(data):
        size = int.from_bytes(data[at + 8:at + 12], "little")
        if at + 16 + size > cut:
            break
        count, at = count + 1, at + 16 + size
    return count, at == cut


def test_a_capture_cut_at_every_byte_says_what_is_left(tmp_path):
    frames = [ether(udp4(1000 + i, 53, bytes([i]) * (3 * i))) for i in range(6)]
    data = write(tmp_path / "whole.pcap", 1, frames).read_bytes()
    path = tmp_path / "cut.pcap"
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        result = replay(path, "json")
        assert result.returncode == (0 if cut >= 24 else 1), (cut, result.stderr)
        if cut < 24:
            assert result.stderr and not result.stdout, cut
            continue
        count, is_between = whole_packets(data, cut)
        summary = json.loads(result.stdout)
        assert summary["packets"] == summary["in_flows"] == count, cut
        assert is_between or f"after packet {count}:".encode() in result.stderr, cut


@pytest.mark.parametrize("content", [b"", b"not a capture\n", b"\xd4\xc3\xb2\xa1"])
def test_refuses_what_is_no_capture(tmp_path, content):
    path = tmp_path / "no.pcap"
    path.write_bytes(content)
    result = replay(path)
    assert result.returncode == 1
    assert result.stderr and not result.stdout


def test_times_that_go_back_are_counted_and_lose_nothing(tmp_path):
    path = write(tmp_path / "back.pcap", 1, [ether(udp4())] * 5)
    data = bytearray(path.read_bytes())
    data[24 + 2 * 58:24 + 2 * 58 + 4] = b"\1\0\0\0"
    path.write_bytes(data)
    summary = json.loads(replay(path, "json").stdout)
    assert (summary["bad_times"], summary["in_flows"]) == (1, 5)


def test_an_idle_flow_ends_by_the_time_of_the_file(tmp_path):
    frames = [ether(udp4())] + [ether(udp4(9))] * 20 + [ether(udp4())]
    result = replay(write(tmp_path / "idle.pcap", 1, frames))
    flows = [e for e in lines(result, "flow") if e["src_port"] == 1000]
    assert [e["flow"]["pkts_toserver"] for e in flows] == [1, 1]
    assert flows[0]["flow"]["start"] == "2023-11-14T22:13:20.000000+0000"
    assert flows[0]["flow_id"] == flows[1]["flow_id"] < 1 << 53


def test_fuzzed_files_neither_crash_nor_hang_and_add_up(tmp_path):
    rng = random.Random(4)
    frames = [ether(udp4(p, 53, b"x" * p)) for p in range(1, 60)]
    whole = write(tmp_path / "whole.pcap", 1, frames).read_bytes()
    path = tmp_path / "fuzzed.pcap"
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 40)):
            data[rng.randrange(24, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        result = replay(path, "json")
        assert result.returncode == 0, result.stderr
        s = json.loads(result.stdout)
        assert s["seen"] == s["packets"] == s["in_flows"] + sum(s["not_flow"].values())
        if IS_ROOT:
            assert replay(path).stdout == replay(path, datapath="kernel").stdout
