"""DNS, HTTP, HTTPS and a UDP answerer on one address, for tests of names; run inside a namespace.

usage: name_servers.py ADDRESS CERT KEY DELAY    each answer comes DELAY seconds late, as over a
long link; prints "ready" when all of them listen
"""
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


DELAY = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0


def answer(query, address):
    """One A record for whatever was asked (RFC 1035 4.1); alias.anything leads on to
    blocked.example first."""
    ident, flags, questions = struct.unpack("!HHH", query[:6])
    end = query.index(b"\0", 12) + 5
    is_alias = query[12:18].lower() == b"\x05alias"
    for _ in range(questions - 1):
        end = query.index(b"\0", end) + 5
    head = struct.pack("!HHHHHH", ident, 0x8180 | flags & 0x0100, questions, 1 + is_alias, 0, 0)
    target = b"\x07blocked\x07example\0"
    owner = target if is_alias else b"\xc0\x0c"
    record = owner + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    if is_alias:
        record = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, len(target)) + target + record
    return head + query[12:end] + record


class DnsUdp(socketserver.BaseRequestHandler):
    """A datagram, an answer."""

    def handle(self):
        data, sock = self.request
        time.sleep(DELAY)
        sock.sendto(answer(data, self.server.server_address[0]), self.client_address)


class DnsTcp(socketserver.BaseRequestHandler):
    """Query after query, each in however many pieces (RFC 7766 6.2.1)."""

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.request.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    def handle(self):
        try:
            while True:
                query = self.take(struct.unpack("!H", self.take(2))[0])
                time.sleep(DELAY)
                reply = answer(query, self.server.server_address[0])
                self.request.sendall(struct.pack("!H", len(reply)) + reply)
        except ConnectionError:
            return


class Echo(socketserver.BaseRequestHandler):
    """Any datagram is answered."""

    def handle(self):
        data, sock = self.request
        time.sleep(DELAY)
        sock.sendto(b"answer to %d bytes" % len(data), self.client_address)


class Page(BaseHTTPRequestHandler):
    """Says which host was asked for."""
    protocol_version = "HTTP/1.1"

    def setup(self):
        """The handshake, too, is answered late."""
        time.sleep(DELAY)
        super().setup()

    def do_GET(self):
        """The only method."""
        time.sleep(DELAY)
        body = ("host " + self.headers.get("Host", "")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Quiet."""


def main(address, cert, key):
    """Everything listens, then the word is said."""
    socketserver.TCPServer.allow_reuse_address = True
    servers = [socketserver.ThreadingUDPServer((address, 53), DnsUdp),
               socketserver.ThreadingTCPServer((address, 53), DnsTcp),
               socketserver.ThreadingUDPServer((address, 443), Echo),
               ThreadingHTTPServer((address, 80), Page), ThreadingHTTPServer((address, 443), Page)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    servers[4].socket = context.wrap_socket(servers[4].socket, server_side=True,
                                            do_handshake_on_connect=False)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:4])
