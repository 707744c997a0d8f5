"""New TLS connections, so many a second, each closed once its handshake is done.

usage: handshakes.py ADDRESS PORT PER_SECOND SECONDS. Prints how many were done and failed, and the seconds.
"""
import socket
import ssl
import sys
import threading
import time

THREADS = 6


def connect(address, port, context):
    """One connection from its start to its handshake's end."""
    with socket.create_connection((address, port), timeout=10) as plain:
        with context.wrap_socket(plain):
            pass


def one_thread(target, begin, rhythm_s, end, counts):
    """Handshakes until the end, each at its time; one that is late goes at once."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while begin < end and time.monotonic() < end:
        time.sleep(max(0.0, begin - time.monotonic()))
        begin += rhythm_s
        try:
            connect(*target, context)
            counts[0] += 1
        except OSError:
            counts[1] += 1


def main():
    address, port, rate, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    counts = [[0, 0] for _ in range(THREADS)]
    begin = time.monotonic()
    threads = [threading.Thread(target=one_thread, args=(
        (address, port), begin + i / rate, THREADS / rate, begin + seconds, counts[i]))
        for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(c[0] for c in counts), sum(c[1] for c in counts), f"{time.monotonic() - begin:.2f}")


main()
