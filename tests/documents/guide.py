"""The operator's guide, as its tests read it: pages in two languages, and the blocks of commands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hatchery import ROOT

GUIDE = ROOT / "deploy" / "guide"
FRENCH, ENGLISH = GUIDE / "fr", GUIDE / "en"
_BLOCK = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
"""Also one that stands in a list."""
_QUOTED = re.compile(r"`(mailserver [^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between fences: its language, the words behind it (`run`, `root` ...), its lines."""

    language: str
    marks: frozenset[str]
    text: str


def pages(folder: Path) -> dict[str, str]:
    """Each page of a language by its name."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.md"))}


def blocks(text: str) -> list[Block]:
    return [_block(found, frozenset(found[3].split())) for found in _BLOCK.finditer(text)]


def without_comments(block: Block) -> str:
    """Remarks are in the language of the page; commands are the same in both."""
    lines = (re.sub(r"(^|\s+)# .*$", "", line) for line in block.text.splitlines())
    return "\n".join(line for line in lines if line)


def typed(text: str) -> list[str]:
    """What is to be typed or written into a file, in its order: blocks, and commands within sentences."""
    found = [(at.start(), f"{at[2]}{at[3]}\n{without_comments(_block(at))}") for at in _BLOCK.finditer(text)]
    found = [(place, said) for place, said in found if not said.startswith("text")]
    outside = _BLOCK.sub(lambda block: " " * len(block[0]), text)
    found += [(at.start(), at[1]) for at in _QUOTED.finditer(outside)]
    return [said for _, said in sorted(found)]


def _block(found: re.Match[str], marks: frozenset[str] = frozenset()) -> Block:
    return Block(found[2], marks, re.sub(f"(?m)^{found[1]}", "", found[4]))


def invocations(text: str) -> Iterator[list[str]]:
    """The words of each `mailserver ...` of a page, whatever stands before it on its line."""
    for said in (*(block.text for block in blocks(text) if block.language == "sh"), *_QUOTED.findall(text)):
        joined = said.replace("\\\n", " ")
        for line in joined.splitlines():
            if found := re.search(r"(?:^|[;|&(])\s*mailserver (.*)$", re.sub(r"(^|\s)# .*$", "", line)):
                yield _words(found[1])


def _words(line: str) -> list[str]:
    """As far as the next command; what stands in quotes is no option."""
    words: list[str] = []
    for word in re.findall(r"'[^']*'|\"[^\"]*\"|[;|&<>]+|[^\s'\";|&<>]+", line):
        if set(word) <= set(";|&<>"):
            break
        words.append(word.strip("'\""))
    return words
