"""Scripts against messages, shortly said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from mailserver.filters import sieve

KEPT = sieve.Keep(implicit=False)
"""What `keep` says."""
PARIS = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 30, 8, 5, 9, tzinfo=PARIS)
"""A Monday."""

LETTER = (
    b"Received: from mx.example.org by mx.ac-exemple.fr; Mon, 30 Nov 2026 07:05:09 +0000\r\n"
    b"Return-Path: <jean@example.org>\r\n"
    b'From: "Jean Dupont" <Jean.Dupont@Example.org>\r\n'
    b"To: edupont@ac-exemple.fr, groupe: a@example.org, b@example.org;\r\n"
    b"Cc: =?utf-8?q?=C3=89cole?= <ecole+notes@ac-exemple.fr>\r\n"
    b"Subject: =?utf-8?q?R=C3=A9union_de?=\r\n =?utf-8?q?_rentr=C3=A9e?=\r\n"
    b"Date: Sun, 29 Nov 2026 23:30:00 -0500\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"X-Empty:\r\n"
    b"\r\n"
    b"Bonjour,\r\nla r\xc3\xa9union est \xc3\xa0 huit heures.\r\n"
)


@dataclass
class Account:
    """What a script may ask of an account, in memory."""

    mailboxes: frozenset[str] = frozenset(("INBOX", "Notes", "Junk"))
    uses: Mapping[str, str] = field(default_factory=lambda: {"\\Junk": "Junk", "\\Archive": "Notes"})
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    scripts: dict[tuple[str, str], str] = field(default_factory=dict)
    handles: set[str] = field(default_factory=set)
    annotations: Mapping[tuple[str | None, str], str] = field(default_factory=dict)

    def mailbox_exists(self, name: str) -> bool:
        return name in self.mailboxes

    def special_use(self, use: str) -> str | None:
        return self.uses.get(use)

    def in_list(self, name: str, value: str) -> bool | None:
        found = self.lists.get(name)
        return None if found is None else value.lower() in found

    def script(self, location: str, name: str) -> sieve.Script | None:
        source = self.scripts.get((location, name))
        return None if source is None else sieve.compile(source.encode())

    def seen(self, handle: str, seconds: int, last: bool) -> bool:
        return handle in self.handles

    def mailbox_by_id(self, object_id: str) -> str | None:
        return "Notes" if object_id == "F1" else None

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        return self.annotations.get((mailbox, annotation))


def facts(
    octets: bytes = LETTER,
    *,
    envelope_from: str = "jean@example.org",
    envelope_to: str = "edupont+classe@ac-exemple.fr",
    addresses: frozenset[str] = frozenset(("edupont@ac-exemple.fr", "emilie.dupont@ac-exemple.fr")),
    now: datetime = NOW,
    spam: int | None = None,
    virus: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> sieve.Facts:
    """A message for Émilie Dupont."""
    return sieve.Facts.of(
        octets,
        now=now,
        envelope_from=envelope_from,
        envelope_to=envelope_to,
        addresses=addresses,
        spam=spam,
        virus=virus,
        environment=environment,
    )


def decide(script: str, message: sieve.Facts | bytes = LETTER, host: sieve.Host | None = None) -> sieve.Outcome:
    """The outcome of a script."""
    given = facts(message) if isinstance(message, bytes) else message
    return sieve.run(sieve.compile(script.encode()), given, host or Account())


def header_of(script: str, message: sieve.Facts | bytes = LETTER) -> bytes | None:
    """The header of what it keeps; None where it is as it came."""
    (kept,) = actions(script, message)
    assert isinstance(kept, sieve.Keep)
    return kept.edited.header if kept.edited is not None else None


def actions(script: str, message: sieve.Facts | bytes = LETTER, host: sieve.Host | None = None) -> list[sieve.Action]:
    """What it does."""
    return list(decide(script, message, host).actions)


def holds(
    test: str, message: sieve.Facts | bytes = LETTER, host: sieve.Host | None = None, *, before: str = ""
) -> bool:
    """Whether a test is true; all extensions are required."""
    names = ", ".join(f'"{name}"' for name in sieve.EXTENSIONS)
    script = f"require [{names}];\n{before}\nif {test} {{ discard; }}"
    found = actions(script, message, host)
    assert found in ([sieve.Discard()], [sieve.Keep()])
    return found == [sieve.Discard()]
