"""What `sluice replay` finds in captures written by others, and what it must not find."""
import csv
import json
import os
import struct

import pytest

from captures import SHARED, lines, replay

FOLDER = os.path.join(SHARED, "data", "pcap")
MANIFEST = os.path.join(FOLDER, "MANIFEST.tsv")

pytestmark = pytest.mark.skipif(not os.path.exists(MANIFEST),
                                reason="no captures in ../shared/data/pcap")

# capture -> (detector, source, a word of its reason)
ATTACKS = {
    "ndpi__synscan.pcap": ("port_scan", "172.16.0.8", "64.13.134.52"),
    "ndpi__dns-tunnel-iodine.pcap": ("dns_tunnel", "10.0.2.30", "pirate.sea"),
    "slips__malicious-ssh-bruteforce.pcap": ("brute_force", "147.32.80.40", "port 902 (SSH)"),
    "slips__test7-malicious.pcap": ("host_scan", "192.168.2.16", "TCP port 23"),
    "csand__arppoison.pcapng": ("arp_spoof", "172.16.0.105", "172.16.0.1 is its own"),
}


def manifest():
    """(name, flags) of each capture."""
    if not os.path.exists(MANIFEST):
        return []
    with open(MANIFEST, encoding="utf-8") as file:
        rows = csv.reader((row for row in file if not row.startswith("#")), delimiter="\t")
        return [(row[0], row[2]) for row in rows]


def alerts_of(name):
    return lines(replay(os.path.join(FOLDER, name)), "alert")


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_found_once_under_their_name(name):
    detector, source, word = ATTACKS[name]
    alerts = [a for a in alerts_of(name) if a["alert"]["severity"] < 3]
    assert len(alerts) == 1, alerts
    alert = alerts[0]
    metadata = alert["alert"]["metadata"]
    assert metadata["sluice_detector"] == [detector] and alert["src_ip"] == source
    assert word in metadata["sluice_reason"][0]
    assert metadata["mitre_technique_id"][0].startswith("T")
    assert 9000000 < alert["alert"]["signature_id"] < 9001000
    assert alert["alert"]["signature"].startswith("sluice ") and alert["alert"]["category"]


@pytest.mark.parametrize("name,flags", [row for row in manifest() if "A" not in row[1]],
                         ids=lambda value: value)
def test_nothing_above_low_without_an_attack(name, flags):
    alerts = [a for a in alerts_of(name) if a["alert"]["severity"] < 3]
    assert not alerts, (flags, alerts)


def test_the_summary_and_the_page_name_them_too():
    path = os.path.join(FOLDER, "ndpi__synscan.pcap")
    alert = json.loads(replay(path, "json").stdout)["alerts"][0]
    assert (alert["detector"], alert["severity"], alert["count"]) == ("port_scan", "medium", 1000)
    assert alert["title"] == "Vertical port scan" and alert["technique"] == "T1046"
    assert b"medium Vertical port scan: 172.16.0.8 tried 1000 ports" in replay(path, "human").stdout


def write_at(path, frames):
    """A capture of (seconds, frame)."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for at, frame in frames:
            out.write(struct.pack("<IIII", 1700000000 + int(at), int(at % 1 * 1e6), len(frame),
                                  len(frame)) + frame)
    return path


def ipv4(src, dst, proto, data):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, proto, 0)
    return b"\2" * 6 + b"\4" * 6 + b"\x08\0" + head + bytes(src) + bytes(dst) + data


def tcp(sport, dport, flags, seq=1, data=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, seq, 0, 0x50, flags, 512, 0, 0) + data


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


A, B = (198, 18, 0, 1), (198, 18, 0, 2)


def only(tmp_path, frames):
    """The detectors of alerts above low."""
    result = replay(write_at(tmp_path / "made.pcap", frames))
    return [a["alert"]["metadata"]["sluice_detector"][0] for a in lines(result, "alert")
            if a["alert"]["severity"] < 3]


def test_flood_of_made_up_sources_is_one_alert_of_the_victim(tmp_path):
    frames = [(i / 5000, ipv4((10, i >> 16 & 255, i >> 8 & 255, i & 255), A, 6,
                              tcp(1024 + i % 60000, 80, 2))) for i in range(20000)]
    assert only(tmp_path, frames) == ["syn_flood"]


def test_udp_and_icmp_floods(tmp_path):
    frames = [(i / 40000, ipv4(B, A, 17, udp(4000, 9, b"x"))) for i in range(60000)]
    assert only(tmp_path, frames) == ["udp_flood"]
    frames = [(i / 4000, ipv4(B, A, 1, b"\x08\0\0\0" + struct.pack(">HH", 1, i & 0xFFFF)))
              for i in range(12000)]
    assert only(tmp_path, frames) == ["icmp_flood"]


def test_connect_scan_whose_ports_are_closed(tmp_path):
    frames = []
    for i in range(200):
        frames.append((i / 50, ipv4(B, A, 6, tcp(40000 + i, 1 + i, 2))))
        frames.append((i / 50 + .001, ipv4(A, B, 6, tcp(1 + i, 40000 + i, 0x14))))
    assert only(tmp_path, frames) == ["port_scan"]


def test_slow_scan_within_the_hour(tmp_path):
    frames = [(i * 45, ipv4(B, A, 6, tcp(40000 + i, 1 + i, 2))) for i in range(70)]
    assert only(tmp_path, frames) == ["port_scan"]


def test_ping_sweep(tmp_path):
    frames = [(i / 20, ipv4(B, (203, 0, 113, i), 1, b"\x08\0\0\0\0\1\0\1")) for i in range(1, 100)]
    assert only(tmp_path, frames) == ["host_scan"]


def test_http_basic_is_a_fact_without_the_secret(tmp_path):
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
    frames = [(0, ipv4(B, A, 6, tcp(40000, 80, 2))),
              (.1, ipv4(A, B, 6, tcp(80, 40000, 0x12))),
              (.2, ipv4(B, A, 6, tcp(40000, 80, 0x18, 2, request)))]
    result = replay(write_at(tmp_path / "made.pcap", frames))
    alerts = lines(result, "alert")
    assert [a["alert"]["metadata"]["sluice_detector"] for a in alerts] == [["plain_password"]]
    assert b"c2VjcmV0" not in result.stdout and alerts[0]["alert"]["severity"] == 3
