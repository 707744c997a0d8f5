"""Every packet once: against tshark on the same wire, and against the interface's own counters."""
import collections
import json
import subprocess

import pytest

from hosts import ROOT, Service, either, lab, service, sh, wait_for

PROTOCOLS = {6: "TCP", 17: "UDP", 1: "ICMP", 58: "IPv6-ICMP"}


@pytest.fixture(scope="session")
def sender():
    """The bounded packet source, built once."""
    program = ROOT / "build" / "net" / "sender"
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, ROOT / "tests/net/packets.c"],
                   check=True)
    return str(program)


class Capture:
    """tcpdump on an interface, read by tshark afterwards."""

    def __init__(self, lab, where, dev, folder):
        self.path = folder / "wire.pcap"
        self.child = lab.start(where, "tcpdump", "-i", dev, "-s", "200", "-B", "65536", "-U", "-w",
                               str(self.path), "--immediate-mode", "-Z", "root")
        wait_for(lambda: "listening on" in self.child.stdout.readline(), 10, "tcpdump listens")

    def tuples(self):
        """(source, port, destination, port, protocol) -> [packets, IP bytes] on the wire."""
        self.child.terminate()
        self.child.wait(timeout=20)
        fields = ["ip.src", "ip.dst", "ip.proto", "ip.len", "ipv6.src", "ipv6.dst", "ipv6.nxt",
                  "ipv6.plen", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]
        command = ["tshark", "-r", str(self.path), "-T", "fields", "-E", "occurrence=f"]
        for name in fields:
            command += ["-e", name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = collections.defaultdict(lambda: [0, 0])
        for line in text.splitlines():
            row = dict(zip(fields, line.split("\t")))
            if not row.get("ip.src") and not row.get("ipv6.src"):
                continue
            add_packet(found, row)
        return found


def add_packet(found, row):
    """One packet of tshark's into the sums."""
    if row["ip.src"]:
        key = [row["ip.src"], row["ip.dst"], int(row["ip.proto"])]
        size = int(row["ip.len"])
    else:
        key = [row["ipv6.src"], row["ipv6.dst"], int(row["ipv6.nxt"])]
        if key[2] == 0:  # hop-by-hop before ICMPv6: multicast listener reports
            key[2] = 58
        size = 40 + int(row["ipv6.plen"])
    ports = [0, 0]
    for proto in ("tcp", "udp"):
        if PROTOCOLS.get(key[2]) == proto.upper() and row.get(f"{proto}.srcport"):
            ports = [int(row[f"{proto}.srcport"]), int(row[f"{proto}.dstport"])]
    sums = found[key[0], ports[0], key[1], ports[1], PROTOCOLS.get(key[2], f"{key[2]:03d}")]
    sums[0] += 1
    sums[1] += size


def flow_tuples(service):
    """The same shape from `sluice flows list -o json`: each direction a row."""
    found = collections.defaultdict(lambda: [0, 0])
    for flow in service.json("flows", "list")["items"]:
        ends = (flow["src_ip"], flow["src_port"]), (flow["dst_ip"], flow["dst_port"])
        for (one, two), way in ((ends, "out"), (ends[::-1], "in")):
            if flow[f"packets_{way}"]:
                sums = found[one[0], one[1], two[0], two[1], flow["proto"]]
                sums[0] += flow[f"packets_{way}"]
                sums[1] += flow[f"bytes_{way}"]
    return found


def offloads(lab, state):
    """Segmentation and merging on both ends, so that tcpdump sees what the wire sees."""
    for where, dev in ((lab.a, lab.va), (lab.b, lab.vb)):
        lab.run(where, "ethtool", "-K", dev, "tso", state, "gso", state, "gro", state)


def real_traffic(lab):
    """curl, iperf3 and ping over both families, from the second host to the first."""
    web = lab.start(lab.a, "/usr/bin/python3", "-m", "http.server", "8080", "--bind", "::",
                    "--directory", str(ROOT / "docs"))
    iperf = lab.start(lab.a, "iperf3", "-s", "-p", "5201")
    for address in (lab.ip_a, f"[{lab.ip6_a}]"):
        wait_for(lambda url=f"http://{address}:8080/api.md": lab.run(
            lab.b, "curl", "-s", "-o", "/dev/null", url).returncode == 0, 10, "the web server")
    # paced: a burst beyond the 256 packets of veth's ring is seen by tcpdump and then lost
    for extra in ([], ["-R"], ["-6"], ["-u"]):
        target = lab.ip6_a if "-6" in extra else lab.ip_a
        wait_for(lambda a=extra, t=target: lab.run(
            lab.b, "iperf3", "-c", t, "-p", "5201", "-t", "1", "-b", "60M", *a).returncode == 0, 20, "iperf3")
    lab.pings(lab.b, lab.ip_a)
    lab.pings(lab.a, lab.ip6_b)
    for child in (web, iperf):
        child.terminate()
        child.wait()


def compare(wire, flows):
    """Both sides equal, or the differences in full."""
    wrong = {key: (wire.get(key), flows.get(key)) for key in set(wire) | set(flows)
             if wire.get(key) != flows.get(key)}
    assert not wrong, f"tshark, sluice: {json.dumps({str(k): v for k, v in wrong.items()}, indent=1)}"


@pytest.mark.parametrize("mode", ["xdp", "tc"])
def test_flows_equal_what_tshark_counted_on_the_wire(lab, tmp_path, mode):
    offloads(lab, "off")
    wire = Capture(lab, lab.a, lab.va, tmp_path)
    service = Service(lab, config=f"[Capture]\nmode = {mode}\n")
    try:
        service.start()
        wire.child.terminate()
        wire.child.wait()
        before = flow_tuples(service)
        wire = Capture(lab, lab.b, lab.vb, tmp_path)
        real_traffic(lab)
        service.idle_coverage(20)
        seen = wire.tuples()
        flows = flow_tuples(service)
        for key in [key for key in flows if "ff02" in str(key) or key in before]:
            seen.pop(key, None)  # neighbour chatter from before the capture
            flows.pop(key)
        assert sum(packets for packets, _ in seen.values()) > 10000
        compare(seen, flows)
    finally:
        service.close()


def still(lab, service):
    """Coverage and the interface's counters of one moment in which nothing moved."""
    def moment():
        before = lab.statistics(lab.a, lab.va), lab.statistics(lab.b, lab.vb)
        rows = service.idle_coverage(20)
        after = lab.statistics(lab.a, lab.va), lab.statistics(lab.b, lab.vb)
        return (rows, *after[0], after[1][1]) if before == after else None
    return wait_for(moment, 30, "a moment without packets")


@pytest.mark.parametrize("mode", ["xdp", "tc"])
def test_a_million_packets_add_up_to_the_interface_counters(lab, sender, mode):
    service = Service(lab, config=f"[Capture]\nmode = {mode}\n")
    try:
        service.start()
        first, rx, tx, peer = still(lab, service)
        base_in, base_out = first[lab.va, "ingress"], first[lab.va, "egress"]
        # veth's ring of 256 may refuse some of a burst; the peer's counter knows what went over
        assert lab.run(lab.b, sender, lab.ip_a, "9", "1200000", "64").stdout == "1200000\n"
        last, rx2, tx2, peer2 = still(lab, service)
        sent = peer2 - peer
        assert sent >= 1000000
        for direction, base, moved in (("ingress", base_in, rx2 - rx), ("egress", base_out, tx2 - tx)):
            row = last[lab.va, direction]
            assert row["mode"] == mode
            assert row["seen"] == row["in_flows"] + row["dropped"] + row["not_flow_sum"] \
                + row["unattributed"], row
            assert row["unattributed"] == 0
            assert row["seen"] - base["seen"] == moved, (direction, row, moved)
        assert last[lab.va, "ingress"]["seen"] - base_in["seen"] == sent
    finally:
        service.close()


def sent_segments(lab, where):
    """TCP segments sent there since its start (RFC 4022: tcpOutSegs, tcpRetransSegs)."""
    text = lab.run(where, "cat", "/proc/net/snmp").stdout
    names, values = [line.split()[1:] for line in text.splitlines() if line.startswith("Tcp:")]
    row = dict(zip(names, map(int, values)))
    return row["OutSegs"] + row["RetransSegs"]


def test_super_packets_under_tc_count_as_the_wire_sees_them(lab, tmp_path):
    offloads(lab, "on")
    service = Service(lab, config="[Capture]\nmode = tc\n")
    try:
        service.start()
        iperf = lab.start(lab.b, "iperf3", "-s", "-p", "5201", "-1")
        wait_for(lambda: "5201" in lab.run(lab.b, "ss", "-Hltn").stdout, 10, "iperf3 listens")
        wire = Capture(lab, lab.a, lab.va, tmp_path)
        before = sent_segments(lab, lab.a)
        assert lab.run(lab.a, "iperf3", "-c", lab.ip_b, "-p", "5201", "-n", "50M").returncode == 0
        iperf.wait(timeout=10)
        segments = sent_segments(lab, lab.a) - before
        service.idle_coverage(20)
        seen = {key: sums for key, sums in wire.tuples().items() if key[4] == "TCP"}
        flows = {key: sums for key, sums in flow_tuples(service).items() if key[4] == "TCP"}
        assert set(seen) == set(flows)
        assert sum(sums[0] for key, sums in flows.items() if key[0] == lab.ip_a) == segments
        data = max(seen, key=lambda key: seen[key][1])
        packets, size = flows[data]
        # tcpdump sees merged packets; on the wire each segment has headers of its own: 20 of IP,
        # 20 of TCP and 12 of timestamps (RFC 791, RFC 9293, RFC 7323)
        assert size == seen[data][1] + (packets - seen[data][0]) * 52
        assert packets > 20_000 and seen[data][0] < packets / 2, "they were merged"
    finally:
        service.close()


SEND_WRONG = """
import sys
from scapy.all import ARP, Ether, IP, IPv6, Raw, UDP, sendp
dev, mac, dst, dst6 = sys.argv[1:5]
ether = Ether(dst=mac)
frames = {
    "ipv4_header": [Ether(dst=mac, type=0x0800) / Raw(b"\\x45\\x00\\x00"),
                    Ether(dst=mac, type=0x0800) / Raw(b"\\x65" + bytes(40))],
    "ipv6_header": [Ether(dst=mac, type=0x86dd) / Raw(b"\\x60" + bytes(10)),
                    Ether(dst=mac, type=0x86dd) / Raw(b"\\x40" + bytes(60))],
    "arp": [ether / ARP(pdst=dst)],
    "not_ip": [Ether(dst="01:80:c2:00:00:0e", type=0x88cc) / Raw(bytes(46))],
}
for reason, list_ in frames.items():
    for frame in list_:
        sendp(frame, iface=dev, verbose=False)
    print(reason, len(list_))
"""


def test_what_is_no_flow_passes_and_is_counted_by_reason(lab, either):
    mac = json.loads(sh("ip", "-n", lab.a, "-j", "link", "show", lab.va))[0]["address"]
    before = either.idle_coverage()[lab.va, "ingress"]["not_flow"]
    sent = lab.run(lab.b, "/usr/bin/python3", "-c", SEND_WRONG, lab.vb, mac, lab.ip_a, lab.ip6_a)
    assert sent.returncode == 0, sent.stderr
    row = either.idle_coverage()[lab.va, "ingress"]
    for line in sent.stdout.splitlines():
        reason, count = line.split()
        assert row["not_flow"][reason] - before[reason] >= int(count), (reason, row)
    assert row["not_flow"]["ipv4_header"] - before["ipv4_header"] == 2
    assert row["not_flow"]["ipv6_header"] - before["ipv6_header"] == 2
    assert row["dropped"] == 0
