"""What each running role may still do, read from the kernel's own books."""
import os

from lab import PASSWORD

# CAP_NET_ADMIN 12, CAP_PERFMON 38, CAP_BPF 39: linux/capability.h
LOADER_CAPABILITIES = (1 << 12) | (1 << 38) | (1 << 39)


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def descriptors(pid):
    """What a process holds, one text per descriptor."""
    folder = f"/proc/{pid}/fd"
    return [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]


def test_only_the_loader_keeps_capabilities_and_only_three(service):
    for role, pid in service.pids().items():
        status = status_of(pid)
        wanted = LOADER_CAPABILITIES if role == "loader" else 0
        for name in ("CapPrm", "CapEff"):
            assert int(status[name], 16) == wanted, (role, name, status[name])
        assert int(status["CapInh"], 16) == 0 and int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", (role, status)
        assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split(), role
        assert status["Groups"].split() == [] or "0" not in status["Groups"].split()


def test_front_holds_no_file_no_map_and_core_no_link(service):
    pids = service.pids()
    front = [text for text in descriptors(pids["front"]) if not text.startswith(("socket:", "anon_"))]
    logs = {text for text in front if text.endswith(".log") or text == "/dev/null"}
    assert not set(front) - logs - {text for text in front if text.startswith("pipe:")}, front
    assert not [text for text in descriptors(pids["front"]) if "bpf" in text]
    core = descriptors(pids["core"])
    assert any("bpf-map" in text for text in core)
    assert not [text for text in core if "bpf_link" in text or "bpf-link" in text], core
    programs = [text for text in core if "bpf-prog" in text]
    assert len(programs) <= 1, "only the clock's program"


def test_roles_cannot_be_read_by_their_own_user(service):
    uid = status_of(service.pids()["core"])["Uid"].split()[0]
    for role in ("core", "front"):
        command = ["setpriv", f"--reuid={uid}", "--clear-groups", "cat",
                   f"/proc/{service.pids()[role]}/environ"]
        assert service.lab.run(service.where, *command).returncode != 0, role


def test_users_are_made_without_a_service_and_with_one(service):
    assert service.stop() == 0
    status, _, err = service.cli("user", "add", "ada", "--role", "admin", stdin=PASSWORD + "\n")
    assert status == 0, err
    service.start()
    status, _, err = service.cli("user", "add", "bob", "--role", "viewer", stdin=PASSWORD + "\n")
    assert status == 0, err
    names = {row["name"]: row["role"] for row in service.json("user", "list")["items"]}
    assert names["ada"] == "admin" and names["bob"] == "viewer"
    status, body = service.http("POST", "/api/v1/login", {"username": "ada", "password": PASSWORD})
    assert status == 200 and body["user"]["role"] == "admin"
    weak = service.cli("user", "add", "eve", stdin="short\n")
    assert weak[0] == 1 and "12" in weak[2]
