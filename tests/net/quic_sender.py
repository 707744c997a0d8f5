"""A minimal QUIC client's first flight, and a server that answers it: for tests of what reads and
drops QUIC by its server name. Needs python3-cryptography.

    quic_sender.py send ADDR PORT SNI [VERSION] [PIECES]   exit 0 when an answer came within 2 s
    quic_sender.py serve ADDR PORT                         answers each Initial until killed

VERSION is a key of VERSIONS; PIECES datagrams carry the hello's pieces, the last piece first.
"""

import os
import socket
import struct
import sys

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# number, salt, prefix of the labels, type bits of an Initial
# (RFC 9001 5.2; RFC 9369 3; draft-ietf-quic-tls-22, -23, -29, -33 5.2)
VERSIONS = {
    "1": (0x00000001, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic ", 0),
    "2": (0x6B3343CF, "0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2 ", 1),
    "draft-22": (0xFF000016, "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a", "quic ", 0),
    "draft-23": (0xFF000017, "c3eef712c72ebb5a11a7d2432bb46365bef9f502", "quic ", 0),
    "draft-28": (0xFF00001C, "c3eef712c72ebb5a11a7d2432bb46365bef9f502", "quic ", 0),
    "draft-29": (0xFF00001D, "afbfec289993d24c9e9786f19c6111e04390a899", "quic ", 0),
    "draft-32": (0xFF000020, "afbfec289993d24c9e9786f19c6111e04390a899", "quic ", 0),
    "draft-34": (0xFF000022, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic ", 0),
    "mvfst": (0xFACEB002, "c3eef712c72ebb5a11a7d2432bb46365bef9f502", "quic ", 0),
}
DATAGRAM_MIN = 1200  # RFC 9000 14.1
TAG = 16


def mac(key, data):
    h = hmac.HMAC(key, hashes.SHA256())
    h.update(data)
    return h.finalize()


def expand(secret, label, size):
    """HKDF-Expand-Label with an empty context (RFC 8446 7.1); one block is enough here."""
    text = b"tls13 " + label.encode()
    info = struct.pack(">HB", size, len(text)) + text + b"\0"
    return mac(secret, info + b"\1")[:size]


def client_keys(version, cid):
    _, salt, prefix, _ = VERSIONS[version]
    secret = expand(mac(bytes.fromhex(salt), cid), "client in", 32)
    return [expand(secret, prefix + name, size) for name, size in
            (("key", 16), ("iv", 12), ("hp", 16))]


def varint(number):
    """RFC 9000 16"""
    for size, mark in ((1, 0), (2, 1), (4, 2), (8, 3)):
        if number < 1 << (8 * size - 2):
            return (number | mark << (8 * size - 2)).to_bytes(size, "big")
    raise ValueError(number)


def crypto_frame(offset, data):
    return b"\x06" + varint(offset) + varint(len(data)) + data


def seal(version, cid, number, frames, key_cid=None, token=b"", source=b"", pad=True):
    """One Initial packet. key_cid: whose keys, when they are not cid's."""
    wire, _, _, kind = VERSIONS[version]
    key, iv, protect = client_keys(version, cid if key_cid is None else key_cid)
    head = (bytes([0xC3 | kind << 4]) + struct.pack(">I", wire) + bytes([len(cid)]) + cid
            + bytes([len(source)]) + source + varint(len(token)) + token)
    if pad:
        frames = frames.ljust(DATAGRAM_MIN - len(head) - 2 - 4 - TAG, b"\0")
    at = len(head) + 2
    head += struct.pack(">H", 0x4000 | (4 + len(frames) + TAG)) + struct.pack(">I", number)
    nonce = bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))
    packet = bytearray(head + AESGCM(key).encrypt(nonce, frames, head))
    ecb = Cipher(algorithms.AES(protect), modes.ECB()).encryptor()
    mask = ecb.update(bytes(packet[at + 4:at + 20]))
    packet[0] ^= mask[0] & 0x0F
    for i in range(4):
        packet[at + i] ^= mask[1 + i]
    return bytes(packet)


def extension(kind, content):
    return struct.pack(">HH", kind, len(content)) + content


def client_hello(sni, alpn=b"h3"):
    """A TLS 1.3 ClientHello (RFC 8446 4.1.2) as QUIC carries it."""
    name = sni.encode()
    parts = [
        extension(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name),
        extension(10, struct.pack(">HH", 2, 0x001D)),
        extension(13, struct.pack(">HHH", 4, 0x0403, 0x0804)),
        extension(16, struct.pack(">HB", len(alpn) + 1, len(alpn)) + alpn),
        extension(43, b"\x02\x03\x04"),
        extension(51, struct.pack(">HHH", 36, 0x001D, 32) + os.urandom(32)),
        extension(57, b"\x01\x02\x67\x10" + b"\x0f\x00"),
    ]
    body = (b"\x03\x03" + os.urandom(32) + b"\0" + struct.pack(">HHH", 4, 0x1301, 0x1302)
            + b"\x01\x00" + struct.pack(">H", len(b"".join(parts))) + b"".join(parts))
    return b"\x01" + len(body).to_bytes(3, "big") + body


def build_initials(sni, version="1", pieces=1, order=None):
    """The datagrams of a hello cut into so many CRYPTO frames, one each. order: which piece goes
    when, as a list of indices; None: as they come."""
    hello = client_hello(sni)
    cid = os.urandom(8)
    size = -(-len(hello) // pieces)
    frames = [crypto_frame(i, hello[i:i + size]) for i in range(0, len(hello), size)]
    order = range(len(frames)) if order is None else [i for i in order if i < len(frames)]
    return [seal(version, cid, number, frames[i]) for number, i in enumerate(order)]


def address(host, port):
    return socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]


def send(host, port, sni, version="1", pieces="1"):
    family, kind, _, _, where = address(host, port)
    with socket.socket(family, kind) as sock:
        sock.settimeout(2)
        sock.connect(where)
        for datagram in build_initials(sni, version, int(pieces), list(range(int(pieces)))[::-1]):
            sock.send(datagram)
        try:
            sock.recv(65535)
        except OSError:
            return 1
    return 0


def serve(host, port):
    family, kind, _, _, where = address(host, port)
    with socket.socket(family, kind) as sock:
        sock.bind(where)
        print("ready", flush=True)
        while True:
            data, peer = sock.recvfrom(65535)
            if data and data[0] & 0x80:
                sock.sendto(b"answer", peer)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("send", "serve"):
        sys.exit(__doc__)
    sys.exit({"send": send, "serve": serve}[sys.argv[1]](*sys.argv[2:]))
