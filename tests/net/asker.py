"""One who is logged in and asks again and again over one TLS connection.

usage: asker.py ADDRESS PORT COOKIE SECONDS. Prints answers, their median and 99th percentile in ms.
"""
import http.client
import ssl
import sys
import time

PAUSE_S = 0.02


def main():
    address, port, cookie, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, port, timeout=30, context=context)
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        connection.request("GET", "/api/v1/status", headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        times.append((time.monotonic() - began) * 1000)
        time.sleep(PAUSE_S)
    times.sort()
    print(len(times), times[len(times) // 2], times[len(times) * 99 // 100])


main()
