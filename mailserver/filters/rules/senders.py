"""Senders as people name them: one address, or a domain with everything below it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.filters.rules.actions import SPAM, TRASH
from mailserver.filters.rules.quoting import Faulty, Part, strings
from mailserver.model.unicode import normalize
from mailserver.texts.text import Text

MAX_BLOCKED = 500
MAX_SENDER = 320
"""Characters of an address (RFC 5321 section 4.5.3.1)."""

_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?")
_ADDRESS = re.compile(r'[^\s"\\@<>,;:()\[\]]+@(?:' + _DOMAIN.pattern + ")")


def normal(text: str) -> str:
    """A sender as it is kept: `jean@example.org`, or `@example.org` for a domain. Raises Faulty."""
    folded = normalize("NFC", text.strip()).casefold()
    if len(folded) <= MAX_SENDER and folded.isprintable():
        if _ADDRESS.fullmatch(folded):
            return folded
        domain = folded.removeprefix("@")
        if _DOMAIN.fullmatch(domain):
            return f"@{domain}"
    raise Faulty(Text("« {text} » n’est ni une adresse ni un domaine.", text=text.strip()[:60]))


def check(senders: Sequence[str]) -> None:
    """Raises Faulty for one that is not as `normal` makes it."""
    for one in senders:
        if normal(one) != one:
            raise Faulty(Text("« {text} » n’est ni une adresse ni un domaine.", text=one[:60]))


def named(sender: str) -> str:
    """As people read it."""
    return sender.removeprefix("@")


def test_of(fields: Sequence[str], senders: Sequence[str]) -> list[str]:
    """Tests of which one holds when a field has one of these: addresses, and domains with what is below them."""
    whole = [one for one in senders if not one.startswith("@")]
    domains = [one[1:] for one in senders if one.startswith("@")]
    tests = []
    if whole:
        tests.append(f'address :comparator "i;unicode-casemap" :is {strings(fields)} {strings(whole)}')
    if domains:
        tests.append(f'address :comparator "i;unicode-casemap" :is :domain {strings(fields)} {strings(domains)}')
        below = [f"*.{domain}" for domain in domains]
        tests.append(f'address :comparator "i;unicode-casemap" :matches :domain {strings(fields)} {strings(below)}')
    return tests


def holds(senders: Sequence[str], address: str) -> str | None:
    """Which of these an address is, or is below; None: it is none of them."""
    folded = normalize("NFC", address).casefold()
    domain = folded.rpartition("@")[2]
    labels = domain.split(".")
    wanted = {folded, *("@" + ".".join(labels[start:]) for start in range(len(labels)))}
    return next((one for one in senders if one in wanted), None)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Whose mail one does not want to see."""

    senders: tuple[str, ...] = ()
    to_trash: bool = False
    """To Trash; else to Spam."""

    def __post_init__(self) -> None:
        if len(self.senders) > MAX_BLOCKED:
            raise Faulty(Text("Vous bloquez déjà {most} expéditeurs.", most=MAX_BLOCKED))
        check(self.senders)

    def script(self) -> Part:
        """What it does with their mail; nothing else becomes of it."""
        if not self.senders:
            return Part(())
        place = (TRASH if self.to_trash else SPAM).script()
        tests = ",\n    ".join(test_of(("from",), self.senders))
        return Part((f"if anyof (\n    {tests}\n) {{", *place.lines, "    stop;", "}"), place.extensions)


NOBODY = Blocked()
