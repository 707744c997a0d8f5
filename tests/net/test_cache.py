"""More flows than the kernel's cache holds: each packet evicts a flow, and still none is lost."""
import os
import signal

from hosts import lab, service, wait_for
from test_exact import sender, still  # noqa: F401  a fixture, and the moment of rest

# 8192 slots a CPU and family by default (agent/config/options.def): two CPUs, both directions
FLOWS = 20000
PACKETS = 200000
# a second; a ring holds some 37,000 evictions, so core may be kept from its turn for 0.6 s
RATE = 60000


def burst(lab, where, address, sender):
    """A sender whose packets go to one port after the other, FLOWS of them."""
    own = lab.ip_a if where == lab.a else lab.ip_b
    return lab.start(where, sender, address, "9", str(PACKETS), "1", str(FLOWS), own, str(RATE))


def assert_exact(row):
    """All that was seen is in one of its places."""
    assert row["seen"] == row["in_flows"] + row["dropped"] + row["not_flow_sum"] \
        + row["unattributed"], row


def test_evicted_flows_are_counted_to_the_last_packet(lab, service, sender):
    first, rx, tx, _ = still(lab, service)
    bursts = burst(lab, lab.b, lab.ip_a, sender), burst(lab, lab.a, lab.ip_b, sender)
    for child in bursts:
        assert child.communicate(timeout=60)[0] == f"{PACKETS}\n"
    last, rx2, tx2, _ = still(lab, service)
    for direction, moved in (("ingress", rx2 - rx), ("egress", tx2 - tx)):
        row = last[lab.va, direction]
        assert_exact(row)
        assert row["unattributed"] == 0, row
        assert row["seen"] - first[lab.va, direction]["seen"] == moved >= PACKETS * 0.8


def test_core_dies_under_a_flood_of_new_flows_and_the_sum_is_exact(lab, service, sender):
    first, rx, *_ = still(lab, service)
    child = burst(lab, lab.b, lab.ip_a, sender)
    old = service.pids()["core"]
    wait_for(lambda: service.coverage()[lab.va, "ingress"]["seen"]
             > first[lab.va, "ingress"]["seen"] + FLOWS, 10, "the flood runs")
    assert child.poll() is None, "the flood is over before core dies"
    os.kill(old, signal.SIGKILL)
    assert child.communicate(timeout=60)[0] == f"{PACKETS}\n"
    wait_for(lambda: service.pids()["core"] not in (None, old), 5, "a new core")
    wait_for(lambda: service.cli("coverage")[0] == 0, 5, "it counts")
    last, rx2, *_ = still(lab, service)
    for direction in ("ingress", "egress"):
        assert_exact(last[lab.va, direction])  # a ring that filled meanwhile is "unattributed"
    assert last[lab.va, "ingress"]["seen"] - first[lab.va, "ingress"]["seen"] == rx2 - rx
