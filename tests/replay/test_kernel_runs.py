"""The kernel's datapath runs in the kernel: its own count of runs grows by the packets replayed."""
import json
import os
import struct
import subprocess
import time

import pytest

from captures import IS_ROOT, SLUICE, ether, udp4, udp6

STATS = "/proc/sys/kernel/bpf_stats_enabled"  # run_cnt counts while it is 1: bpf(2), proc(5)
BPF_PROG_TYPE_XDP = 6  # linux/bpf.h
WAIT_S = 60  # proving the program takes seconds on a busy machine

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root")


@pytest.fixture(name="counting")
def count_runs():
    with open(STATS, encoding="ascii") as file:
        before = file.read().strip()
    with open(STATS, "w", encoding="ascii") as file:
        file.write("1")
    yield
    with open(STATS, "w", encoding="ascii") as file:
        file.write(before)


def runs_of(pid):
    """run_cnt of each XDP program that the process holds, by program id."""
    found = {}
    try:
        numbers = os.listdir(f"/proc/{pid}/fdinfo")
    except OSError:
        return found
    for number in numbers:
        try:
            with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
                info = dict(line.split(":\t") for line in file if ":\t" in line)
        except OSError:
            continue
        if "run_cnt" in info and int(info["prog_type"]) == BPF_PROG_TYPE_XDP:
            found[int(info["prog_id"])] = int(info["run_cnt"])
    return found


def wait_for_runs(process, wanted):
    """The sum of run_cnt, once it has come to @wanted; what it was when the time was up."""
    end = time.monotonic() + WAIT_S
    count = -1
    while count < wanted and time.monotonic() < end and process.poll() is None:
        count = sum(runs_of(process.pid).values())
        time.sleep(0.02)
    return count


def packet(frame, number):
    return struct.pack("<IIII", 1700000000 + number, 0, len(frame), len(frame)) + frame


def frames_of_every_kind(count):
    kinds = [ether(udp4(1000)), ether(udp6(), 0x86DD), ether(b"\0" * 28, 0x0806),
             ether(udp4(1001, 53, b"x" * 600)), ether(b"\x45" + b"\0" * 40)]
    return [kinds[i % len(kinds)] for i in range(count)]


@pytest.mark.parametrize("count", [1, 777])
def test_the_program_runs_once_for_each_packet(counting, count):
    del counting
    command = [SLUICE, "replay", "-", "-o", "json", "--datapath", "kernel"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for i, frame in enumerate(frames_of_every_kind(count)):
            process.stdin.write(packet(frame, i))
        process.stdin.flush()
        # the pipe stays open: all packets were read, and the program waits for the next
        assert wait_for_runs(process, count) == count
        said, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert json.loads(said)["packets"] == count


def test_the_build_for_user_space_loads_no_program(counting):
    del counting
    command = [SLUICE, "replay", "-", "-o", "json", "--datapath", "user"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        process.stdin.flush()
        assert not runs_of(process.pid)
        process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
