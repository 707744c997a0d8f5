"""What the replay tests share: the program, small captures written by hand, EVE lines."""
import json
import os
import struct
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.environ.get("SLUICE", os.path.join(ROOT, "build", "sluice"))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
IS_ROOT = os.geteuid() == 0


def replay(path, output="eve", datapath="user"):
    return subprocess.run([SLUICE, "replay", str(path), "-o", output, "--datapath", datapath],
                          capture_output=True, timeout=120, check=False)


def lines(result, kind=None):
    events = [json.loads(line) for line in result.stdout.splitlines()]
    return [e for e in events if kind is None or e["event_type"] == kind]


def udp4(sport=1000, dport=2000, payload=b"", src=(10, 0, 0, 1), dst=(10, 0, 0, 2)):
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    ends = bytes(src) + bytes(dst)
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + ends + udp


def udp6(sport=1, dport=2):
    ends = b"\x20\x01" + b"\0" * 13
    head = struct.pack(">IHBB", 6 << 28, 8, 17, 64) + ends + b"\1" + ends + b"\2"
    return head + struct.pack(">HHHH", sport, dport, 8, 0)


def ether(packet, kind=0x0800):
    return b"\2" * 6 + b"\4" * 6 + struct.pack(">H", kind) + packet


def write(path, link, packets, order="<", gap_us=1000000):
    """A classic pcap with one packet a second, or every @gap_us."""
    with open(path, "wb") as out:
        out.write(struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for i, packet in enumerate(packets):
            size = len(packet)
            s, us = divmod(i * gap_us, 1000000)
            out.write(struct.pack(order + "IIII", 1700000000 + s, us, size, size) + packet)
    return path
