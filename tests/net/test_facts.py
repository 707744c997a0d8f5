"""What addresses are called and where they are: DHCP and mDNS on the wire, reverse look-ups, and the
user's .mmdb, in flows, hosts, searches and exports."""
import csv
import io
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess

import pytest

from hosts import SLUICE, Lab, Service, sh, wait_for
from mmdb import write

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and XDP need root")

SEND = """
import socket, sys
kind, device, ip, data = sys.argv[1], sys.argv[2], sys.argv[3], bytes.fromhex(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.bind((ip, 68 if kind == "dhcp" else 5353))
s.sendto(data, ("255.255.255.255", 67) if kind == "dhcp" else ("224.0.0.251", 5353))
"""


def dhcp_request(name, ip):
    """RFC 2131 2, options 53, 12 and 50 (RFC 2132)."""
    return (bytes([1, 1, 6, 0]) + struct.pack(">I", 7) + bytes(28 + 192 + 8)
            + b"\x63\x82\x53\x63\x35\x01\x03" + bytes([12, len(name)]) + name
            + b"\x32\x04" + socket.inet_aton(ip) + b"\xff")


def announcement(name, ip):
    """An unasked mDNS answer with one address (RFC 6762 8.3)."""
    labels = bytes([len(name)]) + name + b"\x05local\x00"
    return (struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0) + labels
            + struct.pack(">HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(ip))


@pytest.fixture(scope="module")
def watched():
    """A service that calls 198.18.0.0/15 its house, with a folder for geography."""
    folder = pathlib.Path("/tmp") / f"sluice-net-geo-{os.getpid()}"
    folder.mkdir(mode=0o755)
    lab = Lab()
    service = Service(lab, config="[Capture]\nlocal_networks = 198.18.0.0/15, 2001:db8::/32\n"
                                  f"[Geo]\ndatabases = {folder}/a.mmdb\n")
    service.folder = folder
    try:
        yield service.start()
    finally:
        service.close()
        lab.close()
        shutil.rmtree(folder)


def say(service, kind, data, ip=None):
    """What the neighbour sends."""
    done = service.lab.run(service.lab.b, "/usr/bin/python3", "-c", SEND, kind, service.lab.vb,
                           ip or service.lab.ip_b, data.hex())
    assert done.returncode == 0, done.stderr


def facts(service, ip):
    """What is known of an address."""
    return service.json("host", ip)["facts"]


def test_devices_are_called_what_they_say_and_no_more(watched):
    lab = watched.lab
    assert facts(watched, lab.ip_b)["name"] is None
    say(watched, "mdns", announcement(b"tv-in-the-hall", lab.ip_b))
    wait_for(lambda: facts(watched, lab.ip_b)["name"] == "tv-in-the-hall", 5, "mDNS is heard")
    assert facts(watched, lab.ip_b)["name_source"] == "mdns"
    say(watched, "mdns", announcement(b"liar", lab.ip_a))  # of another's address
    say(watched, "dhcp", dhcp_request(b"kit\x1b[2J\xffpi", lab.ip_b))
    row = wait_for(lambda: (f := facts(watched, lab.ip_b))["name_source"] == "dhcp" and f, 5,
                   "DHCP is heard")
    assert row["name"] == r"kit\027[2J\255pi"
    assert facts(watched, lab.ip_a)["name"] is None
    say(watched, "dhcp", dhcp_request(b"kitchen-pi", lab.ip_b))
    wait_for(lambda: facts(watched, lab.ip_b)["name"] == "kitchen-pi", 5, "it is called anew")
    say(watched, "mdns", announcement(b"less-sure", lab.ip_b))
    say(watched, "dhcp", dhcp_request(b"far-away", "203.0.113.9"))  # not of this house
    assert lab.pings(lab.b, lab.ip_a) == 3
    flow = wait_for(lambda: watched.json("flows", "list", "name:kitchen proto:icmp")["items"], 5,
                    "its flow is found by name")[0]
    assert flow["src_name"] == "kitchen-pi" and flow["dst_name"] is None
    assert watched.json("flows", "list", "name:less-sure")["items"] == []
    assert facts(watched, "203.0.113.9")["name"] is None
    host = wait_for(lambda: next((h for h in watched.json("top")["items"]
                                  if h["ip"] == lab.ip_b), None), 5, "it is a busy host")
    assert host["name"] == "kitchen-pi"


def test_dhclient_names_itself_to_dnsmasq_over_ipv6(watched):
    lab, folder = watched.lab, watched.folder
    for where, dev, link in ((lab.a, lab.va, "fe80::a"), (lab.b, lab.vb, "fe80::b")):
        sh("ip", "-n", where, "addr", "add", f"{link}/64", "dev", dev, "nodad")
    given = lab.ip6_a.replace("::1", "::77")
    (folder / "dhclient.conf").write_text('send fqdn.fqdn "garden-pi";\n')
    lab.start(lab.a, "dnsmasq", "-k", "-C", "/dev/null", "--port=0", "--interface", lab.va,
              "--bind-interfaces", "--user=root", f"--dhcp-range={given},{given},64,1h",
              f"--dhcp-leasefile={folder}/served", f"--pid-file={folder}/dnsmasq.pid",
              stdout=subprocess.DEVNULL)
    lab.start(lab.b, "dhclient", "-6", "-d", "-cf", f"{folder}/dhclient.conf", "-lf",
              f"{folder}/lease", "-pf", f"{folder}/dhclient.pid", "-sf", "/bin/true", lab.vb,
              stdout=subprocess.DEVNULL)
    wait_for(lambda: facts(watched, given)["name"] == "garden-pi", 20, "DHCPv6 is heard")
    assert facts(watched, given)["name_source"] == "dhcp"
    assert given in (folder / "served").read_text()  # the server's word


def test_geography_is_used_replaced_and_survives_a_broken_file(watched):
    lab = watched.lab

    def place(country, asn):
        write(watched.folder / "new", {f"{lab.ip_b}/32": {
            "country": {"iso_code": country}, "autonomous_system_number": asn,
            "autonomous_system_organization": "Exämple\u202e Net"}})
        os.replace(watched.folder / "new", watched.folder / "a.mmdb")

    assert "No such file" in watched.json("geo")["items"][0]["error"]
    place("DE", 64500)
    row = wait_for(lambda: (f := facts(watched, lab.ip_b))["country"] and f, 25, "the file is read")
    assert (row["country"], row["asn"], row["as_owner"]) == ("DE", 64500, "Exämple Net")
    assert lab.pings(lab.b, lab.ip_a, count=1) == 1
    flow = wait_for(lambda: watched.json("flows", "list", "country:de asn:AS64500 proto:icmp")["items"],
                    5, "its flow is found by country")[0]
    assert (flow["src_country"], flow["src_asn"], flow["dst_country"]) == ("DE", 64500, None)
    wait_for(lambda: any(row["key"] == "DE" for row in watched.json("top", "--by", "country")["items"]),
             40, "sums by country")  # of flows that have ended
    text = watched.cli("export", "flows", "-o", "csv", "country:DE")[1]
    exported = list(csv.DictReader(io.StringIO(text)))
    assert exported and {row["src_country"] or row["dst_country"] for row in exported} == {"DE"}
    (watched.folder / "a.mmdb").write_bytes(os.urandom(5000))
    state = wait_for(lambda: (s := watched.json("geo")["items"][0])["error"] and s, 25,
                     "the broken file is said")
    assert state["error"] == "It is no MaxMind DB, or it is damaged."
    assert facts(watched, lab.ip_b)["country"] == "DE"  # what was known
    place("FR", 64501)
    wait_for(lambda: facts(watched, lab.ip_b)["country"] == "FR", 25, "the next file is read")

    def reported():
        text = watched.cli("report", "create", "traffic", "--format", "json", "--file", "-")[1]
        return next((row for row in json.loads(text)["tops"]["sources"] if row["key"] == lab.ip_b), None)
    row = wait_for(reported, 40, "its sums are in a report")
    assert (row["country"], row["as"]) == ("FR", "AS64501")


def test_names_are_kept_over_a_restart(watched):
    lab = watched.lab
    watched.stop()
    watched.start()
    assert facts(watched, lab.ip_b)["name"] == "kitchen-pi"


def test_check_says_what_is_wrong_with_a_file(watched):
    for path, why in (("relative.mmdb", "absolute"), (watched.folder / "none.mmdb", "No such file"),
                      ("/etc/passwd", "no MaxMind DB")):
        config = watched.folder / "c.conf"
        config.write_text(f"[Geo]\ndatabases = {path}\n")
        done = subprocess.run([SLUICE, "check", "-c", config], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 78 and why in done.stderr + done.stdout, (path, done)
