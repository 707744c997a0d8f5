"""A ClientHello that comes in segments, cut at every byte, in any order: always the same name."""
import itertools
import random
import ssl
import struct

import pytest

from captures import IS_ROOT, ether, lines, replay, write

NAME = "cut.at.every.byte.example.org"
SYN, DATA = 0x02, 0x18
PORTS = 10000  # the clients' begin behind it


def client_hello():
    """As OpenSSL makes it: this test knows nothing of TLS."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def tcp(port, seq, flags, payload=b""):
    segment = struct.pack(">HHIIBBHHH", port, 443, seq, 0, 0x50, flags, 65535, 0, 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0)
    return ether(head + bytes((198, 18, 0, 1)) + bytes((198, 18, 0, 2)) + segment)


def connection(port, pieces, first=1000):
    """SYN, then the pieces (offset, bytes) in the order given."""
    return ([tcp(PORTS + port, first - 1 & 0xFFFFFFFF, SYN)]
            + [tcp(PORTS + port, first + at & 0xFFFFFFFF, DATA, data) for at, data in pieces])


def cut(hello, *places):
    ends = [0, *places, len(hello)]
    return [(a, hello[a:b]) for a, b in zip(ends, ends[1:])]


def check(tmp_path, connections, times=1):
    """Each has told NAME so many times, through both datapaths alike. Ports as in connection()."""
    frames = [frame for one in connections for frame in one]
    path = write(tmp_path / "hellos.pcap", 1, frames, gap_us=2000)
    result = replay(path)
    assert result.returncode == 0, result.stderr
    names = {}
    for event in lines(result, "tls"):
        names.setdefault(event["src_port"] - PORTS, []).append(event["tls"].get("sni"))
    wrong = {port: names.get(port) for port in range(1, len(connections) + 1)
             if names.get(port) != [NAME] * times}
    assert not wrong, wrong
    assert len({event["tls"]["ja4"] for event in lines(result, "tls")}) == 1
    if IS_ROOT:
        assert replay(path, datapath="kernel").stdout == result.stdout


def test_two_segments_cut_at_every_byte(tmp_path):
    hello = client_hello()
    check(tmp_path, [connection(at, cut(hello, at)) for at in range(1, len(hello))])


def test_two_segments_cut_at_every_byte_the_second_first(tmp_path):
    hello = client_hello()
    check(tmp_path, [connection(at, cut(hello, at)[::-1]) for at in range(1, len(hello))])


def test_numbers_wrap_at_every_byte(tmp_path):
    hello = client_hello()
    check(tmp_path, [connection(at, cut(hello, len(hello) // 2), (1 << 32) - at)
                     for at in range(1, len(hello))])


def test_two_segments_cut_at_every_byte_of_a_connection_that_was_there_before(tmp_path):
    hello = client_hello()
    check(tmp_path, [connection(at, cut(hello, at))[1:] for at in range(1, len(hello))])


def test_the_hello_after_a_retry_request_cut_at_every_byte(tmp_path):
    """Behind the first one and a change_cipher_spec (RFC 8446 D.4)."""
    hello = client_hello()
    again = b"\x14\3\3\0\1\1" + hello
    check(tmp_path, [connection(at, [(0, hello), (len(hello), again[:at]),
                                     (len(hello) + at, again[at:])])
                     for at in range(1, len(again))], times=2)


def test_three_segments_in_every_order(tmp_path):
    hello = client_hello()
    rng = random.Random(7)
    connections = []
    for _ in range(80):
        pieces = cut(hello, *sorted(rng.sample(range(1, len(hello)), 2)))
        for order in itertools.permutations(pieces):
            connections.append(connection(len(connections) + 1, order))
    check(tmp_path, connections)


def test_segments_sent_again_and_overlapping(tmp_path):
    hello = client_hello()
    rng = random.Random(8)
    connections = []
    for _ in range(200):
        a, b = sorted(rng.sample(range(1, len(hello)), 2))
        pieces = [(0, hello[:b]), (0, hello[:b]), (a, hello[a:])]
        connections.append(connection(len(connections) + 1, pieces))
    check(tmp_path, connections)


def test_as_many_segments_as_are_followed(tmp_path):
    """64 events of a window go up (bpf/names.h), with at most 16 holes between what came."""
    hello = client_hello()
    step, rng = -(-len(hello) // 64), random.Random(9)
    pieces = cut(hello, *range(step, len(hello), step))
    few = cut(hello, *range(40, len(hello), 40))
    check(tmp_path, [connection(1, pieces), connection(2, pieces[::-1])]
          + [connection(3 + i, rng.sample(few, len(few))) for i in range(100)])
