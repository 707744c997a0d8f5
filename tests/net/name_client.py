"""What an evasive client sends: hellos, requests and questions cut into pieces.

usage: name_client.py tls|http|dns ADDRESS NAME CUT...   cuts are offsets; prints bytes received
"""
import socket
import ssl
import struct
import sys
import time


def hello(name):
    """A ClientHello as OpenSSL makes it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def question(name):
    """A query for A over TCP (RFC 1035 4.2.2)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    return struct.pack("!H", len(query)) + query


def request(name):
    """The least request that has a Host."""
    return f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()


def main(kind, address, name, cuts):
    """Sends the pieces 2 ms apart, then reads for a second."""
    data = {"tls": hello, "http": request, "dns": question}[kind](name)
    port = {"tls": 443, "http": 80, "dns": 53}[kind]
    sock = socket.create_connection((address, port), timeout=2)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    edges = [0, *sorted(min(int(cut), len(data)) for cut in cuts), len(data)]
    for begin, end in zip(edges, edges[1:]):
        sock.sendall(data[begin:end])
        time.sleep(0.002)
    sock.settimeout(1)
    received = 0
    try:
        while piece := sock.recv(65536):
            received += len(piece)
    except OSError:
        pass
    print(received)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
