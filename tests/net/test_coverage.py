"""The sums watch themselves: a packet that is in none of them is told, and all who show them agree."""
import ctypes
import os

from hosts import Service, lab, service, wait_for

COUNTERS_SIZE = 128  # struct iface_counters, which begins with `seen` (include/abi.h)


class CounterMap:
    """The pinned counters of a service, through libbpf as any administrator might."""

    def __init__(self, service):
        self.bpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
        self.fd = self.bpf.bpf_obj_get(os.fsencode(service.pins() / "counters"))
        assert self.fd >= 0, os.strerror(ctypes.get_errno())

    def add_seen(self, interface, direction, count):
        """As if CPU 0 had seen @count packets more and then forgotten them; on a quiet interface."""
        key = ctypes.c_uint32(interface * 2 + direction)
        value = (ctypes.c_uint64 * (COUNTERS_SIZE // 8))()
        assert self.bpf.bpf_map_lookup_elem(self.fd, ctypes.byref(key), value) == 0
        value[0] += count
        assert self.bpf.bpf_map_update_elem(self.fd, ctypes.byref(key), value, ctypes.c_uint64(0)) == 0

    def close(self):
        os.close(self.fd)


def told(service):
    """Incidents of sums that do not add up."""
    return [row for row in service.json("incident", "list")["items"] if row["detector"] == "coverage"]


def test_packets_that_no_sum_holds_are_an_incident(lab, service):
    assert lab.pings(lab.b, lab.ip_a) == 3
    row = service.idle_coverage()[lab.va, "ingress"]
    assert row["seen"] == row["in_flows"] + row["not_flow_sum"] + row["dropped"] + row["unattributed"]
    assert told(service) == []
    counters = CounterMap(service)
    try:
        counters.add_seen(1, 0, 7)  # the first interface is index 1 (agent/capture/kernel_rows.c)
    finally:
        counters.close()
    assert service.idle_coverage()[lab.va, "ingress"]["seen"] == row["seen"] + 7
    incident = wait_for(lambda: told(service), 30, "an incident of the coverage detector")[0]
    shown = service.json("incident", "show", str(incident["id"]))
    assert "7 packets are missing from the sums" in shown["reason"] and lab.va in shown["reason"]
    assert incident["severity"] == "high" and len(told(service)) == 1


def test_command_api_and_metrics_show_the_same_coverage(lab, service):
    assert lab.pings(lab.b, lab.ip_a) == 3 and lab.pings(lab.a, lab.ip_b) == 3
    service.set_up()
    rows = service.idle_coverage()
    status, said = service.http("GET", "/api/v1/coverage")
    assert status == 200 and said["complete"]
    for row in said["ifaces"]:
        row["not_flow_sum"] = sum(row["not_flow"].values())
    assert {(row["name"], row["direction"]): row for row in said["ifaces"]} == rows
    text = service.cli("coverage")[1]
    for (name, direction), row in rows.items():
        line = next(line for line in text.splitlines() if line.split()[:1] == [name] and direction in line)
        for field in ("seen", "in_flows", "dropped", "unattributed"):
            assert str(row[field]) in line.split(), (field, row, line)
