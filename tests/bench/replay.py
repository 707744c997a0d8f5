#!/usr/bin/python3
"""How fast a capture of small packets is replayed in user space, names read on the way.

usage: replay.py SLUICE FOLDER
Two files of 64-byte packets: 1,000 flows of UDP as they are, and the same with every hundredth
packet a DNS question. CPU time of the whole process on one core, best and median of the rounds.
"""
import os
import pathlib
import statistics
import struct
import subprocess
import sys

ROUNDS, FLOWS, PACKETS, BAR = 9, 1000, 1_000_000, 2.0
QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x03www\x07example\x03net\0\0\1\0\1"


def frame(flow, port, payload):
    """Ethernet, IPv4, UDP; at least 60 bytes, 64 with the checksum of the wire."""
    source = struct.pack("!I", 0xc6120000 + flow)  # 198.18.0.0/15: RFC 2544
    udp = struct.pack("!HHHH", 1024 + flow, port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
    packet = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + head + source + b"\xc6\x33\x64\x02" + udp
    return packet + bytes(max(0, 60 - len(packet)))


def write(path, share):
    """A pcap file (libpcap's pcap-savefile(5)), a microsecond between packets."""
    plain = [frame(flow, 9, b"x" * 18) for flow in range(FLOWS)]
    question = [frame(flow, 53, QUESTION) for flow in range(FLOWS)]
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number in range(PACKETS):
            data = (question if share and number % share == 0 else plain)[number % FLOWS]
            file.write(struct.pack("<IIII", 1_700_000_000 + number // 1_000_000,
                                   number % 1_000_000, len(data), len(data)) + data)


def replay(sluice, path):
    """Million packets a second of CPU time."""
    with open(path, "rb") as file:  # from memory
        while file.read(1 << 22):
            pass
    process = subprocess.Popen([sluice, "replay", path, "-o", "json"], stdout=subprocess.PIPE)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status or not said:
        raise RuntimeError(f"replay ends with {status}")
    return PACKETS / (usage.ru_utime + usage.ru_stime) / 1e6


def main(sluice, folder):
    for name, share in (("64-byte UDP", 0), ("64-byte UDP, one in 100 a DNS question", 100)):
        path = pathlib.Path(folder) / "replay.pcap"
        write(path, share)
        rates = [replay(sluice, path) for _ in range(ROUNDS)]
        path.unlink()
        verdict = "ok" if statistics.median(rates) >= BAR else "MISS"
        print(f"replay in user space, {name}",
              f"{statistics.median(rates):.2f} M packets/s (best {max(rates):.2f})", "-", "-",
              f">= {BAR:.0f} M/s", verdict, sep="\t", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
