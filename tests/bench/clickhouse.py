"""ClickHouse of Debian as a peer for sums of the history: a server of its own on loopback, filled
from a flows.db. Not a program of its own; search.py uses it."""
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

CONFIG = """<yandex>
<logger><level>warning</level><log>{dir}/log</log><errorlog>{dir}/errors</errorlog></logger>
<http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
<interserver_http_port>{inter}</interserver_http_port>
<interserver_http_host>127.0.0.1</interserver_http_host>
<listen_host>127.0.0.1</listen_host>
<mark_cache_size>268435456</mark_cache_size>
<path>{dir}/data/</path><tmp_path>{dir}/tmp/</tmp_path>
<users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<remote_servers></remote_servers>
<format_schema_path>{dir}/schemas/</format_schema_path>
</yandex>
"""
USERS = """<yandex>
<profiles><default></default></profiles>
<quotas><default></default></quotas>
<users><default><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></default></users>
</yandex>
"""
ROWS_AT_ONCE = 100_000
MS_PER_HOUR = 3_600_000


def free_ports(count):
    """Ports of loopback that nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class ClickHouse:
    """One server; use it as a context."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder, "clickhouse")
        self.password = os.urandom(16).hex()
        self.http, self.process = 0, None

    @staticmethod
    def is_installed():
        """Debian: apt install clickhouse-server clickhouse-client."""
        return shutil.which("clickhouse-server") is not None

    def __enter__(self):
        for name in ("data", "tmp", "schemas"):
            (self.dir / name).mkdir(parents=True)
        self.http, tcp, inter = free_ports(3)
        (self.dir / "config.xml").write_text(
            CONFIG.format(dir=self.dir, http=self.http, tcp=tcp, inter=inter), encoding="utf-8")
        (self.dir / "users.xml").write_text(USERS.format(password=self.password),
                                            encoding="utf-8")
        self.process = subprocess.Popen(
            ["clickhouse-server", f"--config={self.dir}/config.xml"], cwd=self.dir,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                self.ask("SELECT 1")
                return self
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > end or self.process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.1)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, query, body=b""):
        """One query over HTTP; its answer as bytes."""
        words = {"user": "default", "password": self.password, "query": query}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/?{urllib.parse.urlencode(words)}", data=body)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.read()

    def cpu(self):
        """CPU seconds of the server so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(
            encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def fill(self, path):
        """The records of a flows.db, in order of time: the columns that the sums need, addresses of
        either family as ours come out of it."""
        self.ask("CREATE TABLE flows (end Int64, src FixedString(16), dst FixedString(16),"
                 " packets_out Int64, bytes_out Int64, packets_in Int64, bytes_in Int64)"
                 " ENGINE = MergeTree ORDER BY end")
        row = struct.Struct("=q16s16sqqqq").pack
        mapped = bytes(10) + b"\xff\xff"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            tables = [name for name, in db.execute(
                "SELECT name FROM sqlite_schema WHERE name GLOB 'flows_20*' ORDER BY name")]
            for hour, table in enumerate(tables):
                cursor = db.execute(f"SELECT end_ms + {hour * MS_PER_HOUR}, src, dst, packets_out,"
                                    f" bytes_out, packets_in, bytes_in FROM {table}")
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    self.ask("INSERT INTO flows FORMAT RowBinary", b"".join([
                        row(end, src if len(src) == 16 else mapped + src,
                            dst if len(dst) == 16 else mapped + dst, *sums)
                        for end, src, dst, *sums in rows]))
        db.close()
        self.ask("OPTIMIZE TABLE flows FINAL")
        return len(tables)

    def top(self, column, from_hour):
        """CPU seconds for the 100 of a column with the most bytes, and all that ours says of each;
        the best of three."""
        best = float("inf")
        for _ in range(3):
            before = self.cpu()
            self.ask(f"SELECT {column}, count(), sum(packets_out + packets_in),"
                     " sum(bytes_out + bytes_in) AS b, sum(bytes_out), sum(bytes_in), min(end),"
                     f" max(end) FROM flows WHERE end >= {from_hour * MS_PER_HOUR}"
                     f" GROUP BY {column} ORDER BY b DESC LIMIT 100")
            best = min(best, self.cpu() - before)
        return best
