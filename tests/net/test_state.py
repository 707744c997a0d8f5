"""What is kept: through kill -9, a damaged database, backup and restore. SLUICE_SOAK=1: 1000 kills."""
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time

import pytest

from hosts import PASSWORD, SLUICE, Service, is_alive, lab, service, sh, wait_for

ROUNDS = 1000 if os.environ.get("SLUICE_SOAK") else 20
SCAN = """
import socket, sys
for port in range(1, 400):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((sys.argv[1], port))
    s.close()
"""


def scan(lab, service):
    """An incident, by a scan of ports from the second host; its id."""
    def found():
        lab.run(lab.b, "/usr/bin/python3", "-c", SCAN, lab.ip_a)
        return service.json("incident", "list")["items"]
    return wait_for(found, 40, "a port scan is an incident")[0]["id"]


def ask(state, sql):
    """Rows of main.db, as another process reads it."""
    with sqlite3.connect(f"file:{state}/main.db?mode=ro", uri=True, timeout=5) as db:
        return db.execute(sql).fetchall()


class Load:
    """Orders one after the other until the service is gone; what was acknowledged is kept."""

    def __init__(self, service, incident, numbers):
        self.service, self.incident, self.numbers = service, incident, numbers
        self.blocks, self.notes, self.users = [], [], []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def order(self, done, name, *words, stdin=None):
        """One order; False when the service is gone."""
        try:
            if self.service.cli(*words, stdin=stdin)[0]:
                return False
        except subprocess.TimeoutExpired:
            return False
        done.append(name)
        return True

    def run(self):
        """Blocks and notes; a user at first, as a hash is slow."""
        goes_on = True
        while goes_on:
            n = next(self.numbers)
            address = f"203.0.{113 + n // 65536}.{n % 250}" if n < 250 else \
                f"2001:db8:{n // 65536:x}:{n % 65536:x}::1"
            if n % 5 == 0:
                goes_on = self.order(self.users, f"u{n}", "user", "add", f"u{n}",
                                     stdin=PASSWORD + "\n")
            elif n % 2:
                goes_on = self.order(self.blocks, address, "block", "add", address, "--ttl", "1h")
            else:
                goes_on = self.order(self.notes, f"note {n}", "incident", "note",
                                     str(self.incident), f"note {n}")


def check_kept(service, loads, incident):
    """Every acknowledged order, in the databases and in the service's answers."""
    for name in ("main.db", "flows.db"):
        with sqlite3.connect(f"{service.state}/{name}", timeout=5) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], name
    users = {row[0] for row in ask(service.state, "SELECT name FROM users")}
    blocks = {row["value"] for row in service.json("block", "list", "--limit", "1000")["items"]}
    notes = {row["text"] for row in service.json("incident", "show", str(incident))["notes"]}
    assert set(loads.users) <= users
    assert set(loads.notes) <= notes
    assert set(loads.blocks) <= blocks
    for address in loads.blocks:
        assert service.cli("block", "del", address)[0] == 0


def test_kill_9_at_any_moment_loses_nothing_acknowledged(lab, service):
    incident = scan(lab, service)
    chance, numbers = random.Random(5), itertools.count(1)
    done, starts, own, cpu = {"blocks": 0, "notes": 0, "users": 0}, [], [], []
    load = 0.0
    for _ in range(ROUNDS):
        loads = Load(service, incident, numbers)
        time.sleep(chance.uniform(0.05, 1.2))  # the random moment
        service.kill_all()
        loads.thread.join()
        service.start()
        starts.append(service.start_s)
        own.append(service.start_s - service.start_waited_s)
        cpu.append(service.start_cpu_s)
        load = max(load, os.getloadavg()[0])
        for kind in done:
            done[kind] += len(getattr(loads, kind))
        check_kept(service, loads, incident)
    assert service.cli("check", "--audit")[0] == 0
    print(f"{ROUNDS} kills: {done} acknowledged, none lost; start: median "
          f"{statistics.median(starts):.2f} s, slowest {max(starts):.2f} s, load up to {load:.1f}; "
          f"not waiting for a processor: slowest {max(own):.2f} s; CPU: median "
          f"{statistics.median(cpu):.2f} s, most {max(cpu):.2f} s")
    assert max(own) <= 2 or load > 8 * os.cpu_count(), "whatever others do with the processors"
    assert max(starts) <= 2 or load > 2 * os.cpu_count(), "others had the processors"
    assert statistics.median(cpu) <= 0.6, "it would be slow on a slower machine"
    assert done["blocks"] >= ROUNDS / 2 and done["notes"] >= ROUNDS / 2


def answers(service):
    """What the command line shows of the state, without what differs between runs."""
    shown = {}
    for words in (("block", "list", "--all"), ("user", "list"), ("incident", "list")):
        shown[words] = service.json(*words)["items"]
    shown["safe"] = [row for row in service.json("safe", "list")["items"] if row["id"]]
    for row in shown["block", "list", "--all"]:
        row.pop("hits"), row.pop("hit_bytes"), row.pop("last_hit")
    shown["notes"] = [service.json("incident", "show", str(row["id"]))["notes"]
                      for row in shown["incident", "list"]]
    return shown


def test_backup_of_a_running_service_gives_the_same_answers_elsewhere(lab, service):
    backup, fresh = service.state + ".backup", tempfile.mkdtemp(prefix="sluice-net-")
    incident = scan(lab, service)
    secret = "quince-" + os.urandom(8).hex()
    assert service.cli("incident", "note", str(incident), secret)[0] == 0
    assert service.cli("block", "add", "203.0.113.7", "--reason", "kept")[0] == 0
    assert service.cli("safe", "add", "203.0.113.9")[0] == 0
    assert service.cli("user", "add", "anna", "--role", "analyst", stdin=PASSWORD + "\n")[0] == 0
    key = service.json("recovery-key")["recovery_key"]
    pathlib.Path(service.state + ".key").write_text(key + "\n", encoding="utf-8")
    rotated = service.json("rotate-key")
    assert rotated["key_id"] == 2 and rotated["resealed"] >= 1
    assert service.json("backup", backup)["bytes"] == os.path.getsize(backup)
    before = answers(service)
    assert secret in json.dumps(before["notes"])
    second = Service(lab)
    try:
        shutil.rmtree(second.state)
        second.state = fresh
        status, _, err = service.cli("restore", backup)
        assert status == 1 and "stop it first" in err
        assert service.stop() == 0
        status, _, err = second.cli("restore", backup)
        assert status == 1 and "--recovery-key" in err
        status, out, err = second.cli("restore", backup, "--recovery-key", service.state + ".key")
        assert status == 0, err
        second.start()
        assert answers(second) == before
        assert json.loads(second.cli("check", "--audit", "-o", "json")[1])["ok"]
        for folder in (service.state, fresh):
            for path in pathlib.Path(folder).rglob("*"):
                assert not path.is_file() or secret.encode() not in path.read_bytes(), path
        assert secret.encode() not in pathlib.Path(backup).read_bytes()
    finally:
        second.close()
        shutil.rmtree(fresh, ignore_errors=True)
        for end in (".backup", ".key"):
            pathlib.Path(service.state + end).unlink(missing_ok=True)


def test_corrupt_main_db_refuses_the_start_and_blocks_stay(lab, service):
    backup = service.state + "/backups/sluice-20261124T214500Z.backup"
    os.mkdir(service.state + "/backups", 0o700)
    owner = os.stat(service.state)
    os.chown(service.state + "/backups", owner.st_uid, owner.st_gid)
    blocked = lab.ip_b.rsplit(".", 1)[0] + ".3"
    sh("ip", "-n", lab.b, "addr", "add", f"{blocked}/24", "dev", lab.vb)
    assert service.cli("block", "add", blocked)[0] == 0
    assert service.cli("backup", backup)[0] == 0
    ping = ("ping", "-n", "-c", "3", "-i", "0.05", "-W", "1", "-I", blocked, lab.ip_a)
    assert " 0 received" in lab.run(lab.b, *ping).stdout
    service.kill_all()
    damaged = pathlib.Path(service.state, "main.db")
    for end in ("-wal", "-shm"):
        pathlib.Path(str(damaged) + end).unlink(missing_ok=True)
    damaged.write_bytes(bytes(4096) + damaged.read_bytes()[4096:])
    before = damaged.read_bytes()
    with pytest.raises(AssertionError):
        service.start(15)
    said = re.search(r"main\.db is corrupt.*`(sluice restore [^`]*)`", service.log())
    assert said, service.log()
    assert damaged.read_bytes() == before
    assert " 0 received" in lab.run(lab.b, *ping).stdout, "the pinned block is in force"
    if service.process.poll() is None:
        service.stop()
    words = said[1].split()[1:]
    done = subprocess.run([SLUICE, *words], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    service.start()
    assert [row["value"] for row in service.json("block", "list")["items"]] == [blocked]
    assert " 0 received" in lab.run(lab.b, *ping).stdout


def test_a_locked_and_a_damaged_history_stop_nothing_else(lab, service):
    hold = 60 if os.environ.get("SLUICE_SOAK") else 3
    path = service.state + "/flows.db"
    service.set_up()
    lab.run(lab.b, "/usr/bin/python3", "-c", SCAN, lab.ip_a)
    wait_for(lambda: service.http("GET", "/api/v1/flows?q=since:1h")[1]["items"], 20,
             "records on disk")
    with sqlite3.connect(path, timeout=5, isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")  # another process holds the lock
        began = time.monotonic()
        while time.monotonic() - began < hold:
            assert service.cli("block", "add", lab.ip_b)[0] == 0
            assert lab.pings(lab.b, lab.ip_a, count=1) == 0
            assert service.cli("block", "del", lab.ip_b)[0] == 0
            assert service.http("GET", "/api/v1/flows?q=since:1h")[0] == 200
        db.execute("COMMIT")
    db.close()
    assert service.http("GET", "/api/v1/status")[1]["rows_lost"] == 0
    with sqlite3.connect(path, timeout=5) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with open(path, "r+b") as out:  # a failing disk: every page but the first
        size = out.seek(0, os.SEEK_END)
        out.seek(4096)
        out.write(b"\xa5" * (size - 4096))
    began = time.monotonic()
    wait_for(lambda: service.http("GET", "/api/v1/flows?q=since:1h")[0] == 200 and
             list(pathlib.Path(service.state).glob("flows.db.corrupt-*")), 10, "a new history")
    took = time.monotonic() - began
    row = wait_for(lambda: next((row for row in service.json("incident", "list")["items"]
                                 if row["detector"] == "history"), None), 5, "an incident says so")
    assert row["severity"] == "high" and "set aside" in row["reason"]
    print(f"locked for {hold} s; damaged: a new file after {took:.2f} s")
    assert took <= 2.5  # a request and the look at the folder are in it
    assert lab.pings(lab.b, lab.ip_a) == 3


def test_scheduled_backups_are_whole_and_only_the_newest_stay(lab):
    service = Service(lab, config="[Store]\nbackup_every = 1s\nbackup_keep = 2\n")
    try:
        service.start()
        folder = pathlib.Path(service.state, "backups")
        seen = set()

        def three():
            seen.update(path.name for path in folder.glob("sluice-*.backup"))
            return len(seen) >= 3
        wait_for(three, 30, "three backups by themselves")
        assert service.stop() == 0
        left = sorted(path.name for path in folder.iterdir())
        assert len(left) == 2 and set(left) == set(sorted(seen | set(left))[-2:])
        for name in left:
            status, _, err = service.cli("restore", str(folder / name), "--check")
            assert status == 0, err
    finally:
        service.close()


def test_a_crash_of_core_leaves_no_text_of_incidents(lab, service, tmp_path):
    incident = scan(lab, service)
    secret = "medlar-" + os.urandom(8).hex()
    assert service.cli("incident", "note", str(incident), secret)[0] == 0
    assert secret in service.cli("incident", "show", str(incident))[1]
    core = service.pids()["core"]
    # not dumpable: the kernel writes no core file of it whatever the limit (prctl(2)), and shows its
    # /proc as root's though it runs as somebody else (proc(5))
    status = pathlib.Path(f"/proc/{core}/status").read_text(encoding="ascii")
    assert re.search(r"^Uid:\t[1-9]", status, re.M)
    assert os.stat(f"/proc/{core}/environ").st_uid == 0
    began = time.time()
    os.kill(core, signal.SIGABRT)
    wait_for(lambda: not is_alive(core), 10, "core is gone")
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
    folders = [pathlib.Path(service.state), pathlib.Path.cwd(), pathlib.Path("/")]
    if pattern.startswith("/"):
        folders.append(pathlib.Path(pattern).parent)
    for folder in folders:
        for path in folder.iterdir():
            if path.is_file() and path.stat().st_mtime >= began - 1 and "log" not in path.name:
                assert secret.encode() not in path.read_bytes(), path
    wait_for(lambda: service.cli("incident", "show", str(incident))[0] == 0, 10, "core is back")
    assert secret in service.cli("incident", "show", str(incident))[1]
