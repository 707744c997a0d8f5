"""Who may do what, as the kernel says it of a running service."""
import os
import pathlib
import re
import signal
import socket

import pytest

from hosts import lab, service, wait_for

# CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF by number: linux/capability.h
LOADER_CAPS = 1 << 12 | 1 << 38 | 1 << 39


def status_of(pid):
    """/proc/PID/status as field: words."""
    rows = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.split() for name, value in (row.split(":", 1) for row in rows)}


def links_of(pid):
    """Descriptor -> what it is."""
    folder = pathlib.Path(f"/proc/{pid}/fd")
    return {int(entry.name): os.readlink(entry) for entry in folder.iterdir()}


def own_links(pid):
    """The same without the three standard ones, which whoever started it gave."""
    return {number: target for number, target in links_of(pid).items() if number > 2}


def test_every_role_is_unprivileged_and_filtered(service):
    for role, pid in service.pids().items():
        status = status_of(pid)
        assert "0" not in status["Uid"] + status["Gid"], role
        assert status.get("Groups") in ([], None), role
        assert status["NoNewPrivs"] == ["1"], role
        assert status["Seccomp"] == ["2"], role
        for name in ("CapInh", "CapBnd", "CapAmb"):
            assert int(status[name][0], 16) == 0, (role, name)


def test_only_the_loader_has_capabilities_and_only_its_three(service):
    expected = {"loader": LOADER_CAPS, "core": 0, "front": 0}
    for role, pid in service.pids().items():
        status = status_of(pid)
        assert int(status["CapEff"][0], 16) == expected[role], role
        assert int(status["CapPrm"][0], 16) == expected[role], role


def test_front_holds_sockets_and_timers_only(service):
    held = own_links(service.pids()["front"])
    assert held, "at least its listener"
    for target in held.values():
        assert re.match(r"socket:|anon_inode:\[(eventpoll|eventfd|timerfd|signalfd)\]", target), \
            held


def test_core_holds_maps_and_databases_but_no_link(service):
    targets = " ".join(own_links(service.pids()["core"]).values())
    assert "bpf-map" in targets and "main.db" in targets
    assert "bpf_link" not in targets and "bpf-link" not in targets
    # the clock program is run, never attached; the ones that count and drop stay with the loader
    assert targets.count("bpf-prog") <= 1


def test_core_opens_files_of_its_state_and_who_is_connected_only(service):
    files = [target for target in own_links(service.pids()["core"]).values()
             if target.startswith("/")]
    outside = [target for target in files if not target.startswith(service.state + "/")]
    # SSH peers, for the safe list
    assert all(re.fullmatch(r"/proc/\d+/net/tcp6?", target) for target in outside), outside


def test_no_role_can_be_read_by_another_process_of_its_user(service):
    uid = int(status_of(service.pids()["core"])["Uid"][0])
    for role, pid in service.pids().items():
        done = service.lab.run(service.where, "setpriv", f"--reuid={uid}", f"--regid={uid}",
                               "--clear-groups", "cat", f"/proc/{pid}/maps")
        assert done.returncode != 0 and not done.stdout, role


@pytest.mark.parametrize("role", ["core", "front"])
def test_a_killed_role_comes_back_with_the_same_walls(service, role):
    old = service.pids()[role]
    os.kill(old, signal.SIGKILL)

    def replaced():
        new = service.pids()[role]
        return new if new and new != old else None
    new = wait_for(replaced, 10, f"{role} is started again")
    status = wait_for(lambda: status_of(new) if status_of(new)["Seccomp"] == ["2"] else None, 5,
                      "its filter")
    assert "0" not in status["Uid"] and int(status["CapEff"][0], 16) == 0
    wait_for(lambda: service.cli("status")[0] == 0, 10, "it answers again")


def test_state_and_control_socket_are_closed_to_others(service):
    assert os.stat(service.state).st_mode & 0o777 == 0o700
    for name in ("main.db", "flows.db", "secret.key", "setup.token"):
        assert os.stat(f"{service.state}/{name}").st_mode & 0o077 == 0, name
    # connecting is refused by mode to whoever is neither owner nor in the group
    mode = os.stat(f"{service.state}/control.sock").st_mode
    assert mode & 0o007 == 0
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{service.state}/control.sock")  # root may
