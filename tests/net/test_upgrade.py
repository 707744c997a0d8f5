"""From one version to another whose maps have another layout, under load: nothing slips, nothing is lost."""
import subprocess

import hosts
import pytest
from hosts import ROOT, Service, lab, sh, wait_for
from test_exact import sender
from test_reliability import FOR_EVER, Wall, add_blocked, end_loads, lost_on_the_wire, program_of

LISTED = 20000  # entries of a list, which takes the new maps some time


@pytest.fixture(scope="module")
def successor():
    """The same program with another number of its maps' layout (include/abi.h)."""
    program = ROOT / "build" / "successor" / "sluice"
    subprocess.run(["make", "-s", "-C", ROOT, program.relative_to(ROOT)], check=True)
    return str(program)


def a_list(folder, blocked):
    """A file of many addresses, @blocked the last of them."""
    path = folder / "list.txt"
    numbers = [f"100.64.{i >> 8}.{i & 255}" for i in range(LISTED)]
    path.write_text("\n".join([*numbers, blocked]) + "\n", encoding="ascii")
    return str(path)


@pytest.mark.parametrize("mode", ["xdp", "tc"])
@pytest.mark.parametrize("end", ["stop", "kill_all"])
def test_an_upgrade_to_another_layout_lets_no_packet_through(lab, sender, successor, tmp_path,
                                                             monkeypatch, mode, end):
    address, listed = add_blocked(lab), lab.ip_b.rsplit(".", 1)[0] + ".4"
    sh("ip", "-n", lab.b, "addr", "add", f"{listed}/24", "dev", lab.vb)
    sources = [lab.ip_b, address, listed]
    service = Service(lab, config=f"[Capture]\nmode = {mode}\n[Block]\nconfirm_entries = {2 * LISTED}\n")
    try:
        service.start()
        assert service.cli("block", "add", address)[0] == 0
        path = a_list(tmp_path, listed)
        added = service.cli("block", "add", "--file", path, "--list", "many")
        assert added[0] == 0, added
        wall = Wall(lab, lab.a, *sources)
        lost = lost_on_the_wire(lab)
        children = [lab.start(lab.b, sender, lab.ip_a, "9", FOR_EVER, "1", "1", source, "4000")
                    for source in sources]
        wait_for(lambda: wall.counts()[0] > 1000, 10, "packets flow")
        before = wall.counts()
        for program in (successor, hosts.SLUICE):  # and back
            getattr(service, end)()
            monkeypatch.setattr(hosts, "SLUICE", program)
            was = program_of(lab) if mode == "xdp" else None
            offset = len(service.log())
            service.start()
            wait_for(lambda at=offset: "programs are replaced" in service.log()[at:], 40,
                     "all rules are in the new maps")
            assert mode == "tc" or program_of(lab) != was
        at_end = wall.counts()[0]
        wait_for(lambda: wall.counts()[0] > at_end, 5, "packets flow")
        sent = end_loads(children)
        passed = wall.counts()
        lost = lost_on_the_wire(lab) - lost
        print(f"{mode}, {end}: {passed[1]} and {passed[2]} of {sent[1]} and {sent[2]} blocked packets "
              f"passed, {sent[0] - passed[0]} of {sent[0]} allowed ones were lost, {lost} by the pair")
        assert before[1:] == passed[1:] == [0, 0] and sent[0] - passed[0] <= lost
        assert min(sent) > 1000
        rows = service.idle_coverage(20)
        assert rows[lab.va, "ingress"]["dropped"] > 0, "the new programs drop and count"
    finally:
        service.close()
