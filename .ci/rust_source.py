"""Reads Rust files as far as the checks need it: which modules there are, and which file names which."""

import re
from functools import cache

# Comments, strings and characters, which may contain anything that looks like code.
QUIET = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | \bb?r(\#*)".*?"\1 | b?"(?:\\.|[^"\\])*" | b?'(?:\\[^']+|[^'\\])'""", re.DOTALL | re.VERBOSE
)
TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod\s+\w+\s*\{")


def block_end(text, start):
    """The place after the brace that closes the first one at or after `start`."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
    raise ValueError("a brace is not closed")


@cache
def code(path):
    """The code of a file: no comments, no texts, no unit tests."""
    text = QUIET.sub(" ", path.read_text())
    while tests := TESTS.search(text):
        text = text[: tests.start()] + text[block_end(text, tests.start()) :]
    return text


def literals(path):
    """The texts in the code of a file, without their quotation marks: none of comments and unit tests."""
    text = path.read_text()
    # Of the same length as the text, so that a place in one is the same place in the other.
    blank = QUIET.sub(lambda match: " " * len(match[0]), text)
    tests = [(match.start(), block_end(blank, match.start())) for match in TESTS.finditer(blank)]
    for match in QUIET.finditer(text):
        if match[0].endswith(('"', "#")) and not match[0].startswith("/"):
            if not any(start <= match.start() < end for start, end in tests):
                yield match[0].lstrip("br#").rstrip("#")[1:-1]


def use_leaves(tree, prefix=()):
    """The paths of a `use` declaration, each with the name that it gives."""
    tree = tree.strip()
    if tree.endswith("}"):
        head, _, inner = tree.partition("{")
        prefix += tuple(part for part in head.strip().split("::") if part)
        depth, start = 0, 0
        inner = inner[: inner.rindex("}")]
        for place, character in enumerate(inner + ","):
            depth += (character == "{") - (character == "}")
            if character == "," and depth == 0:
                if inner[start:place].strip():
                    yield from use_leaves(inner[start:place], prefix)
                start = place + 1
        return
    path, _, alias = tree.partition(" as ")
    path = prefix + tuple(part.strip() for part in path.strip().split("::"))
    if path[-1] == "self":
        path = path[:-1]
    yield path, alias.strip() or path[-1]


class Crate:
    """The modules of a crate, each with its file."""

    def __init__(self, folder):
        self.source = folder / "src"
        self.files, self.uses = {}, {}
        self._read((), self.source / "lib.rs", self.source)

    def _read(self, module, file, children):
        text = code(file)
        self.files[module] = file
        self.uses[module] = [
            leaf for match in re.finditer(r"\buse\s+([^;]+);", text) for leaf in use_leaves(re.sub(r"\s+", " ", match[1]))
        ]
        if inline := re.search(r"\bmod\s+(\w+)\s*\{", text):
            raise ValueError(f"{file}: the inline module `{inline[1]}` is more than this script understands")
        for name in re.findall(r"\bmod\s+(\w+)\s*;", text):
            flat, nested = children / f"{name}.rs", children / name / "mod.rs"
            if flat.exists() or nested.exists():
                self._read((*module, name), flat if flat.exists() else nested, children / name)

    def names(self):
        """For each file, the other files of the crate that it names: in `use`, or by a path in the code."""
        graph = {}
        for module, file in self.files.items():
            text = re.sub(r"\buse\s+[^;]+;", ";", code(file))
            paths = [path for path, _ in self.uses[module]]
            paths += [tuple(match[0].split("::")) for match in re.finditer(r"(?<!:)\b\w+(?:::\w+)+", text)]
            targets = {self._file(module, path) for path in paths}
            graph[self._label(file)] = sorted(self._label(target) for target in targets - {None, file})
        return graph

    def _label(self, file):
        return str(file.relative_to(self.source))

    def _file(self, module, path, seen=frozenset()):
        """The file in which the thing that this path names is defined; none, if it is not of this crate."""
        first, rest = path[0], path[1:]
        if first == "crate":
            base = ()
        elif first == "self":
            base = module
        elif first == "super":
            base = module[:-1]
            while rest and rest[0] == "super":
                base, rest = base[:-1], rest[1:]
        elif (*module, first) in self.files:
            base, rest = module, path
        else:
            return None
        while rest and (*base, rest[0]) in self.files:
            base, rest = (*base, rest[0]), rest[1:]
        if not rest:
            return self.files[base]
        return self._definition(base, rest[0], seen)

    def _definition(self, module, name, seen):
        if (module, name) in seen:
            return self.files[module]
        seen |= {(module, name)}
        for path, alias in self.uses[module]:
            if alias == name and path != (name,):
                return self._file(module, path, seen)
        defined = rf"\b(?:struct|enum|union|trait|type|fn|const|static|macro_rules!)\s+{re.escape(name)}\b"
        if not re.search(defined, code(self.files[module])):
            for path, alias in self.uses[module]:
                if alias == "*":
                    target = self._file(module, (*path[:-1], name), seen)
                    if target and re.search(defined, code(target)):
                        return target
        return self.files[module]
