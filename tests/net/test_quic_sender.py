"""What quic_sender.py sends is QUIC to others: tshark opens it and names the server."""

import socket
import struct
import subprocess
import sys

import pytest

from quic_sender import VERSIONS, build_initials

SENDER = __file__.replace("test_quic_sender", "quic_sender")


def frame(payload):
    """An Ethernet frame from 192.0.2.1:4000 to 192.0.2.2:443, checksums left out."""
    udp = struct.pack(">HHHH", 4000, 443, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return (bytes(6) + b"\2\0\0\0\0\1\x08\0" + ip + socket.inet_aton("192.0.2.1")
            + socket.inet_aton("192.0.2.2") + udp)


def write_capture(path, payloads):
    """Classic pcap, Ethernet."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, payload in enumerate(payloads):
            data = frame(payload)
            out.write(struct.pack("<IIII", 1, number, len(data), len(data)) + data)


@pytest.mark.parametrize("version", sorted(VERSIONS))
@pytest.mark.parametrize("order", [[0], [0, 1], [1, 0], [2, 0, 1]])
def test_tshark_reads_the_name(tmp_path, version, order):
    capture = tmp_path / "quic.pcap"
    datagrams = build_initials("www.example.org", version, len(order), order)
    write_capture(capture, datagrams)
    assert [len(d) for d in datagrams] == [1200] * len(order)
    said = subprocess.run(["tshark", "-r", capture, "-T", "fields", "-e", "quic.version", "-e",
                           "tls.handshake.extensions_server_name"],
                          capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split("\t") for line in said if line]
    assert all(int(row[0], 16) == VERSIONS[version][0] for row in rows)
    assert [row[1] for row in rows if row[1]] == ["www.example.org"]


def test_server_answers_the_sender():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with subprocess.Popen([sys.executable, SENDER, "serve", "127.0.0.1", port],
                          stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            assert subprocess.run([sys.executable, SENDER, "send", "127.0.0.1", port,
                                   "www.example.org", "2", "3"], check=False).returncode == 0
        finally:
            server.kill()
