"""Names where one does not look first: behind another protocol's greeting, behind a long head, in
a byte at a time, in IP fragments of TCP, after a pause; in QUIC of the years before its standard.
"""
import os
import struct
import sys

import pytest

from captures import IS_ROOT, lines, replay, write
from frames import ACK, HOST, PSH, SERVER, SYN, Capture
from test_cut_hellos import NAME, client_hello
from test_reshaped import fragments4

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "net"))
import quic_sender  # noqa: E402  pylint: disable=wrong-import-position

HEAD = b"GET /a HTTP/1.1\r\n%sHost: www.example.org\r\n%s\r\n"
FILLER = b"Cookie: " + b"c" * 1000 + b"\r\n"


def say(cap, port, pieces, gap=.001):
    """The client's segments in order, each @gap seconds behind the one before."""
    ends, seq = (HOST, 40000, SERVER, port), 2
    cap.tcp(0, ends, SYN)
    for i, piece in enumerate(pieces):
        cap.tcp((i + 1) * gap, ends, ACK | PSH, piece, seq)
        seq += len(piece)


def names_in(cap, tmp_path):
    path = cap.write(tmp_path / "hidden.pcap")
    result = replay(path)
    assert result.returncode == 0, result.stderr
    if IS_ROOT:
        assert replay(path, datapath="kernel").stdout == result.stdout
    return ([e["tls"].get("sni") for e in lines(result, "tls")] +
            [e["http"].get("hostname") for e in lines(result, "http")])


PREAMBLES = {
    "PostgreSQL": (5432, [bytes.fromhex("0000000804d2162f")]),
    "MySQL": (3306, [b"\x20\0\0\1" + bytes(32)]),
    "LDAP": (389, [bytes.fromhex("301d02010177188016312e332e362e312e342e312e31343636"
                                 "2e3230303337")]),
    "XMPP": (5222, [b"<stream:stream to='example.org'>", b"<starttls/>"]),
    "SOCKS": (1080, [b"\5\1\0", b"\5\1\0\3\x0bexample.org\1\xbb"]),
    "SMTP": (25, [b"EHLO me\r\n", b"STARTTLS\r\n"]),
    "RDP": (3389, [b"\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"]),
}


@pytest.mark.parametrize("what", PREAMBLES)
def test_a_hello_behind_a_greeting(tmp_path, what):
    port, greeting = PREAMBLES[what]
    cap = Capture()
    say(cap, port, [*greeting, client_hello()])
    assert names_in(cap, tmp_path) == [NAME]


def test_a_host_behind_many_fields(tmp_path):
    for before in (4, 12):
        cap = Capture()
        head = HEAD % (FILLER * before, b"")
        say(cap, 80, [head[i:i + 1400] for i in range(0, len(head), 1400)])
        assert names_in(cap, tmp_path) == ["www.example.org"], before


def test_a_head_that_is_longer_than_is_read(tmp_path):
    cap = Capture()
    head = HEAD % (b"", FILLER * 20)
    say(cap, 80, [head[i:i + 1400] for i in range(0, len(head), 1400)] + [HEAD % (b"", b"")])
    assert names_in(cap, tmp_path) == ["www.example.org"] * 2


def test_a_byte_at_a_time(tmp_path):
    cap = Capture()
    say(cap, 80, [bytes([byte]) for byte in HEAD % (b"X: " + b"x" * 100 + b"\r\n", b"")])
    assert names_in(cap, tmp_path) == ["www.example.org"]


def test_half_a_minute_between_the_halves(tmp_path):
    cap, hello = Capture(), client_hello()
    say(cap, 443, [hello[:90], hello[90:]], gap=30)
    assert names_in(cap, tmp_path) == [NAME]


def test_every_other_piece_first(tmp_path):
    cap, hello = Capture(), client_hello()
    ends = (HOST, 40000, SERVER, 443)
    pieces = [(2 + at, hello[at:at + 8]) for at in range(0, len(hello), 8)]
    cap.tcp(0, ends, SYN)
    for i, (seq, piece) in enumerate(pieces[1::2] + pieces[::2]):
        cap.tcp(.1 + i * .001, ends, ACK | PSH, piece, seq)
    assert names_in(cap, tmp_path) == [NAME]


@pytest.mark.parametrize("size", [8, 24, 400])
def test_fragments_of_tcp(tmp_path, size):
    for port, said, name in ((443, client_hello(), NAME),
                             (80, HEAD % (b"", b""), "www.example.org")):
        cap = Capture()
        say(cap, port, [said])
        at, frame = cap.frames.pop()
        pieces = fragments4(frame[14:], size, 7)
        for i, piece in enumerate(reversed(pieces) if len(pieces) < 60 else pieces):
            cap.add(at + i * .001, frame[:14] + piece)
        assert names_in(cap, tmp_path) == [name]


def test_an_old_outer_tag(tmp_path):
    cap = Capture()
    say(cap, 443, [client_hello()])
    path = write(tmp_path / "tagged.pcap", 1, [
        frame[:12] + b"\x91\0\0\7\x81\0\0\x09" + frame[12:] for _, frame in cap.frames])
    result = replay(path)
    assert [e["tls"]["sni"] for e in lines(result, "tls")] == [NAME]
    assert [e["vlan"] for e in lines(result, "flow")] == [[7]]


def test_a_packet_not_yet_segmented(tmp_path):
    """Taken above a device that segments: its total length is 0."""
    cap = Capture()
    say(cap, 443, [client_hello()])
    at, frame = cap.frames.pop()
    cap.add(at, frame[:16] + b"\0\0" + frame[18:])
    assert names_in(cap, tmp_path) == [NAME]
    flow, = lines(replay(tmp_path / "hidden.pcap"), "flow")
    assert flow["flow"]["bytes_toserver"] == 40 + len(frame) - 14


def test_a_version_of_http_that_is_none(tmp_path):
    cap = Capture()
    say(cap, 80, [b"GET / HTTP/2.0\r\nHost: www.example.org\r\n\r\n"])
    assert names_in(cap, tmp_path) == ["www.example.org"]


def test_the_first_of_two_names(tmp_path):
    """Two server_name extensions (RFC 8446 4.2 allows one): the kernel goes by the first."""
    cap, hello = Capture(), client_hello()
    second = b"\0\0\0\x10\0\x0e\0\0\x0bother.names"
    sizes = struct.unpack(">H", hello[3:5])[0], struct.unpack(">H", hello[7:9])[0]
    at = 43 + 1 + hello[43]
    at += 2 + struct.unpack(">H", hello[at:at + 2])[0]
    at += 1 + hello[at]
    extensions = struct.unpack(">H", hello[at:at + 2])[0]
    hello = (hello[:3] + struct.pack(">H", sizes[0] + len(second)) + hello[5:7] +
             struct.pack(">H", sizes[1] + len(second)) + hello[9:at] +
             struct.pack(">H", extensions + len(second)) + hello[at + 2:] + second)
    say(cap, 443, [hello])
    assert names_in(cap, tmp_path) == [NAME]


@pytest.mark.parametrize("version", sorted(quic_sender.VERSIONS))
def test_quic_of_each_version(tmp_path, version):
    cap = Capture()
    for i, datagram in enumerate(quic_sender.build_initials("www.example.org", version, 2)):
        cap.udp(i * .01, (HOST, 50000, SERVER, 443), datagram)
    names_in(cap, tmp_path)
    quic = [e["quic"]["sni"] for e in lines(replay(tmp_path / "hidden.pcap"), "quic")]
    assert quic == ["www.example.org"]
