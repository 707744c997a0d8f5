"""Files in MaxMind's format, written after its specification (maxmind.github.io/MaxMind-DB, 2.0)."""
import ipaddress
import struct


def head(kind, size):
    """The control bytes of a value."""
    first = (kind << 5 if kind <= 7 else 0)
    extra = bytes([kind - 7]) if kind > 7 else b""
    if size < 29:
        return bytes([first | size]) + extra
    return bytes([first | 29]) + extra + bytes([size - 29])


def encode(value):
    """A value of a data section."""
    if isinstance(value, str):
        data = value.encode()
        return head(2, len(data)) + data
    if isinstance(value, dict):
        return head(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return head(11, len(value)) + b"".join(encode(v) for v in value)
    if isinstance(value, tuple):  # a number of another type: 5 has 16 bits, 9 has 64
        kind, number = value
        return head(kind, 8 if kind == 9 else 2) + struct.pack(">Q" if kind == 9 else ">H", number)
    return head(6, 4) + struct.pack(">I", value)


def write(path, networks, kind="Test-Country"):
    """networks: {prefix: record}, IPv4 and IPv6."""
    nodes, data = [[None, None]], b""
    for text, record in networks.items():
        net = ipaddress.ip_network(text)
        bits = f"{int(net.network_address):0{net.max_prefixlen}b}"[:net.prefixlen]
        bits = ("0" * 96 if net.version == 4 else "") + bits
        at = 0
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(bits[-1])] = ("data", len(data))
        data += encode(record)
    count, tree = len(nodes), b""
    for node in nodes:
        for side in node:
            number = count if side is None else side if isinstance(side, int) else count + 16 + side[1]
            tree += struct.pack(">I", number)
    meta = encode({"node_count": count, "record_size": (5, 32), "ip_version": (5, 6), "database_type": kind,
                   "languages": ["en"], "binary_format_major_version": (5, 2),
                   "binary_format_minor_version": (5, 0), "build_epoch": (9, 1790000000),
                   "description": {"en": "made by a test"}})
    with open(path, "wb") as file:
        file.write(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + meta)
