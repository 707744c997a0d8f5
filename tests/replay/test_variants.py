"""Attacks in many ways, each under its one name, and what looks like them and is ordinary life.

Made captures, through `sluice replay`. A row of ATTACKS is (detector, what writes it); one finding
above low and no other.
"""
import json
import random
import socket

import pytest

from captures import replay
from frames import (ACK, ATTACKER, EVERYBODY, FIN, HERE, HOST, PSH, ROUTER, RST, SERVER, SYN, THERE,
                    THIRD, Capture, ip, letters)

HEX = "0123456789abcdef"
WORDS = "abcdefghijklmnopqrstuvwxyz"


def scan(gap, count, flags=SYN, answer=RST | ACK, ends=(ATTACKER, SERVER)):
    def write(cap):
        for i in range(count):
            cap.probe(i * gap, (ends[0], 50000, ends[1], 1 + i * 7), flags, answer)
    return write


def scan_udp(cap):
    for i in range(150):
        cap.udp(i / 20, (ATTACKER, 50000, SERVER, 1 + i), b"\0" * 8)


def sweep(gap, port, answer=None):
    def write(cap):
        for i in range(1, 200):
            cap.probe(i * gap, (ATTACKER, 40000 + i, f"203.0.113.{i}", port), SYN, answer)
    return write


def sweep_udp(cap):
    for i in range(1, 200):
        cap.udp(i / 30, (ATTACKER, 5060, f"203.0.113.{i}", 5060), b"OPTIONS sip:100@1.1.1.1")


def pings(pattern, count, src=ATTACKER):
    def write(cap):
        for i in range(1, count):
            cap.ping(i / 30, src, pattern % i)
            if i % 8 == 0:
                cap.ping(i / 30 + .01, pattern % i, src, 0 if ":" not in src else 9)
    return write


def arp_sweep(cap):
    for i in range(1, 200):
        cap.arp(i / 100, 1, (EVERYBODY, THIRD), "192.168.1.66", f"192.168.1.{i}")


def flood_syn(source, port):
    def write(cap):
        for i in range(4000):
            cap.tcp(i / 2000, (source(i), 1024 + i, SERVER, port(i)), SYN)
    return write


def flood_udp(source, sport, dport):
    def write(cap):
        for i in range(25000):
            cap.udp(i / 9000, (source(i), sport, SERVER, dport(i)), b"x" * 20)
    return write


def flood_icmp(kind):
    def write(cap):
        for i in range(6000):
            cap.ping(i / 2500, anybody(i), SERVER, kind)
    return write


def anybody(i):
    return f"{1 + i * 7 % 220}.{i * 31 % 256}.{i * 17 % 256}.{1 + i % 250}"


def any_port(i):
    return 1 + i * 7919 % 65535


def ssh(gap, port, source=ATTACKER, server=SERVER):
    def write(cap):
        for i in range(40):
            ends = (source, 40000 + i, server, port)
            back = (server, port, source, 40000 + i)
            at = i * gap
            cap.tcp(at, ends, SYN)
            cap.tcp(at + .01, back, SYN | ACK)
            cap.tcp(at + .02, back, ACK | PSH, b"SSH-2.0-OpenSSH_9.2\r\n", 2)
            cap.tcp(at + .03, ends, ACK | PSH, b"SSH-2.0-libssh_0.9\r\n" + bytes(900), 2)
            cap.tcp(at + .04, back, ACK | PSH, bytes(1000), 23)
            cap.tcp(at + 1, ends, ACK | PSH, bytes(120 + i % 30), 922)
            cap.tcp(at + 1.1, back, FIN | ACK, b"", 1023)
            cap.tcp(at + 1.2, ends, FIN | ACK, b"", 1100)
    return write


def logins(port, up, down):
    def write(cap):
        for i in range(60):
            cap.talk(i * .7, (ATTACKER, 40000 + i, SERVER, port), up + i % 20, down)
    return write


def names(gap, count, name, kind=1, rcode=0):
    """@name and @kind: of the number of the question."""
    def write(cap):
        for i in range(count):
            cap.dns(i * gap, name(i), kind(i) if callable(kind) else kind, rcode)
    return write


def in_turn(i):
    """TXT, CNAME, MX."""
    return (16, 5, 15)[i % 3]


def beacon(gap, jitter):
    def write(cap):
        cap.dns(0, "example.com")
        for i in range(60):
            at = 3700 + i * gap + random.uniform(-jitter, jitter)
            cap.talk(at, (HOST, 41000 + i, "203.0.113.77", 8443), 300, 200)
    return write


def poison(to_all, both):
    def write(cap):
        cap.arp(0, 1, (EVERYBODY, HERE), HOST, ROUTER)
        cap.arp(.001, 2, (HERE, THERE), ROUTER, HOST)
        cap.arp(3, 1, (EVERYBODY, THIRD), "192.168.1.66", HOST)
        cap.arp(3.001, 2, (THIRD, HERE), HOST, "192.168.1.66")
        for i in range(10):
            cap.arp(10 + i * 2, 2, (EVERYBODY if to_all else HERE, THIRD), ROUTER, HOST)
            if both:
                cap.arp(10 + i * 2, 2, (THERE, THIRD), HOST, ROUTER)
    return write


def poison_neighbours(cap):
    router = socket.inet_pton(socket.AF_INET6, "fe80::1")
    for i in range(10):
        data = b"\x88\0\0\0\x60\0\0\0" + router + b"\2\1" + THIRD
        cap.add(10 + i * 2, ip("fe80::1", "fe80::50", 58, data, 255, (HERE, THIRD)))


V6 = ("2001:db8::9", "2001:db8:1::5")
ATTACKS = {
    "a port each 30 s": ("port_scan", scan(30, 100)),
    "SYN, some refused": ("port_scan", scan(.02, 100)),
    "FIN": ("port_scan", scan(.02, 100, FIN)),
    "NULL, filtered": ("port_scan", scan(.02, 100, 0, None)),
    "Xmas": ("port_scan", scan(.02, 100, FIN | PSH | 32)),
    "Maimon": ("port_scan", scan(.02, 100, FIN | ACK, RST)),
    "ACK": ("port_scan", scan(.02, 100, ACK, RST)),
    "UDP": ("port_scan", scan_udp),
    "SYN over IPv6": ("port_scan", scan(.02, 100, ends=V6)),
    "worm at 445": ("host_scan", sweep(.03, 445)),
    "SSH refused": ("host_scan", sweep(.25, 22, RST | ACK)),
    "web each 10 s": ("host_scan", sweep(10, 80)),
    "SIP": ("host_scan", sweep_udp),
    "ping": ("host_scan", pings("203.0.113.%d", 200)),
    "ping over IPv6": ("host_scan", pings("2001:db8:1::%x", 100, V6[0])),
    "by ARP": ("host_scan", arp_sweep),
    "SYN of one": ("syn_flood", flood_syn(lambda i: ATTACKER, lambda i: 80)),
    "SYN of anybody": ("syn_flood", flood_syn(anybody, lambda i: 443)),
    "SYN to any port": ("syn_flood", flood_syn(anybody, any_port)),
    "UDP of anybody": ("udp_flood", flood_udp(anybody, 4444, lambda i: 80)),
    "UDP to any port": ("udp_flood", flood_udp(lambda i: ATTACKER, 4444, any_port)),
    "reflected by resolvers": ("udp_flood", flood_udp(lambda i: f"198.18.{i % 40}.{i % 250}", 53,
                                                      lambda i: 1024 + i * 7919 % 64000)),
    "ICMP of anybody": ("icmp_flood", flood_icmp(8)),
    "ICMP answers of anybody": ("icmp_flood", flood_icmp(0)),
    "SSH": ("brute_force", ssh(1.5, 22)),
    "SSH at an odd port": ("brute_force", ssh(1.5, 48222)),
    "SSH over IPv6": ("brute_force", ssh(1.5, 22, *V6)),
    "SSH, 12 a minute": ("brute_force", ssh(5, 22)),
    "RDP": ("brute_force", logins(3389, 800, 1500)),
    "IMAP over TLS": ("brute_force", logins(993, 900, 3500)),
    "MySQL": ("brute_force", logins(3306, 120, 180)),
    "iodine, NULL": ("dns_tunnel", names(.1, 100, lambda i: letters(50) + ".t.evil.example", 10)),
    "iodine, private type": ("dns_tunnel", names(
        .25, 100, lambda i: "p" + letters(7) + ".t.evil.example", 65399)),
    "dnscat2": ("dns_tunnel", names(
        .25, 100, lambda i: letters(60, HEX) + "." + letters(34, HEX) + ".c2.example", in_turn)),
    "dnscat2, idle, no domain": ("dns_tunnel", names(
        1, 100, lambda i: "dnscat." + letters(18, HEX), in_turn)),
    "dns2tcp": ("dns_tunnel", names(.1, 100, lambda i: letters(16) + ".tun.example.org", 16)),
    "base32 in A": ("dns_tunnel", names(.2, 100, lambda i: letters(48, WORDS) + ".x.example.net")),
    "AAAA below co.uk": ("dns_tunnel", names(
        .2, 100, lambda i: letters(40) + ".x.example.co.uk", 28)),
    "answered NXDOMAIN": ("dns_tunnel", names(
        .2, 150, lambda i: letters(45) + ".nx.example", 1, 3)),
    "generated names": ("dga", names(
        .5, 120, lambda i: letters(13, WORDS) + (".com", ".net", ".ru")[i % 3], 1, 3)),
    "generated names, slow": ("dga", names(1.5, 100, lambda i: letters(14) + ".top", 1, 3)),
    "a minute": ("beacon", beacon(60, 0)),
    "a minute, 20 % off": ("beacon", beacon(60, 12)),
    "told to one": ("arp_spoof", poison(False, False)),
    "told to all": ("arp_spoof", poison(True, False)),
    "both ends": ("arp_spoof", poison(False, True)),
    "neighbour answers": ("arp_spoof", poison_neighbours),
}


def pages(cap):
    for i in range(120):
        cap.dns(i, f"{letters(8)}.cdn{i % 30}.example.com")
        cap.dns(i, f"r{i % 9}---sn-{letters(8)}-{letters(4)}.googlevideo.com")
        server = f"203.0.{113 + i % 7}.{i * 13 % 250 + 1}"
        cap.talk(i + .1, (HOST, 30000 + i, server, 443), 800, 9000)


def video(cap):
    for i in range(9000):
        cap.udp(i / 3000, (SERVER, 443, HOST, 50000), bytes(1250))
        if i % 10 == 0:
            cap.udp(i / 3000 + .0001, (HOST, 50000, SERVER, 443), bytes(30))


def torrent(cap):
    for i in range(300):
        peer, port = anybody(i), random.randrange(1024, 65535)
        cap.udp(i * .2, (HOST, 51413, peer, port), bytes(90))
        if i % 3 == 0:
            cap.udp(i * .2 + .1, (peer, port, HOST, 51413), bytes(200))
            cap.talk(i * .2 + .2, (HOST, 20000 + i, peer, port), 3000, 9000)
        elif i % 3 == 1:
            cap.tcp(i * .2, (HOST, 20000 + i, peer, 6881 + i % 2 * 9000), SYN)


def monitor(cap):
    for tick in range(5):
        for i in range(1, 101):
            at, dst = tick * 60 + i * .05, f"192.168.2.{i}"
            cap.ping(at, HOST, dst)
            if i % 12 == 0:  # some are down
                cap.tcp(at + .02, (HOST, 20000 + tick * 100 + i, dst, 9100), SYN)
                continue
            cap.ping(at + .002, dst, HOST, 0)
            cap.talk(at + .02, (HOST, 20000 + tick * 100 + i, dst, 9100), 300, 2000)


def mail_logins(cap):
    for i in range(400):
        ends = (f"198.18.{i % 50}.{i % 7 + 1}", 30000 + i, SERVER, (993, 587, 143, 995)[i % 4])
        cap.talk(i * .2, ends, random.randrange(500, 3000), random.randrange(1500, 9000))


def mail_server_names(cap):
    for i in range(200):
        cap.dns(i * .2, f"{i % 256}.{i % 19}.{i % 200}.198.zen.spamhaus.org", 1, 3)
        cap.dns(i * .2, f"{i % 256}.{i % 19}.18.198.in-addr.arpa", 12, 3)
        cap.dns(i * .2, f"_dmarc.{letters(7)}.com", 16, 3 if i % 3 == 0 else 0)
        cap.dns(i * .2, f"{letters(26)}.{letters(26)}.avqs.mcafee.com")


def resolver(cap):
    for i in range(1500):
        top = random.choice(("com", "net", "org", "de"))
        cap.dns(i * .02, f"{letters(6)}.www.{letters(6)}.{top}", random.choice((1, 28, 15, 16)),
                3 if i % 7 == 0 else 0, SERVER)


def search_list(cap):
    for i in range(150):
        for behind in ("default.svc.cluster.local", "svc.cluster.local", "ec2.internal",
                       "corp.example.com"):
            cap.dns(i * .3, f"api{i}.example.com.{behind}", 1, 3)


def regular_life(cap):
    cap.dns(0, "example.com")
    for i in range(150):
        cap.udp(3700 + i * 25, (HOST, 51820, "203.0.113.60", 51820), bytes(32))
        cap.udp(3700 + i * 64, (HOST, 123, "203.0.113.20", 123), bytes(48))
        cap.udp(3700 + i * 64 + .02, ("203.0.113.20", 123, HOST, 123), bytes(48))
        cap.talk(3700 + i * 10, ("198.18.0.200", 30000 + i, SERVER, 80), 100, 300)  # a balancer


def knock(cap):
    for at in range(0, 3000, 600):
        for k, port in enumerate((7000, 8000, 9000, 7777)):
            cap.tcp(at + k * .3, (ATTACKER, 40000 + k, SERVER, port), SYN)
        cap.talk(at + 2, (ATTACKER, 41000 + at, SERVER, 22), 6000, 20000)


def balancers(cap):
    """Each two seconds whether the service greets; and polls of this network from the start on."""
    for i in range(60):
        ends = ("192.168.1.3", 30000 + i, "192.168.1.9", 22)
        back = (ends[2], ends[3], ends[0], ends[1])
        for at, way, flags, data in ((0, ends, SYN, b""), (.01, back, SYN | ACK, b""),
                                     (.02, ends, ACK, b""),
                                     (.03, back, ACK | PSH, b"SSH-2.0-OpenSSH_9.2\r\n"),
                                     (.04, ends, ACK, b""), (.05, ends, FIN | ACK, b""),
                                     (.06, back, FIN | ACK, b""), (.07, ends, ACK, b"")):
            cap.tcp(i * 2 + at, way, flags, data)
        cap.talk(i * 15, (HOST, 31000 + i, "192.168.1.9", 9100), 200, 2000)


def peers(cap):
    for i in range(200):
        for port in (6346, 30303, 51413):
            cap.probe(i * .1, (HOST, 20000 + i, anybody(i), port), SYN, None if i % 4 else SYN | ACK)


def path_found(cap):
    for i in range(30):
        cap.udp(i * .1, (HOST, 40000, SERVER, 44444 + i), bytes(32))
        cap.udp(i * .1, (HOST, 40001, SERVER, 33434 + i), bytes(32))


def provider_names(cap):
    for i in range(200):
        cap.dns(i * .2, f"internal-{letters(20)}-{i}.eu-west-1.elb.amazonaws.com")
        cap.dns(i * .2, f"{letters(24)}.blob.core.windows.net", 1, 3)


def busy_server(cap):
    for i in range(2000):
        cap.talk(i / 1000, (anybody(i), 10000 + i, SERVER, 80), 100, 300)


def late_ends(cap):
    for i in range(300):
        cap.probe(i * .05, (SERVER, 443, HOST, 30000 + i), FIN | ACK, RST)
        cap.tcp(i * .05, ("203.0.113.9", 443, HOST, 20000 + i), ACK | PSH, bytes(500))


def updates(cap):
    for i in range(30):
        cap.dns(i * .3, "deb.debian.org")
        cap.talk(i * .3, (HOST, 30000 + i, "203.0.113.80", 80), 200, 60000)


def telemetry(cap):
    for i in range(8000):
        cap.udp(i / 1500, (HOST, 514, "192.168.1.9", 514), bytes(220))
        cap.udp(i / 1500, (HOST, 5000, "239.1.1.1", 5000), bytes(100))


def neighbours(cap):
    for i in range(60):
        cap.arp(i * 10, 1, (EVERYBODY, HERE), HOST, ROUTER)
        cap.arp(i * 10 + .001, 2, (HERE, THERE), ROUTER, HOST)
        cap.arp(i * 10 + 4, 1, (HERE, THERE), ROUTER, HOST)
        cap.arp(i * 10 + 4.001, 2, (THERE, HERE), HOST, ROUTER)
    for i in range(10):  # another router takes the address over, and says it ten times
        cap.arp(700 + i // 5 * 5, 2, (EVERYBODY, THIRD), ROUTER, ROUTER)
    cap.arp(701, 1, (EVERYBODY, THIRD), "192.168.1.3", HOST)


BENIGN = [balancers, peers, path_found, provider_names, pages, video, torrent, monitor,
          mail_logins, mail_server_names, resolver, search_list, regular_life, knock, busy_server,
          late_ends, updates, telemetry, neighbours]


def alerts_of(path, write):
    random.seed(7)
    cap = Capture()
    write(cap)
    result = replay(cap.write(path), "json")
    assert result.returncode == 0, result.stderr
    return [a for a in json.loads(result.stdout)["alerts"] if a["severity"] != "low"]


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_has_one_name(tmp_path, what):
    detector, write = ATTACKS[what]
    alerts = alerts_of(tmp_path / "made.pcap", write)
    assert [a["detector"] for a in alerts] == [detector], alerts


@pytest.mark.parametrize("write", BENIGN, ids=lambda write: write.__name__)
def test_ordinary_life_is_quiet(tmp_path, write):
    alerts = alerts_of(tmp_path / "made.pcap", write)
    assert not alerts, alerts
