"""Counts what an arm costs, in a way that does not shake: each runs twice, and the difference leaves out what happens once.

Instructions are those of user mode, as callgrind sees them: on a processor without SHA extensions and AVX-512. Allocations are
those that dhat sees. `instructions` says how to start it.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "instructions.txt"
GROWTH = 1.03

VERIFYING = ("sha2", "ring", "aws-lc", "jsonwebtoken", "qstash-rs", "ours")
PUBLISHING = ("hyper-util", "ours-hyper-util", "reqwest", "qstash-rs", "ours")
BATCHES = ("hyper-util-batch", "qstash-rs-batch", "ours-batch", "ours-publisher")
ARMS = (
    *PUBLISHING,
    *BATCHES,
    *(f"{way}-verify:{size}" for size in (0, 256, 4096) for way in VERIFYING),
    *(f"{way}-callback:{size}" for size in (1024, 65536) for way in ("limit", "string", "raw", "ours")),
    *("axum:4096", "ours-axum:4096", "actix:4096", "ours-actix:4096"),
)


class Server:
    """Accepts whatever is published, while `with` lasts."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "serve"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def runs(arm):
    """How often an arm runs, twice: two whole batches differ by whole batches."""
    size = int(arm.partition(":")[2] or 0)
    return (2, 22) if size > 16384 else (200, 1200)


def each(arm, counted):
    few, many = runs(arm)
    return [round((more - less) / (many - few)) for less, more in zip(counted(few), counted(many))]


def valgrind(tool, program, arm, url, pattern):
    def counted(times):
        command = ["valgrind", f"--tool={tool}", f"--{tool}-out-file=/dev/null", program, arm, url]
        run = subprocess.run(command, input=f"{times}\n", capture_output=True, text=True)
        found = re.search(pattern, run.stderr)
        if run.returncode or not found:
            sys.exit(f"{arm} cannot be counted:\n{run.stderr}")
        return [int(number.replace(",", "")) for number in found.groups()]

    return each(arm, counted)


def instructions(program, arm, url):
    return valgrind("callgrind", program, arm, url, r"Collected : (\d+)")[0]


def allocations(program, arm, url):
    """Blocks, and bytes in all."""
    bytes_, blocks = valgrind("dhat", program, arm, url, r"Total: +([\d,]+) bytes in ([\d,]+) blocks")
    return blocks, bytes_


def count(measure, program, arms):
    """Counts each of the arms, as many at once as there are processors: counts do not depend on the load."""
    with Server(program) as server, ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(arms, pool.map(lambda arm: measure(program, arm, server.url), arms)))


def rustc():
    return subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]


def committed():
    """The compiler and the counts of the table."""
    first, *lines = TABLE.read_text().splitlines()
    return first.rpartition(" ")[2], {arm: int(number) for arm, number in map(str.split, lines)}


def main(program, wanted):
    write = wanted == ["--write"]
    compiler, known = committed()
    arms = [] if write else wanted
    if not arms and not write and compiler != rustc():
        print(f"instructions: SKIPPED, counts depend on the compiler: this is rustc {rustc()}, the table has those of {compiler}")
        return 0
    counts = count(instructions, program, arms or ARMS)
    print(f"{'arm':24} {'each':>10} {'committed':>10}")
    for arm, number in counts.items():
        print(f"{arm:24} {number:10} {known.get(arm, '-'):>10}")
    if write:
        lines = [f"{arm} {number}" for arm, number in counts.items()]
        TABLE.write_text("\n".join([f"# Instructions by arm, see instructions. Counted with rustc {rustc()}", *lines, ""]))
        return 0
    grown = [arm for arm, number in counts.items() if arm.startswith("ours") and number > known.get(arm, number) * GROWTH]
    for arm in grown:
        print(f"{arm} has grown by more than 3 %")
    return 1 if grown and compiler == rustc() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
