"""What dig and a real server say to each other, over UDP and TCP: our events against tshark's fields."""
import shutil
import subprocess
import time

import pytest

from captures import IS_ROOT, lines, replay

MISSING = [tool for tool in ("dig", "dnsmasq", "tshark", "tcpdump", "unshare") if not shutil.which(tool)]
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}"),
              pytest.mark.skipif(not IS_ROOT, reason="a network namespace needs root")]

LONG = "x" * 200
SERVER = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=53",
          "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root", "--edns-packet-max=4096",
          "--local=/example/", "--host-record=host.example,198.18.0.7,2001:db8::7",
          "--cname=alias.example,host.example", "--mx-host=host.example,mail.example,10",
          "--txt-record=text.example,v=one two", "--dns-rr=host.example,65,000100",
          *(f"--txt-record=long.example,{i}{LONG}" for i in range(4))]
QUESTIONS = [["host.example", "A"], ["host.example", "AAAA"], ["alias.example", "A"],
             ["alias.example", "CNAME"], ["host.example", "MX"], ["text.example", "TXT"],
             ["host.example", "HTTPS"], ["none.example", "A"], ["HOST.Example", "A"]]
ASKED = [[*question, way] for way in ("+notcp", "+tcp") for question in QUESTIONS] + \
    [["host.example", "A", "+noedns"], ["host.example", "A", "+bufsize=1232"],
     ["long.example", "TXT", "+bufsize=512"],  # cut, then asked again over TCP
     ["long.example", "TXT", "+bufsize=4096"]]
# RFC 1035 3.2.2, RFC 3596, RFC 9460
TYPES = {"1": "A", "5": "CNAME", "15": "MX", "16": "TXT", "28": "AAAA", "65": "HTTPS"}
RCODES = {"0": "NOERROR", "3": "NXDOMAIN"}
FIELDS = ["udp.srcport", "tcp.srcport", "dns.id", "dns.flags.response", "dns.flags.truncated",
          "dns.flags.authoritative", "dns.flags.rcode", "dns.qry.name", "dns.qry.type", "dns.resp.type",
          "dns.a", "dns.aaaa", "dns.cname", "dns.mx.mail_exchange", "dns.txt"]


def until(child, word):
    """Its output as far as this word."""
    for line in child.stderr:
        if word in line:
            return
    raise AssertionError(f"{child.args[0]} ended without saying {word}")


def inside(pid, *command):
    return ["nsenter", f"--net=/proc/{pid}/ns/net", *command]


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A capture of all ASKED, each answered."""
    path = tmp_path_factory.mktemp("dig") / "dig.pcap"
    children = [subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && cat"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)]
    room = children[0].pid
    try:
        assert children[0].stdout.readline() == "up\n"
        for command, word in ((SERVER, "cleared cache"),
                              (["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-Z", "root", "-w", path,
                                "port", "53"], "listening on")):
            children.append(subprocess.Popen(inside(room, *command), stderr=subprocess.PIPE, text=True))
            until(children[-1], word)
        for asked in ASKED:
            done = subprocess.run(inside(room, "dig", "@127.0.0.1", *asked, "+tries=1"), check=False,
                                  capture_output=True, text=True, timeout=30)
            assert "status: NO" in done.stdout or "status: NXDOMAIN" in done.stdout, done.stdout
        size = -1
        while size != path.stat().st_size:  # what is on its way to tcpdump
            size = path.stat().st_size
            time.sleep(0.2)
    finally:
        for child in reversed(children):
            child.terminate()
            child.wait(10)
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()
    return path


def of_tshark(path):
    """One dictionary for each message."""
    command = ["tshark", "-n", "-r", path, "-Y", "dns", "-T", "fields", "-E", "separator=\t", "-E",
               "aggregator=|"]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = []
    for line in text.splitlines():
        row = dict(zip(FIELDS, line.split("\t")))
        many = {key: value.split("|") if value else [] for key, value in row.items()}
        is_answer, is_cut = row["dns.flags.response"] == "1", row["dns.flags.truncated"] == "1"
        types = [TYPES[kind] for kind in many["dns.resp.type"] if kind != "41"]  # OPT is no answer
        found.append({"transport": "TCP" if row["tcp.srcport"] else "UDP", "id": int(row["dns.id"], 0),
                      "type": "response" if is_answer else "request", "cut": is_cut,
                      "aa": row["dns.flags.authoritative"] == "1",
                      "rcode": RCODES[row["dns.flags.rcode"]] if is_answer else None,
                      "name": row["dns.qry.name"], "asked": TYPES[row["dns.qry.type"]],
                      # a client takes nothing from a truncated answer (RFC 2181 9)
                      "types": [] if is_cut else types,
                      "A": [] if is_cut else many["dns.a"], "AAAA": many["dns.aaaa"],
                      "CNAME": many["dns.cname"], "MX": many["dns.mx.mail_exchange"],
                      "TXT": [] if is_cut else many["dns.txt"]})
    return found


def of_ours(result):
    """The same of our events."""
    found = []
    for event in lines(result, "dns"):
        dns, answers = event["dns"], event["dns"].get("answers", [])
        texts = {kind: [row["rdata"] for row in answers if row["rrtype"] == kind]
                 for kind in ("A", "AAAA", "CNAME", "TXT")}
        found.append({"transport": event["proto"], "id": dns["id"], "type": dns["type"],
                      "cut": dns.get("tc", False), "aa": dns.get("aa", False),
                      "rcode": dns.get("rcode"), "name": dns["queries"][0]["rrname"],
                      "asked": dns["queries"][0]["rrtype"],
                      "types": [row["rrtype"] for row in answers], **texts,
                      "MX": [row["rdata"].split()[1] for row in answers if row["rrtype"] == "MX"]})
    return found


def by_message(rows):
    return sorted(rows, key=lambda row: (row["id"], row["transport"], row["type"]))


@pytest.mark.parametrize("datapath", ["user", "kernel"])
def test_events_are_what_tshark_reads(capture, datapath):
    wanted = by_message(of_tshark(capture))
    assert len(wanted) == 2 * (len(ASKED) + 1), "a question and an answer each, one of them twice"
    kinds = {(row["transport"], kind) for row in wanted for kind in row["types"]}
    assert kinds == {(way, kind) for way in ("UDP", "TCP") for kind in TYPES.values()}
    assert [row["asked"] for row in wanted if row["cut"]] == ["TXT"]
    assert by_message(of_ours(replay(capture, datapath=datapath))) == wanted
