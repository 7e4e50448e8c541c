"""Times arms that take turns: each is a process that does its work as often as it is told, see `src/main.rs`.

What counts is the median of the rounds' ratios: whatever disturbs the machine for longer than a turn disturbs all arms. Where the
pages of a program come to lie in memory can make it several times as slow, for as long as they lie there; so the rounds are spread
over sittings, each with new copies of the programs.
"""

import os
import shutil
import subprocess
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

SITTINGS = 5
ROUNDS = 7
"""How many there are in a sitting."""
TURN = 20_000_000
"""Nanoseconds of CPU time that a turn shall take."""


class Arm:
    """`step`: the work is done in multiples of this."""

    def __init__(self, command, environment={}, step=1):
        self.process = subprocess.Popen(
            command, env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.times = step
        # A just-in-time compiler has seen enough of it by then.
        while self.turn()[0] * self.times < TURN:
            self.times *= 2
        self.times = max(1, round(TURN / self.turn()[0] / step)) * step

    def turn(self):
        """Nanoseconds of CPU and of wall time that the work takes once."""
        self.process.stdin.write(f"{self.times}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} has ended")
        return [int(nanos) / self.times for nanos in line.split()]

    def end(self):
        self.process.kill()
        self.process.communicate()


class Compared:
    """What arms have needed, each under its name."""

    def __init__(self, turns):
        self.turns = turns

    def nanos(self, name):
        return median(cpu for cpu, _ in self.turns[name])

    def ratio(self, name, to, minus=None):
        """CPU and wall time, as medians of the rounds' ratios. `minus`: without what this arm needs."""
        less = self.turns[minus] if minus else [(0, 0)] * len(self.turns[to])
        rounds = zip(self.turns[name], less, self.turns[to])
        return [median(ratios) for ratios in zip(*([(o - m) / t for o, m, t in zip(*each)] for each in rounds))]


def compare(arms):
    """Starts arms, lets them take turns, and ends them. `arms` has the arguments of `Arm` by name."""
    turns = {name: [] for name in arms}
    for _ in range(SITTINGS):
        with TemporaryDirectory() as folder:
            sit(arms, turns, Path(folder))
    return Compared(turns)


def sit(arms, turns, folder):
    running = {}
    try:
        for name, ((program, *arguments), *rest) in arms.items():
            running[name] = Arm([copied(program, folder), *arguments], *rest)
        for _ in range(ROUNDS):
            for name, arm in running.items():
                turns[name].append(arm.turn())
    finally:
        for arm in running.values():
            arm.end()


def copied(program, folder):
    """Interpreters stay where they are."""
    if Path(program).parent.name != "programs":
        return program
    copy = folder / Path(program).name
    if not copy.exists():
        shutil.copy(program, copy)
    return str(copy)
