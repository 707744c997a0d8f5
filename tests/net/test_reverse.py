"""Names of this house's addresses, asked for at a resolver: dnsmasq of Debian, and one that lies."""
import os
import re
import subprocess

import pytest

from hosts import SLUICE, Lab, Service, sh, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and XDP need root")

# every question is answered by garbage, by what was not asked, with another id, from another port,
# and then truly
LIAR = """
import socket, struct, sys
real, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
real.bind((sys.argv[1], 53))
other.bind((sys.argv[1], 0))
def answer(query, name, ident=None):
    label = bytes([len(name)]) + name + b"\\0"
    return ((ident or query[:2]) + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + query[12:] + b"\\xc0\\x0c\\0\\x0c\\0\\1"
            + struct.pack(">IH", 60, len(label)) + label)
while True:
    query, peer = real.recvfrom(4096)
    real.sendto(b"\\xff" * 700, peer)
    real.sendto(answer(query[:12] + b"\\1" + b"9" + query[14:], b"not-asked"), peer)
    real.sendto(answer(query, b"guessed", bytes([query[0] ^ 1, query[1]])), peer)
    other.sendto(answer(query, b"stranger"), peer)
    real.sendto(answer(query, b"tr\\x1b[2J\\xe2\\x80\\xaeue"), peer)
"""


class House:
    """A service that asks its neighbour, and counts the house's addresses by prefix."""

    def __init__(self):
        self.lab = Lab()
        net = self.lab.ip_a.rpartition(".")[0]
        self.service = Service(self.lab, config=(
            f"[Capture]\nlocal_networks = {net}.0/24, {self.lab.ip6_a[:-1]}/64\n"
            f"[Geo]\nresolvers = {self.lab.ip_b}\n"))

    def see(self, host):
        """The neighbour has one more address and uses it."""
        lab = self.lab
        address = (lab.ip6_b.replace("::2", "::") if ":" in host
                   else lab.ip_b.rpartition(".")[0] + ".") + host.strip(":")
        size = "64" if ":" in address else "24"
        sh("ip", "-n", lab.b, "addr", "add", f"{address}/{size}", "dev", lab.vb,
           *(["nodad"] if ":" in address else []))
        assert lab.run(lab.b, "ping", "-n", "-c", "1", "-I", address,
                       lab.ip6_a if ":" in address else lab.ip_a).returncode == 0
        return address

    def named(self, address):
        """(name, source) of an address."""
        facts = self.service.json("host", address)["facts"]
        return facts["name"], facts["name_source"]

    def state(self):
        """How the look-ups do."""
        return next(row for row in self.service.json("outputs")["items"]
                    if row["name"] == "reverse")

    def close(self):
        """Everything away."""
        self.service.close()
        self.lab.close()


@pytest.fixture
def house():
    made = House()
    try:
        made.service.start()
        yield made
    finally:
        made.close()


def test_names_come_from_dnsmasq_once_and_a_dead_resolver_is_let_be(house, tmp_path):
    lab, log = house.lab, tmp_path / "queries"
    net = lab.ip_b.rpartition(".")[0]
    resolver = lab.start(
        lab.b, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=root",
        "--bind-interfaces", f"--listen-address={lab.ip_b}", "--local=/arpa/", "--log-queries",
        f"--log-facility={log}", "--pid-file", f"--host-record=printer.house,{net}.50",
        f"--host-record=camera.house,{lab.ip6_b.replace('::2', '::50')}", stdout=subprocess.DEVNULL)
    wait_for(lambda: lab.run(lab.a, "dig", "+short", f"@{lab.ip_b}", "-x", f"{net}.50").stdout.strip()
             == "printer.house.", 10, "dig is told the name")
    four, six, nameless = house.see("50"), house.see("::50"), house.see("51")
    wait_for(lambda: house.named(four) == ("printer.house", "dns"), 40, "the name is learned")
    wait_for(lambda: house.named(six) == ("camera.house", "dns"), 40, "that of IPv6, too")

    def asked(address):
        reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        return len(re.findall(rf"query\[PTR\] {re.escape(reverse)} ", log.read_text()))

    wait_for(lambda: asked(nameless) == 1, 40, "it is asked about")
    before = asked(four)
    for address in (four, nameless):  # seen again, in flows of their own
        lab.run(lab.b, "nmap", "-n", "-Pn", "-sS", "-S", address, "-e", lab.vb, "-p", "1-20", lab.ip_a)
    resolver.kill()
    resolver.wait()
    house.see("52")
    state = wait_for(lambda: (s := house.state())["state"] == "down" and s, 40, "it is down")
    assert state["error"] == "Nobody listens at the resolver." and state["waiting"] == 1
    assert (asked(four), asked(nameless)) == (before, 1)
    assert house.named(four) == ("printer.house", "dns") and house.named(nameless) == (None, None)


def test_a_resolver_that_lies_is_heard_only_where_it_answers(house):
    lab = house.lab
    lab.start(lab.b, "/usr/bin/python3", "-c", LIAR, lab.ip_b)
    wait_for(lambda: ":53 " in lab.run(lab.b, "ss", "-lunH").stdout, 10, "the resolver listens")
    address = house.see("60")
    wait_for(lambda: house.named(address)[0], 40, "the name is learned")
    assert house.named(address) == (r"tr\027[2J\226\128\174ue", "dns")


def test_nobody_is_asked_unless_a_resolver_is_set(tmp_path):
    config = tmp_path / "c.conf"
    for value, status in (("", 0), ("system", 0), ("198.18.0.1, 2001:db8::1", 0), ("dns.example", 78),
                          ("system, 198.18.0.1", 78), ("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4", 78)):
        config.write_text(f"[Geo]\nresolvers = {value}\n")
        done = subprocess.run([SLUICE, "check", "-c", config], capture_output=True, text=True,
                              check=False)
        assert done.returncode == status, (value, done)
        assert status == 0 or "at most 3 addresses" in done.stdout + done.stderr
