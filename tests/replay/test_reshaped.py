"""The same packets in another dress: behind other link headers and tags, in fragments, in smaller
segments. What is said of them stays what it was (test_scores.py holds that against tshark)."""
import json
import os
import random
import struct

import pytest

from captures import IS_ROOT, SHARED, replay, write

FOLDER = os.path.join(SHARED, "data", "pcap")
QUIC = ["suri__ja4-quic_input.pcap", "zeek__quic-multiple-initial-fragmented-crypto.pcap"]
FILES = [*QUIC, "pcpp__DnsPackets.pcap", "pcpp__http-packets2.pcap", "zeek__hrr.pcap",
         "zeek__ipv6-http-atomic-frag.pcap", "ndpi__sctp.cap", "zeek__vlan-collisions.pcap",
         "ndpi__vxlan.pcap"]
IPV4, IPV6, TAGS = 0x0800, 0x86DD, (0x8100, 0x88A8)
MACS = b"\2\0\0\0\0\1\2\0\0\0\0\2"
TCP, UDP, FRAGMENT = 6, 17, 44  # IANA
MORE = 0x2000  # RFC 791 3.1

pytestmark = pytest.mark.skipif(not os.path.isdir(FOLDER),
                                reason="no captures in ../shared/data/pcap")


def number(two_bytes):
    return int.from_bytes(two_bytes, "big")


def packets_of(name):
    """(EtherType, IP packet) of each frame that has one, without padding; whole frames only."""
    with open(os.path.join(FOLDER, name), "rb") as file:
        data = file.read()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at, found = 24, []
    while at + 16 <= len(data):
        _, _, kept, was = struct.unpack(order + "IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        place = 12
        while number(frame[place:place + 2]) in TAGS:
            place += 4
        kind = number(frame[place:place + 2])
        packet = frame[place + 2:]
        if kept != was or kind not in (IPV4, IPV6):
            continue
        size = number(packet[2:4]) if kind == IPV4 else 40 + number(packet[4:6])
        found.append((kind, packet[:size]))
    return found


def two(value):
    return struct.pack(">H", value)


def ppp_of(kind):
    return b"\0\x21" if kind == IPV4 else b"\0\x57"


DRESSES = {
    "ethernet": (1, lambda kind, ip: MACS + two(kind) + ip),
    "tag": (1, lambda kind, ip: MACS + b"\x81\0\0\7" + two(kind) + ip),
    "two tags": (1, lambda kind, ip: MACS + b"\x88\xa8\0\7\x81\0\0\7" + two(kind) + ip),
    "mpls": (1, lambda kind, ip: MACS + b"\x88\x47\0\1\0\x40\0\2\1\x40" + ip),
    "pppoe": (1, lambda kind, ip: MACS + b"\x88\x64\x11\0\0\7" + two(len(ip) + 2)
              + ppp_of(kind) + ip),
    "raw": (101, lambda kind, ip: ip),
    "null": (0, lambda kind, ip: struct.pack("<I", 2 if kind == IPV4 else 30) + ip),
    "cooked": (113, lambda kind, ip: b"\0\0\0\1\0\6" + b"\2" * 6 + b"\0\0" + two(kind) + ip),
    "cooked 2": (276, lambda kind, ip: two(kind) + b"\0\0\0\0\0\2\0\1\0\6" + b"\2" * 8 + ip),
    "ppp": (9, lambda kind, ip: b"\xff\3" + ppp_of(kind) + ip),
}


def dressed(path, dress, packets):
    link, wear = DRESSES[dress]
    return write(path, link, [wear(kind, ip) for kind, ip in packets], gap_us=1000)


def said(path):
    """All lines but those that say the link layer's own, and what differs by it in them."""
    result = replay(path)
    assert result.returncode == 0 and not result.stderr, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    for event in events:
        event.pop("vlan", None)
    return [event for event in events if event["event_type"] != "stats"]


def names(events, kinds=("dns", "tls", "quic", "http", "ssh")):
    """What was said, whenever and however often a flow was cut."""
    return sorted(json.dumps([event[kind], event["src_ip"], event["src_port"], event["dest_ip"]])
                  for event in events for kind in kinds if event["event_type"] == kind)


def test_link_layers_change_nothing(tmp_path):
    for name in FILES:
        packets = packets_of(name)
        plain = said(dressed(tmp_path / "plain.pcap", "ethernet", packets))
        assert any(event["event_type"] == "flow" for event in plain), name
        for dress in DRESSES:
            assert said(dressed(tmp_path / "dressed.pcap", dress, packets)) == plain, (name, dress)


# ---- fragments ----


def ipv4(head, payload, ident, frag):
    """Checksums are not read."""
    return head[:2] + two(len(head) + len(payload)) + two(ident) + two(frag) + head[8:] + payload


def fragments4(packet, size, ident):
    head, payload = packet[:(packet[0] & 15) * 4], packet[(packet[0] & 15) * 4:]
    ends = [(at, min(at + size, len(payload))) for at in range(0, len(payload), size)]
    return [ipv4(head, payload[at:end], ident, (MORE if end < len(payload) else 0) | at // 8)
            for at, end in ends]


def fragments6(packet, size, ident):
    head, payload = packet[:40], packet[40:]
    pieces = []
    for at in range(0, len(payload), size):
        piece = struct.pack(">BBHI", head[6], 0, at | (at + size < len(payload)), ident)
        piece += payload[at:at + size]
        pieces.append(head[:4] + two(len(piece)) + bytes((FRAGMENT,)) + head[7:] + piece)
    return pieces


def fragmented(packets, size, shuffle):
    """UDP datagrams longer than @size bytes in pieces of it; with @shuffle in any order."""
    out = []
    for ident, (kind, packet) in enumerate(packets):
        pieces = [packet]
        if kind == IPV4 and packet[9] == UDP and not packet[6] & 0x3f and len(packet) > 20 + size:
            pieces = fragments4(packet, size, ident)
        elif kind == IPV6 and packet[6] == UDP and len(packet) > 40 + size:
            pieces = fragments6(packet, size, ident)
        if shuffle:
            shuffle(pieces)
        out += [(kind, piece) for piece in pieces]
    return out


@pytest.mark.parametrize("size", [8, 64, 512])
def test_fragments_say_the_same_names(tmp_path, size):
    rng = random.Random(size)
    for name in ("pcpp__DnsPackets.pcap", *QUIC):
        packets = packets_of(name)
        if size == 8:  # a budget's worth
            packets = packets[:20]
        path = dressed(tmp_path / "plain.pcap", "ethernet", packets)
        plain = names(said(path), ("dns", "quic"))
        assert plain, name
        for shuffle in (None, rng.shuffle)[:1 if size == 8 else 2]:  # pieces.h: at most 16 holes
            pieces = fragmented(packets, size, shuffle)
            path = dressed(tmp_path / "pieces.pcap", "ethernet", pieces)
            assert names(said(path), ("dns", "quic")) == plain, (name, shuffle)
            if IS_ROOT:
                assert replay(path, datapath="kernel").stdout == replay(path).stdout, name


# ---- segments ----


def segments(packet, ends):
    """A TCP packet's bytes in pieces that end at @ends."""
    head = packet[:(packet[0] & 15) * 4]
    tcp, size = packet[len(head):], (packet[len(head) + 12] >> 4) * 4
    seq = struct.unpack(">I", tcp[4:8])[0]
    for at, end in zip([0, *ends], [*ends, len(tcp) - size]):
        piece = tcp[:4] + struct.pack(">I", seq + at & 0xFFFFFFFF) + tcp[8:size]
        yield IPV4, ipv4(head, piece + tcp[size + at:size + end], 1, 0)


def segmented(packets, rng, cuts):
    out = []
    for kind, packet in packets:
        head, body = (packet[0] & 15) * 4, 0
        if kind == IPV4 and packet[9] == TCP:
            body = len(packet) - head - (packet[head + 12] >> 4) * 4
        if body > cuts:
            out += segments(packet, sorted(rng.sample(range(1, body), cuts)))
        else:
            out.append((kind, packet))
    return out


@pytest.mark.parametrize("cuts", [1, 3, 8])
def test_smaller_segments_say_the_same_names(tmp_path, cuts):
    rng = random.Random(cuts)
    for name in ("pcpp__http-packets2.pcap", "zeek__hrr.pcap", "zeek__vlan-collisions.pcap"):
        packets = packets_of(name)
        plain = names(said(dressed(tmp_path / "plain.pcap", "ethernet", packets)))
        assert plain, name
        for _ in range(4):
            path = dressed(tmp_path / "cut.pcap", "ethernet", segmented(packets, rng, cuts))
            assert names(said(path)) == plain, name
        if IS_ROOT:
            assert replay(path, datapath="kernel").stdout == replay(path).stdout, name
