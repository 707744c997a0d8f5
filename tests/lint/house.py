#!/usr/bin/python3
"""The rules of the house that need no compiler: layers, sizes, includes, banned calls, licences.

usage: house.py [--objects DIR]   prints one line per finding, exit 1 when there is any.
--objects also checks compiled objects for mutable data with external linkage.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES, PARAMETERS, NESTING, COLUMNS, TAB = 500, 60, 5, 3, 100, 8

# A vendor library is wrapped once: header pattern -> the one place that may include it.
VENDORS = {
    r"json-c/": "agent/util", r"sodium\.h": "agent/util", r"zlib\.h": "agent/util|tools|tests/unit",
    r"cap-ng\.h": "agent/util", r"seccomp\.h": "agent/util", r"gnutls/": "agent/util|tests/unit/util",
    r"sqlite3\.h": "agent/store", r"bpf/(libbpf|bpf|btf)\.h": "agent/capture|tests/(bpf|bench|net|unit/capture)",
    r"microhttpd\.h": "agent/front", r"ini\.h": "agent/config", r"pcap": "agent/capture",
    r"hpdf\.h": "agent/report", r"curl/": "agent/util", r"maxminddb\.h": "agent/geo",
}
# Callbacks whose parameters a library fixes: file -> functions.
FIXED_SIGNATURES = {"agent/front/http.c": ["on_request"], "agent/front/exchange.c": ["add_field"]}
BANNED = ("strcpy strcat sprintf vsprintf gets strtok atoi atol atof system popen alloca tmpnam "
          "mktemp bcopy bzero usleep rand srand").split()


def tracked(*patterns):
    """Files of the checkout, also those not committed yet, without what is generated."""
    found = []
    for pattern in patterns:
        found += [p for p in ROOT.glob(pattern) if "build/" not in str(p.relative_to(ROOT))]
    return sorted(found)


def layers():
    """tests/lint/layers.txt: module -> (level, modules it may use)."""
    table = {}
    for line in (ROOT / "tests/lint/layers.txt").read_text().splitlines():
        match = re.match(r"(\w+): (\d+) ?(.*)", line)
        if match:
            table[match[1]] = (int(match[2]), match[3].split())
    return table


def check_layers(report):
    table = layers()
    for module, (level, uses) in table.items():
        for used in uses:
            if table[used][0] >= level:
                report(f"tests/lint/layers.txt: {module} (level {level}) uses {used}, "
                       f"which is not below it")
    for path in tracked("agent/**/*.[ch]"):
        name = str(path.relative_to(ROOT))
        parts = name.split("/")
        module = "app" if len(parts) == 2 else parts[1]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include "([^"]+)"', line)
            if not match:
                continue
            check_include(report, f"{name}:{number}", module, match[1], table)


def check_include(report, where, module, target, table):
    parts = target.split("/")
    if parts[0] == "include":
        if parts[1] == "abi.h" and module != "capture":
            report(f"{where}: only bpf/ and capture include abi.h")
    elif parts[0] == "bpf":
        if module != "capture":
            report(f"{where}: only capture includes bpf/")
    elif parts[0] != "agent":
        report(f"{where}: includes are relative to the root: {target}")
    elif parts[1] != module and not (module == "app" and target == "agent/app/app.h"):
        if parts[1] not in table.get(module, (0, []))[1]:
            report(f"{where}: {module} may not use {parts[1]} (tests/lint/layers.txt)")
        elif parts[1] != "util" and parts[2] not in (parts[1] + ".h", parts[1] + ".def"):
            report(f"{where}: another module includes only {parts[1]}/{parts[1]}.h")


def check_vendors(report):
    for path in tracked("agent/**/*.[ch]", "tests/**/*.[ch]", "bpf/*.[ch]", "include/*.h"):
        name = str(path.relative_to(ROOT))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r"#include <([^>]+)>", line)
            for pattern, place in VENDORS.items():
                if match and re.match(pattern, match[1]) and not re.match(place, name) \
                        and not (pattern == r"sqlite3\.h" and name.startswith("tests/unit/store")) \
                        and not (pattern.startswith("bpf") and name.startswith("bpf/")):
                    report(f"{name}:{number}: <{match[1]}> belongs in {place} alone")


def strip_code(text):
    """C or JavaScript without comments and the insides of strings; line numbers stay."""
    def blank(match):
        token = match[0]
        if token[0] in "\"'`":
            return token[0] + "\n" * token.count("\n") + token[0]
        return "\n" * token.count("\n") + " "
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def check_banned(report):
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in tracked("agent/**/*.[ch]", "bpf/*.[ch]", "tools/*.c"):
        name = str(path.relative_to(ROOT))
        for number, line in enumerate(strip_code(path.read_text()).splitlines(), 1):
            match = pattern.search(line)
            if match:
                report(f"{name}:{number}: banned call {match[1]}")
            if name.startswith("agent/") and re.match(r"\s*goto\b", line):
                report(f"{name}:{number}: no goto in agent/")


def check_cleanups(report):
    """A buffer that cleans up after itself is a buffer before the function can return."""
    for path in tracked("agent/**/*.c"):
        text = strip_code(path.read_text())
        for match in re.finditer(r"CLEANUP\(buffer_done\) struct buffer (\w+);", text):
            before, found, _ = text[match.end():].partition(f"buffer_init(&{match[1]}")
            if found and re.search(r"\breturn\b", before):
                number = text.count("\n", 0, match.start()) + 1
                report(f"{path.relative_to(ROOT)}:{number}: a return before {match[1]} is a buffer")


def check_lines(report):
    for path in tracked("agent/**/*.[ch]", "bpf/*.[ch]", "include/*.h", "tools/*.c", "web/**/*.js",
                        "tests/**/*.[ch]", "tests/**/*.py", "web/**/*.css"):
        name = str(path.relative_to(ROOT))
        if "/vendor/" in name:
            continue
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES and not name.endswith(".css"):
            report(f"{name}: {len(lines)} lines, at most {FILE_LINES}")
        for number, line in enumerate(lines, 1):
            if len(line.expandtabs(TAB)) > COLUMNS + (20 if name.endswith(".py") else 0):
                report(f"{name}:{number}: wider than {COLUMNS} columns")
            if line != line.rstrip():
                report(f"{name}:{number}: blanks at the end")


def check_c_functions(report):
    for path in tracked("agent/**/*.[ch]", "bpf/*.[ch]", "tools/*.c", "tests/**/*.[ch]"):
        name = str(path.relative_to(ROOT))
        lines = strip_code(path.read_text()).splitlines()
        start, head = None, []
        for number, line in enumerate(lines, 1):
            if line.startswith("{") and start is None:
                start, depth, deepest = number, 0, 0
                check_parameters(report, name, number, head)
            if start is None:
                head = [] if not line.strip() or line.startswith(("}", "#")) else head + [line]
                continue
            depth += line.count("{") - line.count("}")
            deepest = max(deepest, depth)
            if line.startswith("}"):
                if number - start - 1 > FUNCTION_LINES:
                    report(f"{name}:{start}: function of {number - start - 1} lines, "
                           f"at most {FUNCTION_LINES}")
                if deepest - 1 > NESTING:
                    report(f"{name}:{start}: {deepest - 1} levels of nesting, at most {NESTING}")
                start, head = None, []


def check_parameters(report, name, number, head):
    text = " ".join(head)
    match = re.search(r"\w\s*\((.*)\)\s*$", text)
    named = re.search(r"(\w+)\s*\(", text)
    if named and named[1] in FIXED_SIGNATURES.get(name, []):
        return
    if match and "=" not in text:
        inner = re.sub(r"\([^()]*\)", "", match[1])
        if inner.count(",") + 1 > PARAMETERS:
            report(f"{name}:{number}: {inner.count(',') + 1} parameters, at most {PARAMETERS}")


def check_js_functions(report):
    opener = re.compile(r"\bfunction\b[^{]*\{|=>\s*\{|^\s*(?:async\s+|static\s+)*\w+\([^)]*\)\s*\{")
    for path in tracked("web/**/*.js"):
        name = str(path.relative_to(ROOT))
        if "/vendor/" in name:
            continue
        stack, depth = [], 0
        for number, line in enumerate(strip_code(path.read_text()).splitlines(), 1):
            if opener.search(line) and not re.match(r"\s*(if|for|while|switch|catch)\b", line):
                stack.append((depth, number))
            depth += line.count("{") - line.count("}")
            while stack and depth <= stack[-1][0]:
                begin = stack.pop()[1]
                if number - begin - 1 > FUNCTION_LINES:
                    report(f"{name}:{begin}: function of {number - begin - 1} lines, "
                           f"at most {FUNCTION_LINES}")


def check_objects(report, folder):
    """No mutable data with external linkage: symbols of kind D, B or C in our objects."""
    for path in sorted(pathlib.Path(folder).glob("agent/**/*.o")):
        out = subprocess.run(["objdump", "-t", path], capture_output=True, text=True,
                             check=True).stdout
        for line in out.splitlines():
            match = re.match(r"[0-9a-f]+ g     O (\.data|\.bss|\*COM\*)(\S*)\s+\S+ (\S+)", line)
            # constants with pointers in them stand in .data.rel.ro, read-only after start
            if match and not match[2].startswith(".rel.ro"):
                report(f"{path}: mutable external data {match[3]}")


def main():
    findings = []
    for check in (check_layers, check_vendors, check_banned, check_cleanups, check_lines,
                  check_c_functions, check_js_functions):
        check(findings.append)
    if len(sys.argv) == 3 and sys.argv[1] == "--objects":
        check_objects(findings.append, sys.argv[2])
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
