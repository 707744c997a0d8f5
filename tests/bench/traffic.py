#!/usr/bin/python3
"""Traffic for the benches, in a network namespace of its own.

usage: traffic.py echo ADDRESS PORT
       traffic.py flows ADDRESS PORT COUNT PER_SECOND     COUNT flows, PER_SECOND packets each
       traffic.py many ADDRESS PORT COUNT PER_SECOND      COUNT flows in turn, PER_SECOND packets in all
       traffic.py flood ADDRESS PORT STAMPS               one packet a millisecond
flood writes when packet N was sent (CLOCK_MONOTONIC, ns) to the Nth word of the file STAMPS; the
packet carries N.
"""
import mmap
import pathlib
import socket
import struct
import sys
import time

PERIOD_NS = 1_000_000
PORTS = 25_000  # of each sender of many
STAMPS = 1 << 19  # words: more than eight minutes of packets


def echo(address, port):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    receiver.bind((address, port))
    while True:
        data, peer = receiver.recvfrom(2048)
        receiver.sendto(data, peer)


def flows(address, port, count, per_second):
    senders = []
    for _ in range(count):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.connect((address, port))
        senders.append(sender)
    began = time.monotonic()
    sent = 0
    while True:
        due = int((time.monotonic() - began) * count * per_second)
        while sent < due:
            try:
                senders[sent % count].send(b"x" * 200)
            except OSError:
                pass  # an ICMP error of an earlier packet: the receiver is not there yet
            sent += 1
        time.sleep(0.005)


def many(address, port, count, per_second):
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(-(-count // PORTS))]
    began = time.monotonic()
    sent = 0
    while True:
        due = int((time.monotonic() - began) * per_second)
        while sent < due:
            flow = sent % count
            senders[flow // PORTS].sendto(b"x" * 18, (address, port + flow % PORTS))
            sent += 1
        time.sleep(0.005)


def flood(address, port, stamps_path):
    with open(stamps_path, "r+b") as file:
        stamps = mmap.mmap(file.fileno(), STAMPS * 8)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    due = time.monotonic_ns()
    for number in range(STAMPS):
        due += PERIOD_NS
        wait = due - time.monotonic_ns()
        if wait > 0:
            time.sleep(wait / 1e9)
        else:
            due -= wait  # late: no burst to catch up
        struct.pack_into("<Q", stamps, number * 8, time.monotonic_ns())
        sender.sendto(struct.pack("<Q", number), (address, port))


def main(kind, address, port, *rest):
    if kind == "echo":
        echo(address, int(port))
    elif kind == "flows":
        flows(address, int(port), *map(int, rest))
    elif kind == "many":
        many(address, int(port), *map(int, rest))
    elif kind == "flood":
        flood(address, int(port), pathlib.Path(rest[0]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
