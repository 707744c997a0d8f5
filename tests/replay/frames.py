"""Frames of made captures: conversations of TCP, questions and answers of DNS, neighbours."""
import random
import socket
import struct

SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4
HERE, THERE, THIRD = (b"\2\0\0\0\0" + bytes([i]) for i in (1, 2, 3))
EVERYBODY = b"\xff" * 6
HOST, ROUTER, ATTACKER, SERVER = "192.168.1.50", "192.168.1.1", "198.18.0.9", "203.0.113.5"


def ip(src, dst, proto, data, hop=64, macs=(HERE, THERE)):
    """A frame of IPv4 or IPv6, as the addresses are."""
    to, source = macs
    if ":" in src:
        head = struct.pack(">IHBB", 6 << 28, len(data), proto, hop)
        return (to + source + b"\x86\xdd" + head + socket.inet_pton(socket.AF_INET6, src) +
                socket.inet_pton(socket.AF_INET6, dst) + data)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, hop, proto, 0)
    return to + source + b"\x08\0" + head + socket.inet_aton(src) + socket.inet_aton(dst) + data


def name_of(text):
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def letters(count, of="abcdefghijklmnopqrstuvwxyz0123456789"):
    return "".join(random.choice(of) for _ in range(count))


class Capture:
    """Frames with their times, written in order of time."""

    def __init__(self):
        self.frames = []

    def add(self, at, frame):
        self.frames.append((at, frame))

    def tcp(self, at, ends, flags, data=b"", seq=1):
        """@ends: source, port, destination, port."""
        src, sport, dst, dport = ends
        head = struct.pack(">HHIIBBHHH", sport, dport, seq, 1, 0x50, flags, 512, 0, 0)
        self.add(at, ip(src, dst, 6, head + data))

    def udp(self, at, ends, data=b""):
        src, sport, dst, dport = ends
        self.add(at, ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data))

    def probe(self, at, ends, flags=SYN, answer=RST | ACK):
        """One packet, refused unless @answer is None."""
        src, sport, dst, dport = ends
        self.tcp(at, ends, flags)
        if answer is not None:
            self.tcp(at + .001, (dst, dport, src, sport), answer)

    def talk(self, at, ends, up, down):
        """A whole connection; @up and @down: bytes, or how many."""
        src, sport, dst, dport = ends
        back = (dst, dport, src, sport)
        self.tcp(at, ends, SYN)
        self.tcp(at + .01, back, SYN | ACK)
        self.tcp(at + .011, ends, ACK)
        for way, data, when in ((ends, up, .02), (back, down, .1)):
            data = bytes(data) if isinstance(data, int) else data
            for k in range(0, len(data), 1400):
                self.tcp(at + when + k * 1e-7, way, ACK | PSH, data[k:k + 1400], 2 + k)
        self.tcp(at + .2, ends, FIN | ACK)
        self.tcp(at + .21, back, FIN | ACK)
        self.tcp(at + .22, ends, ACK)

    def dns(self, at, name, kind=1, rcode=0, src=HOST):
        """A question to the router, and its answer."""
        number, port = random.randrange(65536), random.randrange(20000, 60000)
        question = name_of(name) + struct.pack(">HH", kind, 1)
        record = struct.pack(">HHHIHI", 0xc00c, kind, 1, 300, 4, 0xcb007105)
        record = b"" if rcode else record
        self.udp(at, (src, port, ROUTER, 53),
                 struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + question)
        head = struct.pack(">HHHHHH", number, 0x8180 | rcode, 1, not rcode, 0, 0)
        self.udp(at + .02, (ROUTER, 53, src, port), head + question + record)

    def ping(self, at, src, dst, kind=8):
        v6 = ":" in src
        self.add(at, ip(src, dst, 58 if v6 else 1,
                        bytes([kind + 120 if v6 else kind]) + b"\0\0\0\0\1\0\1"))

    def arp(self, at, operation, macs, sender, target):
        """@macs: to whom, from whom."""
        to, source = macs
        self.add(at, to + source + b"\x08\6\0\1\x08\0\6\4" + struct.pack(">H", operation) + source +
                 socket.inet_aton(sender) + (to if operation == 2 else b"\0" * 6) +
                 socket.inet_aton(target))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for at, frame in sorted(self.frames, key=lambda row: row[0]):
                out.write(struct.pack("<IIII", 1700000000 + int(at), int(at % 1 * 1e6), len(frame),
                                      len(frame)) + frame)
        return path
