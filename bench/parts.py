"""What is compared with what, and what is wanted of it."""

import re
import subprocess
from pathlib import Path

import counts
import plot
from rounds import compare

HERE = Path(__file__).parent
# The environment variable of OpenSSL and AWS-LC that hides the SHA extensions: a bit of the second word that CPUID tells.
MASK = {"OPENSSL_ia32cap": "~0x0:~0x20000000"}
KIB, MIB = 1024, 1024 * 1024
BODIES = [0, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB]
KEYS = [1, 2, 4, 8, 16]
BATCHES = [1, 3, 10, 30, 100, 300, 1000]
PUBLISHERS = 16
"""From so many publishers at once on, the cost of a message is to be flat."""


def size(number):
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if number >= unit:
            return f"{number // unit} {name}"
    return f"{number} B"


def processors(programs):
    """How the processor is seen: name, program, environment."""
    yield "without SHA extensions", programs.masked, MASK
    if "sha_ni" in Path("/proc/cpuinfo").read_text():
        yield "with SHA extensions", programs.plain, {}


def receivers():
    """The official SDKs, where they are installed."""
    conformance = HERE.parent / "conformance"
    known = {
        "JavaScript": ("js/node_modules/.installed", "node", "receive.mjs"),
        "Python": ("python/.venv/installed", str(conformance / "python/.venv/bin/python"), "receive.py"),
    }
    found = {}
    for name, (installed, program, script) in known.items():
        if (conformance / installed).exists():
            found[name] = [program, str(HERE / "receivers" / script)]
        else:
            print(f"bench: SKIPPED the {name} receiver, it is not installed")
    return found


PEERS = ("qstash-rs", "jsonwebtoken", "JavaScript", "Python")
SMALL = {0: 1.15, 256: 1.10, 4 * KIB: 1.03}
"""What verifications of small bodies may take of the floor with the same hash."""
OVER_SHA2 = "verify {} / floor with sha2"
OVER_AWS_LC = "verify {}, feature aws-lc-rs / floor with aws-lc"


def verify(report):
    sdks = receivers()
    for seen, program, environment in processors(report.programs):
        for length in BODIES:
            ways = ("sha2", "aws-lc", "ours", "qstash-rs", "jsonwebtoken", *([] if environment else ["ring"]))
            arms = {way: ([program, f"{way}-verify:{length}"], environment) for way in ways}
            arms["ours, aws-lc-rs"] = ([report.programs.aws_lc_rs, f"ours-verify:{length}"], environment)
            arms |= {name: ([*command, str(length)], environment) for name, command in sdks.items()}
            verify_body(report, f"CPU, {seen}", length, compare(arms))
            for name in arms:
                report.point(f"body, {seen}", name, length)
    compare_keys(report)
    if report.has_valgrind:
        count_verify(report)


def verify_body(report, measured, length, compared):
    report.compared = compared
    peers = [name for name in PEERS if name in compared.turns]
    if length in SMALL:
        beside = {name: compared.ratio(name, "sha2")[0] for name in peers}
        report.timed(OVER_SHA2.format(size(length)), measured, "ours", "sha2", SMALL[length], **beside)
        report.timed(OVER_AWS_LC.format(size(length)), measured, "ours, aws-lc-rs", "aws-lc", SMALL[length])
    elif length in (64 * KIB, MIB):
        best = min(compared.turns.keys() & {"sha2", "aws-lc", "ring"}, key=compared.nanos)
        what = f"verify {size(length)}, feature aws-lc-rs / best floor ({best})"
        beside = {"without the feature": compared.ratio("ours", best)[0]}
        beside |= {name: compared.ratio(name, best)[0] for name in peers}
        report.timed(what, measured, "ours, aws-lc-rs", best, 1.05, **beside)


def compare_keys(report):
    report.compared = compare({str(count): ([report.programs.plain, f"ours-keys:{count}"],) for count in KEYS})
    for count in KEYS:
        report.point("keys", "ours", count, str(count))


def count_verify(report):
    ways = ("sha2", "aws-lc", "ours", "qstash-rs", "jsonwebtoken")
    counted = report.count([f"{way}-verify:{length}" for length in SMALL for way in ways])
    with_aws_lc = report.count([f"ours-verify:{length}" for length in SMALL], program=report.programs.aws_lc_rs)
    for length, aim in SMALL.items():
        sha2, aws_lc, ours, *peers = (counted[f"{way}-verify:{length}"] for way in ways)
        beside = {name: count / sha2 for name, count in zip(ways[3:], peers)}
        report.counted(OVER_SHA2.format(size(length)), ours, sha2, aim, **beside)
        report.counted(OVER_AWS_LC.format(size(length)), with_aws_lc[f"ours-verify:{length}"], aws_lc, aim)
    ways = ("ours", "qstash-rs", "jsonwebtoken")
    blocks = report.count([f"{way}-verify:256" for way in ways], counts.allocations).values()
    ours, *peers = (count for count, _ in blocks)
    report.row("verify 256 B", "allocations", ours, **dict(zip(ways[1:], peers)))


def callback(report):
    limit, strings, raw = "memchr + SIMD base64", "owned String", "borrowed, raw maps"
    ways = {"ours": "ours", "limit": limit, "string": strings, "raw": raw}
    for length in (KIB, 64 * KIB, MIB, 8 * MIB):
        arms = {name: ([report.programs.plain, f"{way}-callback:{length}"],) for way, name in ways.items()}
        report.compared = compared = compare(arms)
        against, aim, others = (strings, 0.5, [raw, limit]) if length == KIB else (limit, 1.35, [strings, raw])
        beside = {name: compared.ratio(name, against)[0] for name in others}
        report.timed(f"callback {size(length)} / {against}", "CPU", "ours", against, aim, **beside)
    if not report.has_valgrind:
        return
    arms = [f"{way}-callback:{KIB}" for way in ("ours", "string", "raw")]
    ours, owned, borrowed = report.count(arms).values()
    report.counted(f"callback 1 KiB / {strings}", ours, owned, 0.5, **{raw: borrowed / owned})
    ours, owned, borrowed = (blocks for blocks, _ in report.count(arms, counts.allocations).values())
    report.row("callback 1 KiB", "allocations", ours, 12, **{strings: owned, raw: borrowed})


# What, ours, beside which, and the most instructions that it shall take of those.
PUBLISHING = (
    ("publish over reqwest / reqwest, prepared", "ours", "reqwest", 1.12),
    ("publish over reqwest / qstash-rs", "ours", "qstash-rs", 0.88),
    ("publish over hyper-util / hyper-util, prepared", "ours-hyper-util", "hyper-util", 1.3),
    ("publish over hyper-util / qstash-rs", "ours-hyper-util", "qstash-rs", 0.55),
    ("batches of 100, a message / qstash-rs", "ours-batch", "qstash-rs-batch", 0.5),
    ("volume publisher, a message / one by one", "ours-publisher", "ours", 0.10),
)


def publish(report):
    program = report.programs.plain
    with counts.Server(program) as server:
        steps = {arm: 1 for arm in counts.PUBLISHING} | {arm: 100 for arm in counts.BATCHES}
        compared = compare({arm: ([program, arm, server.url], {}, step) for arm, step in steps.items()})
        batches = {f"{way}-batch:{batch}": batch for way in ("hyper-util", "qstash-rs", "ours") for batch in BATCHES}
        report.compared = compare({arm: ([program, arm, server.url], {}, step) for arm, step in batches.items()})
    for arm, batch in batches.items():
        report.point("batch", arm.partition("-batch")[0], batch, arm)
    report.compared = compared
    counted = report.count(list(steps)) if report.has_valgrind else None
    for what, ours, other, aim in PUBLISHING:
        prepared = "hyper-util-batch" if ours == "ours-batch" else None
        beside = {"document prepared": compared.ratio(prepared, other)[0]} if prepared else {}
        report.timed(what, "CPU", ours, other, None, **beside)
        if counted:
            beside = {"document prepared": counted[prepared] / counted[other]} if prepared else {}
            report.counted(what, counted[ours], counted[other], aim, **beside)


def layers(report):
    what = "{} 4 KiB, what the layer adds / floor with sha2"
    arms = [f"{arm}:4096" for arm in ("axum", "ours-axum", "actix", "ours-actix", "sha2-verify")]
    for seen, program, environment in processors(report.programs):
        report.compared = compare({arm: ([program, arm], environment) for arm in arms})
        for framework in ("axum", "actix"):
            measured = (what.format(framework), f"CPU, {seen}", f"ours-{framework}:4096", "sha2-verify:4096")
            report.timed(*measured, minus=f"{framework}:4096")
    if not report.has_valgrind:
        return
    axum, ours_axum, actix, ours_actix, floor = report.count(arms).values()
    report.counted(what.format("axum"), ours_axum - axum, floor, 1.05)
    report.counted(what.format("actix"), ours_actix - actix, floor, 1.05)


def server(report):
    """The local server: what its own benchmark prints, read again."""
    command = ["cargo", "bench", "--quiet", "--locked", "-p", "qstash-cli", "--bench", "load"]
    printed = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(printed)
    tables = {}
    for line in printed.splitlines():
        if line.startswith("|") and not line.startswith("|-"):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if row[0][0].isdigit():
                table.append(row)
            else:
                table = tables.setdefault(" ".join(row), [])

    def nanos(cell):
        return float(cell.removesuffix(" µs").rpartition(" ")[2]) * 1000

    aims = {"0.2 KiB": 1.5, "4 KiB": 1.35, "64 KiB": 1.05}
    what = "local server, {}, publish to acknowledged / axum + hyper-util + signature"
    for body, _, _, ratio in tables["body forwarder qstash-dev CPU, forwarder = 1"]:
        report.row(what.format(body), "CPU", float(ratio), aims[body])
    for body, publishers, forwarder, ours, _ in tables.get("body publishers forwarder qstash-dev forwarder = 1", []):
        if publishers == "1":
            report.counted(what.format(body), int(ours), int(forwarder), aims[body])

    costs = {}
    for publishers, forwarder, ours, _ in tables["publishers forwarder qstash-dev CPU, forwarder = 1"]:
        costs[int(publishers)] = nanos(ours)
        report.line("publishers", "qstash-dev", int(publishers), nanos(ours))
        report.line("publishers", "forwarder", int(publishers), nanos(forwarder))
    flat = [cost for publishers, cost in costs.items() if publishers >= PUBLISHERS]
    beside = {f"{publishers}:": plot.time(cost) for publishers, cost in costs.items()}
    what = f"local server, publishers at once, most / least from {PUBLISHERS} on"
    report.row(what, "CPU", max(flat) / min(flat), 1.2, **beside)

    rows = tables["messages waiting qstash-dev CPU, none waiting = 1"]
    for waiting, cost, _ in rows:
        report.line("waiting", "qstash-dev", int(waiting), nanos(cost))
    report.row("local server, a million waiting / none", "CPU", float(rows[-1][2]), 1.1)
    waiting = re.search(r"of which (\d+) are its body: (\d+)", printed)
    report.row("local server, a message that waits, beside its body", "bytes", int(waiting[2]) - int(waiting[1]), 800)


PARTS = {"verify": verify, "callback": callback, "publish": publish, "layers": layers, "server": server}
PLOTS = {
    # growth: title, what is across, texts of the numbers across
    "body, without SHA extensions": ("A verification, by the length of the body, SHA extensions hidden", "body", size),
    "body, with SHA extensions": ("A verification, by the length of the body, with SHA extensions", "body", size),
    "keys": ("A verification of 256 B, by the number of keys, signed with the last", "keys", str),
    "batch": ("A message of a batch, by the size of the batch", "messages in a batch", "{:,}".format),
    "publishers": ("A message through the local server, by publishers at once", "publishers", "{:,}".format),
    "waiting": ("A message through the local server, by messages that wait", "waiting", "{:,}".format),
}
