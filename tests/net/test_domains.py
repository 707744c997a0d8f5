"""A blocked name fails at every layer, whole and in pieces; its neighbour on the same address works."""
import os
import pathlib
import signal
import subprocess

import pytest

from hosts import Service, either, lab, service, sh, wait_for

HERE = pathlib.Path(__file__).resolve().parent
BLOCKED, NEIGHBOUR = "blocked.example", "fine.example"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Self-signed; nobody checks it here."""
    folder = tmp_path_factory.mktemp("cert")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=names.example")
    return cert, key


@pytest.fixture
def names(lab, certificate, request):
    """The servers of names on host b, each answer so many seconds late."""
    child = lab.start(lab.b, "/usr/bin/python3", str(HERE / "name_servers.py"), lab.ip_b,
                      *certificate, str(getattr(request, "param", 0)))
    assert child.stdout.readline().strip() == "ready"
    return lab


def curl(lab, name, scheme):
    """What the server answered, or None."""
    port = {"http": 80, "https": 443}[scheme]
    done = lab.run(lab.a, "curl", "-sk", "--max-time", "1.5", "--resolve",
                   f"{name}:{port}:{lab.ip_b}", f"{scheme}://{name}/")
    return done.stdout if done.returncode == 0 else None


def dig(lab, name, *options):
    """The addresses, or None when no answer came."""
    done = lab.run(lab.a, "dig", f"@{lab.ip_b}", name, "A", "+short", "+tries=1", "+time=1",
                   *options)
    return done.stdout.split() if done.returncode == 0 else None


def status_of(lab, name):
    """NOERROR, REFUSED or None."""
    done = lab.run(lab.a, "dig", f"@{lab.ip_b}", name, "A", "+tries=1", "+time=1")
    return done.stdout.partition("status: ")[2].partition(",")[0] or None


def pieces(lab, kind, name, *cuts):
    """Bytes that came back for a message sent in pieces."""
    done = lab.run(lab.a, "/usr/bin/python3", str(HERE / "name_client.py"), kind, lab.ip_b, name,
                   *map(str, cuts))
    return int(done.stdout or 0)


def block_row(service):
    """The row of the name."""
    return next(b for b in service.json("block", "list")["items"] if b["value"] == BLOCKED)


def test_a_blocked_name_fails_everywhere_and_its_neighbour_works(names, either):
    lab = names
    assert curl(lab, BLOCKED, "http") and curl(lab, BLOCKED, "https") and dig(lab, BLOCKED)
    assert either.cli("block", "add", BLOCKED)[0] == 0
    for name in (BLOCKED, BLOCKED.upper(), "a.b." + BLOCKED):
        assert dig(lab, name) is None
        assert dig(lab, name, "+tcp") is None
        assert curl(lab, name, "http") is None
        assert curl(lab, name, "https") is None
    for name in (NEIGHBOUR, "not" + BLOCKED):
        assert dig(lab, name) == [lab.ip_b] and dig(lab, name, "+tcp") == [lab.ip_b]
        assert curl(lab, name, "http") == f"host {name}"
        assert curl(lab, name, "https") == f"host {name}"
    layers = wait_for(lambda: block_row(either)["layers"], 3, "layers")
    assert layers["dns"] >= 6 and layers["tls"] >= 3 and layers["http"] >= 3, layers
    assert either.cli("block", "del", BLOCKED)[0] == 0
    assert curl(lab, BLOCKED, "https") == f"host {BLOCKED}" and dig(lab, BLOCKED) == [lab.ip_b]


def test_refuse_answers_at_once(names, service):
    assert service.cli("block", "add", BLOCKED, "--refuse")[0] == 0
    assert status_of(names, BLOCKED) == "REFUSED"
    assert status_of(names, NEIGHBOUR) == "NOERROR"


@pytest.mark.parametrize("names", [0.05], indirect=True)
def test_pieces_are_cut_before_an_answer_that_takes_50_ms(names, service):
    lab = names
    whole = {kind: pieces(lab, kind, NEIGHBOUR, 3, 40) for kind in ("tls", "http", "dns")}
    assert all(whole.values()), whole
    assert service.cli("block", "add", BLOCKED)[0] == 0
    for kind, cuts in (("tls", (1,)), ("tls", (5, 60, 120)), ("http", (20,)), ("http", (18, 26)),
                       ("dns", (2,)), ("dns", (1, 16, 20))):
        assert pieces(lab, kind, BLOCKED, *cuts) == 0, (kind, cuts)
    for kind in whole:  # a signature's length varies by some bytes
        assert abs(pieces(lab, kind, NEIGHBOUR, 3, 40) - whole[kind]) < 8, kind


@pytest.mark.parametrize("names", [0.05], indirect=True)
def test_quic_is_cut_by_its_server_name(names, service):
    lab = names
    script = ("import sys; sys.path.insert(0, sys.argv[1]); import quic_sender, socket, time\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)\n"
              "s.connect((sys.argv[2], 443)); got = 0\n"
              "for d in quic_sender.build_initials(sys.argv[3], '1', int(sys.argv[4])): s.send(d)\n"
              "time.sleep(0.1)\n"
              "for d in quic_sender.build_initials(sys.argv[3], '1', int(sys.argv[4])): s.send(d)\n"
              "t = time.time() + 1\n"
              "while time.time() < t:\n"
              "    try: s.recv(2000); got += 1\n"
              "    except OSError: break\n"
              "print(got)\n")

    def answers(name, count):
        return int(lab.run(lab.a, "/usr/bin/python3", "-c", script, str(HERE), lab.ip_b, name,
                           str(count)).stdout)

    assert answers(NEIGHBOUR, 2) == 4
    assert service.cli("block", "add", BLOCKED)[0] == 0
    for count in (1, 2):
        assert answers(BLOCKED, count) == 0, f"hello in {count} datagrams"
    assert answers(NEIGHBOUR, 2) == 4
    assert block_row(service)["layers"]["quic"] >= 2


def test_flows_carry_their_names(names, service):
    lab = names
    dig(lab, NEIGHBOUR)
    curl(lab, NEIGHBOUR, "http")
    curl(lab, NEIGHBOUR, "https")

    def named():
        rows = service.json("flows", "list")["items"]
        return {row["dst_port"]: row for row in rows if row["host"] or row["sni"]}

    rows = wait_for(lambda: (lambda r: r if {53, 80, 443} <= set(r) else None)(named()), 5,
                    "names of three flows")
    assert rows[443]["sni"] == NEIGHBOUR and rows[443]["ja4"].startswith("t13d")
    assert rows[80]["host"] == NEIGHBOUR and rows[53]["host"] == NEIGHBOUR


def test_a_shared_address_is_never_blocked_for_a_name(names, service):
    lab = names
    for name in (BLOCKED, NEIGHBOUR):
        assert dig(lab, name) == [lab.ip_b]
    status, _, err = service.cli("block", "add", BLOCKED, "--addresses")
    assert status == 0, err
    values = [b["value"] for b in service.json("block", "list")["items"]]
    assert lab.ip_b not in values and BLOCKED in values
    assert curl(lab, NEIGHBOUR, "http") == f"host {NEIGHBOUR}"


def test_names_of_a_list_are_blocked_with_their_hits_also_after_a_crash(names, service, tmp_path):
    lab = names
    path = tmp_path / "ads.txt"
    path.write_text(f"# mixed\n192.0.2.77\n0.0.0.0 {BLOCKED}\n||filter.example^\nother.example\n",
                    encoding="utf-8")
    status, out, err = service.cli("block", "add", "--file", str(path))
    assert status == 0 and "line 4" in out and "filter syntax" in out, out + err
    assert curl(lab, BLOCKED, "http") is None and curl(lab, "a." + BLOCKED, "https") is None
    assert dig(lab, BLOCKED) is None and dig(lab, NEIGHBOUR) == [lab.ip_b]
    status, out, _ = service.cli("block", "test", "www." + BLOCKED)
    assert status == 0 and f"entry {BLOCKED}" in out
    entries = service.json("block", "list", "--list", "ads")["items"]
    assert [e["value"] for e in entries] == ["192.0.2.77", BLOCKED, "other.example"]
    assert entries[1]["hits"] >= 3 and entries[2]["hits"] == 0
    row = wait_for(lambda: next(b for b in service.json("block", "list")["items"]
                                if b["value"] == "ads" and b["layers"]["dns"] >= 1), 5, "hits")
    assert row["entries"] == 3
    service.kill_all()
    assert dig(lab, BLOCKED) is None, "also while nothing runs"
    service.start()
    assert dig(lab, BLOCKED) is None and dig(lab, NEIGHBOUR) == [lab.ip_b]
    path.write_text("192.0.2.77\nother.example\n", encoding="utf-8")
    assert service.cli("block", "add", "--file", str(path))[0] == 0
    wait_for(lambda: dig(lab, BLOCKED) == [lab.ip_b], 5, "the next version lets go")
    assert dig(lab, "other.example") is None
    assert service.cli("block", "del", "ads")[0] == 0
    assert dig(lab, "other.example") == [lab.ip_b]


@pytest.mark.parametrize("names", [0.05], indirect=True)
def test_an_alias_of_a_blocked_name_is_cut_and_others_are_not(names, service):
    lab = names
    assert service.cli("block", "add", BLOCKED)[0] == 0
    assert curl(lab, "alias.shop.test", "https") == "host alias.shop.test", "nobody asked yet"
    answer = lab.run(lab.a, "dig", f"@{lab.ip_b}", "alias.shop.test", "A", "+short").stdout
    assert BLOCKED in answer and lab.ip_b in answer
    wait_for(lambda: curl(lab, "alias.shop.test", "https") is None, 5, "the alias is cut")
    assert curl(lab, "alias.shop.test", "http") is None
    assert curl(lab, "www.shop.test", "https") == "host www.shop.test"
    assert block_row(service)["layers"]["tls"] >= 1


TWO_QUESTIONS = """
import socket, struct, sys
names = [sys.argv[2], sys.argv[3]]
wire = b"".join(b"".join(bytes([len(l)]) + l.encode() for l in n.split(".")) + b"\\0" +
                struct.pack("!HH", 1, 1) for n in names)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.sendto(struct.pack("!HHHHHH", 7, 0x100, 2, 0, 0, 0) + wire, (sys.argv[1], 53))
try:
    print(len(s.recv(2000)))
except OSError:
    print(0)
"""


@pytest.mark.parametrize("names", [0.05], indirect=True)
def test_a_second_question_hides_no_blocked_name(names, service):
    lab = names

    def answers(first, second):
        done = lab.run(lab.a, "/usr/bin/python3", "-c", TWO_QUESTIONS, lab.ip_b, first, second)
        assert done.stdout, done.stderr
        return int(done.stdout)
    assert service.cli("block", "add", BLOCKED)[0] == 0
    assert answers(NEIGHBOUR, "other.example") > 0
    assert answers(NEIGHBOUR, BLOCKED) == 0
    assert answers(BLOCKED, NEIGHBOUR) == 0


ONE_CONNECTION = """
import socket, struct, sys
s = socket.create_connection((sys.argv[1], 53), timeout=2)
for name in sys.argv[2:]:
    wire = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0"
    query = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + wire + struct.pack("!HH", 1, 1)
    s.sendall(struct.pack("!H", len(query)) + query)
    try:
        print("answer" if s.recv(2000) else "end", flush=True)
    except OSError:
        print("none", flush=True)
        break
"""


def test_a_later_message_of_a_dns_connection_is_judged_too(names, service):
    lab = names

    def asked(*questions):
        return lab.run(lab.a, "/usr/bin/python3", "-c", ONE_CONNECTION, lab.ip_b,
                       *questions).stdout.split()
    fine = [f"n{i}.fine.example" for i in range(40)]
    assert asked(*fine, BLOCKED) == ["answer"] * 41
    assert service.cli("block", "add", BLOCKED)[0] == 0
    assert asked(*fine) == ["answer"] * 40
    assert asked(*fine, "www." + BLOCKED) == ["answer"] * 40 + ["none"]


def test_a_name_is_blocked_in_one_direction_for_forwarded_packets_too(lab, certificate, either_routed):
    service, server = either_routed
    child = lab.start(server, "/usr/bin/python3", str(HERE / "name_servers.py"), "198.18.252.2",
                      *certificate, "0")
    assert child.stdout.readline().strip() == "ready"

    def page(name):
        done = lab.run(lab.b, "curl", "-s", "--max-time", "1.5", "--resolve",
                       f"{name}:80:198.18.252.2", f"http://{name}/")
        return done.stdout if done.returncode == 0 else None
    assert page(BLOCKED) == f"host {BLOCKED}"
    for direction in ("out", "in", "both"):
        assert service.cli("block", "add", BLOCKED, "--direction", direction)[0] == 0
        # the kernel alone: a core that reads the name and cuts the flow may be late
        os.kill(service.pids()["core"], signal.SIGSTOP)
        said = page(BLOCKED)
        os.kill(service.pids()["core"], signal.SIGCONT)
        assert said is None, direction
        assert page(NEIGHBOUR) == f"host {NEIGHBOUR}"
        assert service.cli("block", "del", BLOCKED)[0] == 0
    assert page(BLOCKED) == f"host {BLOCKED}"


@pytest.fixture(params=["xdp", "tc"])
def either_routed(lab, request):
    """Host a forwards between host b and a server behind it, and watches both sides."""
    server, near, far = "sd" + lab.a[2:], "rd" + lab.a[2:], "re" + lab.a[2:]
    sh("ip", "netns", "add", server)
    made = Service(lab, arguments=["-i", f"{lab.va},{near}"],
                   config=f"[Capture]\nmode = {request.param}\n")
    try:
        sh("ip", "link", "add", near, "netns", lab.a, "type", "veth", "peer", "name", far,
           "netns", server)
        for where, dev, address in ((lab.a, near, "198.18.252.1"), (server, far, "198.18.252.2")):
            sh("ip", "-n", where, "addr", "add", f"{address}/24", "dev", dev)
            sh("ip", "-n", where, "link", "set", dev, "up")
        sh("ip", "-n", server, "route", "add", "default", "via", "198.18.252.1")
        sh("ip", "-n", lab.b, "route", "add", "default", "via", lab.ip_a)
        assert lab.run(lab.a, "sysctl", "-qw", "net.ipv4.ip_forward=1").returncode == 0
        made.start()
        wait_for(lambda: {lab.va, near} <= {i["name"] for i in made.json("status")["ifaces"]}, 5,
                 "both sides are watched")
        yield made, server
    finally:
        made.close()
        subprocess.run(["ip", "netns", "del", server], check=False)
