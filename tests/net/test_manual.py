"""What --help says is in the manual and offered by completion; every option of the file is in its page."""
import pathlib
import re
import subprocess

import pytest

from hosts import ROOT, SLUICE

MANUAL = (ROOT / "systemd" / "sluice.8").read_text(encoding="utf-8").replace("\\-", "-")
COMPLETION = ROOT / "systemd" / "sluice.bash-completion"


def output(*words):
    """What the program prints for these words."""
    return subprocess.run([SLUICE, *words], check=True, capture_output=True, text=True).stdout


def commands():
    """(noun [verb]) of the table that --help prints."""
    found = []
    for line in output("--help").splitlines():
        if re.match(r"  [a-z]", line):
            words = line[2:36].split()
            found.append(words[:2] if len(words) > 1 and words[1].isalpha() and words[1].islower()
                         else words[:1])
    assert len(found) > 30
    return found


def options(command):
    """Options of one command, by its own help."""
    line = next(l for l in output(*command, "--help").splitlines() if l.startswith("options: "))
    return [part.split()[0] for part in line.removeprefix("options: ").split(", ")]


def complete(*words):
    """What bash offers for these words, the last one being typed."""
    script = f'. "{COMPLETION}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", SLUICE, *words], check=True,
                          capture_output=True, text=True)
    assert not done.stderr, done.stderr
    return done.stdout.split()


def section(command):
    """The manual's section of one command."""
    name = "sluice " + " ".join(command)
    found = re.search(rf'^\.SS "{re.escape(name)}[ "][^\n]*\n(.*?)(?=^\.S[SH] )', MANUAL, re.M | re.S)
    assert found, f"no section of {name}"
    return found[1]


def test_every_command_and_option_is_in_the_manual():
    for command in commands():
        text = section(command)
        for option in set(options(command)) - {"--state", "-o", "--help"}:
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), (command, option)


def test_a_noun_alone_lists_its_verbs():
    listed = output("block", "--help")
    verbs = [command[1] for command in commands() if command[0] == "block"]
    assert len(verbs) > 5 and all(f"  block {verb} " in listed for verb in verbs)
    assert "  safe " not in listed
    alone = subprocess.run([SLUICE, "block"], check=False, capture_output=True, text=True)
    assert (alone.returncode, alone.stdout, alone.stderr) == (2, "", listed)
    wrong = subprocess.run([SLUICE, "block", "frob"], check=False, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr == 'sluice: block has no verb "frob"; see sluice block --help\n'


def test_every_command_and_option_is_offered():
    for command in commands():
        assert command[0] in complete(""), command
        if len(command) == 2:
            assert command[1] in complete(command[0], "")
        assert set(options(command)) <= set(complete(*command, "-")), command


def test_values_are_offered_where_they_are_known():
    assert complete("block", "add", "--direction", "") == ["in", "out", "both"]
    assert complete("coverage", "-o", "j") == ["json"]
    assert set(complete("bl")) == {"block"}


def test_the_page_of_the_file_has_every_option():
    page = (ROOT / "build" / "man" / "sluice.conf.5").read_text(encoding="utf-8").replace("\\-", "-")
    table = (ROOT / "agent" / "config" / "options.def").read_text(encoding="utf-8")
    keys = re.findall(r'^OPTION\(\w+, "(\w+)", "(\w+)"', table, re.M)
    assert len(keys) > 20
    for part, key in keys:
        body = page.partition(f".SH [{part}]\n")[2].partition(".SH ")[0]
        assert f".B {key}\n" in body, (part, key)


@pytest.mark.parametrize("path", ["systemd/sluice.8", "build/man/sluice.conf.5"])
def test_pages_are_well_formed(path):
    done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", str(pathlib.Path(ROOT) / path)],
                          check=False, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
