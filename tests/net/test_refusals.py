"""What would lock a person out is refused in words, and what is no request is refused as such."""
import json
import re
import socket
import ssl
import subprocess

import pytest

from hosts import PASSWORD, SLUICE, Service, inside, lab, service, wait_for

RESOLVER = "203.0.113.53"  # RFC 5737: of nobody; only its line in resolv.conf matters

# raw request -> statuses it may get (docs/api.md, HTTP guards); {host} is the listener's
MALFORMED = [
    (b"GET /healthz HTTP/1.1\r\n\r\n", {400}),
    (b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", {400}),
    (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", {421}),
    (b"GET /healthz HTTP/1.1\r\nHost: {host}\nX: y\r\n\r\n", {400}),
    (b"GET /a/../healthz HTTP/1.1\r\nHost: {host}\r\n\r\n", {400}),
    (b"GET //healthz HTTP/1.1\r\nHost: {host}\r\n\r\n", {400}),
    (b"GET /healthz%00 HTTP/1.1\r\nHost: {host}\r\n\r\n", {400}),
    (b"BREW /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n", {400, 405, 501}),
    (b"POST /api/v1/login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n{}", {400}),
    (b"POST /api/v1/login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n"
     b"Content-Length: 3\r\n\r\n{}", {400}),
    (b"POST /api/v1/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
     b"Content-Length: 99999999\r\n\r\n", {413}),
    (b"POST /api/v1/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\n"
     b"Content-Length: 2\r\n\r\n{}", {415}),
    (b"POST /api/v1/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
     b"Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n{}", {403}),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n", {414, 431}),
    (b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 70000 + b"\r\n\r\n", {431}),
]

# sends its standard input to HOST PORT, prints what comes back; run inside a namespace
SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as peer:
    try:
        peer.sendall(sys.stdin.buffer.read())
    except OSError:
        pass
    sys.stdout.buffer.write(peer.recv(65536))
"""


def send_raw(served, request):
    """The status of the answer to these bytes, or None when there was no answer."""
    host, port = re.match(r"http://([^:]+):(\d+)", served.url).groups()
    raw = request.replace(b"{host}", f"{host}:{port}".encode())
    done = served.lab.run(served.where, "python3", "-c", SEND, host, port, input=raw, text=False)
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", done.stdout)
    return int(found[1]) if found else None


def test_malformed_requests_get_their_status_and_do_no_harm(service):
    got = {index: send_raw(service, request) for index, (request, _) in enumerate(MALFORMED)}
    wrong = [(MALFORMED[index][0][:70], status, MALFORMED[index][1])
             for index, status in got.items() if status not in MALFORMED[index][1]]
    assert not wrong
    assert send_raw(service, b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n") == 200


def test_a_port_in_use_is_named(lab, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = subprocess.run([SLUICE, "demo", "--listen", address, "--state", str(tmp_path)],
                              check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done
    assert address in done.stderr and "in use" in done.stderr.lower()


@pytest.fixture
def abroad(lab, tmp_path):
    """A service that listens on its network's address, with a resolver of its own."""
    made = Service(lab)
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {RESOLVER}\n", encoding="utf-8")
    # a mount namespace of its own: this host keeps its resolv.conf
    command = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
               str(resolv), SLUICE, "run", "-i", lab.va, "--listen", f"{lab.ip_a}:0", "--state",
               made.state]
    try:
        with open(made.log_path, "wb") as log:
            made.process = subprocess.Popen(inside(lab.a, command), stdout=log, stderr=log)
        made.url = wait_for(lambda: re.search(r"listening on (\S+)", made.log()), 15, made.log())[1]
        wait_for(lambda: made.cli("status")[0] == 0, 10, "it answers")
        yield made
    finally:
        made.close()


def log_in_from(lab, served, where):
    """Log an admin in over TLS from a namespace; the answer's status."""
    body = json.dumps({"username": "boss", "password": PASSWORD})
    return lab.run(where, "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                   "Content-Type: application/json", "-d", body,
                   served.url + "/api/v1/login").stdout


def refusal(served, value):
    """What `block add` says of a value; it must refuse."""
    status, out, err = served.cli("block", "add", value)
    assert status == 1, (value, out, err)
    return err


def test_an_admins_own_address_and_the_resolver_are_never_blocked(abroad, lab, tmp_path):
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    secret.chmod(0o600)
    status, _, err = abroad.cli("user", "add", "boss", "--role", "admin", "--password-file",
                                str(secret))
    assert status == 0, err
    assert abroad.url.startswith("https://")
    assert log_in_from(lab, abroad, lab.b) == "200"

    said = wait_for(lambda: lab.ip_b in abroad.cli("safe", "list")[1] and refusal(abroad, lab.ip_b),
                    5, "the admin's address joins the safe list")
    assert "admin" in said and lab.ip_b in said
    around = lab.ip_b.rsplit(".", 1)[0] + ".2/31"
    assert "admin" in refusal(abroad, around)
    assert "resolver" in refusal(abroad, RESOLVER).lower()
    assert "resolver" in refusal(abroad, "203.0.113.0/24").lower()
    assert abroad.json("block", "list")["items"] == []
    assert lab.pings(lab.b, lab.ip_a) == 3


def test_tls_on_the_network_is_modern_and_plain_http_is_no_way_in(abroad, lab):
    host, port = re.match(r"https://([^:]+):(\d+)", abroad.url).groups()
    plain = lab.run(lab.b, "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}",
                    f"http://{host}:{port}/healthz")
    assert plain.returncode != 0 or plain.stdout != "200"
    # the client itself would take TLS 1.1 at this level
    old = ["curl", "-sk", "-m", "5", "--ciphers", "DEFAULT@SECLEVEL=0", "--tls-max"]
    assert lab.run(lab.b, *old, "1.2", abroad.url + "/healthz").stdout.strip() == "ok"
    assert lab.run(lab.b, *old, "1.1", abroad.url + "/healthz").returncode == 35  # no handshake
    pem = lab.run(lab.b, "python3", "-c", "import ssl, sys;"
                  "print(ssl.get_server_certificate((sys.argv[1], int(sys.argv[2]))))", host, port)
    assert ssl.PEM_cert_to_DER_cert(pem.stdout.strip())
