"""A mixed capture made with scapy: our flows against the conversations that tshark counts."""
import json
import logging
import random
import re
import shutil
import subprocess

import pytest

from captures import IS_ROOT, lines, replay

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
scapy = pytest.importorskip("scapy.all")

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
BACK = {"src": MACS["dst"], "dst": MACS["src"]}
ETHER, TAG = 14, 4
# "198.18.0.1:40000 <-> 198.18.0.2:80   4 763 bytes   6 481 bytes ...": what the right one sent first
ROW = re.compile(r"^(\S+)\s+<-> (\S+)\s+(\d+) (\d+) bytes\s+(\d+) (\d+) bytes ")


class Maker:
    """Packets of many kinds, all from a seed; @overhead says what lies before IP, by address pair."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.packets = []
        self.overhead = {}

    def ends(self, i):
        if i % 3 == 0:
            return f"2001:db8::{i + 1:x}", f"2001:db8:1::{i + 1:x}", scapy.IPv6
        return f"198.18.{i}.1", f"198.19.{i}.2", scapy.IP

    def link(self, i, macs):
        """Ethernet, with a tag or two in some conversations."""
        head = scapy.Ether(**macs)
        tags = (0, 0, 0, 1, 2)[i % 5]
        if tags == 2:
            head = head / scapy.Dot1AD(vlan=100)
        if tags:
            head = head / scapy.Dot1Q(vlan=7)
        return head, ETHER + TAG * tags

    def send(self, i, is_back, above):
        a, b, network = self.ends(i)
        head, overhead = self.link(i, BACK if is_back else MACS)
        ip = network(src=b, dst=a) if is_back else network(src=a, dst=b)
        if network is scapy.IPv6 and i % 2:
            ip = ip / scapy.IPv6ExtHdrHopByHop(options=[scapy.PadN(optdata=b"\0" * 4)])
        elif network is scapy.IP and i % 4 == 2:
            ip.options = [scapy.IPOption_NOP()] * 4
        self.overhead[frozenset((a, b))] = overhead
        self.packets.append(scapy.Ether(bytes(head / ip / above)))

    def bytes_of(self, most):
        return self.random.randbytes(self.random.randrange(1, most))

    def tcp(self, i, sport, dport):
        """A whole connection, its numbers right, some segments sent twice."""
        seq = {False: self.random.randrange(1 << 32), True: self.random.randrange(1 << 32)}
        ports = {False: {"sport": sport, "dport": dport}, True: {"sport": dport, "dport": sport}}

        def segment(is_back, flags, data=b""):
            head = scapy.TCP(**ports[is_back], flags=flags, seq=seq[is_back], ack=seq[not is_back])
            for _ in range(1 + (bool(data) and self.random.random() < 0.1)):
                self.send(i, is_back, head / data if data else head)
            step = len(data) + ("S" in flags or "F" in flags)
            seq[is_back] = seq[is_back] + step & 0xFFFFFFFF

        segment(False, "S")
        segment(True, "SA")
        segment(False, "A")
        for _ in range(self.random.randrange(1, 8)):
            segment(self.random.random() < 0.5, "PA", self.bytes_of(600))
        segment(*self.random.choice([(False, "FA"), (True, "RA")]))

    def udp(self, i, sport, dport):
        for _ in range(self.random.randrange(1, 9)):
            is_back = self.random.random() < 0.4
            ports = (dport, sport) if is_back else (sport, dport)
            self.send(i, is_back, scapy.UDP(sport=ports[0], dport=ports[1]) / self.bytes_of(500))

    def noise(self):
        self.packets.append(scapy.Ether(**MACS) / scapy.ARP(pdst="198.18.0.9"))
        self.packets.append(scapy.Ether(bytes(scapy.Ether(**MACS, type=0x88CC)) + b"\0" * 46))


def make(path, seed):
    """Conversations side by side, each in its own order. Returns the maker."""
    maker = Maker(seed)
    parts = []
    for i in range(60):
        maker.packets = []
        if i % 2:
            maker.tcp(i, 30000 + i, (80, 443, 22, 8080)[i % 4])
        else:
            maker.udp(i, 30000 + i, (5000, 123, 4789)[i % 3])
        if i % 10 == 0:
            maker.noise()
        parts.append(maker.packets)
    packets = []
    while any(parts):
        part = maker.random.choice([p for p in parts if p])
        packets.append(part.pop(0))
    for number, packet in enumerate(packets):
        packet.time = 1700000000 + number * 0.01
    maker.count = len(packets)
    scapy.wrpcap(str(path), packets)
    return maker


def conversations(path, maker):
    """{(proto, ends): {end: (packets, IP bytes)}} as tshark counts them."""
    found = {}
    for proto in ("tcp", "udp"):
        said = subprocess.run(["tshark", "-n", "-r", path, "-q", "-z", "conv," + proto],
                              capture_output=True, text=True, check=True).stdout
        for row in filter(None, map(ROW.match, said.splitlines())):
            left, right = row[1], row[2]
            pair = frozenset(end.rsplit(":", 1)[0] for end in (left, right))
            head = maker.overhead[pair]
            counts = [int(row[i]) for i in range(3, 7)]
            found[proto.upper(), frozenset((left, right))] = {
                right: (counts[0], counts[1] - head * counts[0]),
                left: (counts[2], counts[3] - head * counts[2])}
    return found


def flows(result):
    """The same of our records, those of one flow added up."""
    found = {}
    for event in lines(result, "flow"):
        flow = event["flow"]
        ends = [f"{event['src_ip']}:{event['src_port']}", f"{event['dest_ip']}:{event['dest_port']}"]
        counts = found.setdefault((event["proto"], frozenset(ends)), {end: (0, 0) for end in ends})
        for end, way in zip(ends, ("toserver", "toclient")):
            packets, size = counts[end]
            counts[end] = packets + flow["pkts_" + way], size + flow["bytes_" + way]
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_flows_are_tsharks_conversations(tmp_path, seed):
    path = tmp_path / "mixed.pcap"
    maker = make(path, seed)
    wanted = conversations(path, maker)
    assert len(wanted) == 60
    result = replay(path)
    got = flows(result)
    assert {k: (wanted[k], got.get(k)) for k in wanted if got.get(k) != wanted[k]} == {}
    assert set(got) == set(wanted)
    summary = json.loads(replay(path, "json").stdout)
    assert summary["packets"] == maker.count
    assert (summary["not_flow"]["arp"], summary["not_flow"]["not_ip"]) == (6, 6)
    if IS_ROOT:
        assert replay(path, datapath="kernel").stdout == result.stdout


def test_initiators_are_who_sent_the_first_syn(tmp_path):
    path = tmp_path / "mixed.pcap"
    make(path, 4)
    ports = [e["src_port"] for e in lines(replay(path), "flow") if e["proto"] == "TCP"]
    assert len(ports) >= 30 and all(port >= 30000 for port in ports)
