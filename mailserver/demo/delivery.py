"""Letters become messages: composed, traced, and put where each person keeps them, oldest first."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailserver.demo import files, people
from mailserver.demo.letter import Letter
from mailserver.demo.moments import Calendar
from mailserver.mime.writing import compose
from mailserver.mime.writing.compose import NewMessage
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import Hop, received, return_path
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.octets.files import BlobFolder

WRAPPED = 85
"""A line longer than this goes on in the next one."""
ARCHIVED_AFTER = 18
"""School days after which tidy people archive what they have not filed."""
TIDY = ("mmartin", "rleroy")
_ID_OCTETS = 6
_CLOSING = re.compile(r" ([;:?!»])")
_OPENING = re.compile(r"« ")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demo whose mailbox is filled."""

    account_id: int
    login: str
    correspondent: Correspondent


@dataclass(frozen=True, slots=True)
class Placement:
    """One appearance of a message."""

    account_id: int
    folder: str
    octets: bytes
    flags: tuple[str, ...]
    date: int
    provenance: Provenance


class Post:
    """Composes every letter of the demo."""

    def __init__(
        self, calendar: Calendar, domain: str, persons: Mapping[str, Person], letters: Iterable[Letter]
    ) -> None:
        self._calendar = calendar
        self._domain = domain
        self._persons = persons
        self._rosters = {roster.name: roster for roster in people.LISTS}
        self._letters = sorted(letters, key=lambda letter: calendar.instant(letter.when))
        self._by_name = {letter.name: letter for letter in self._letters}
        self._answered = {(letter.answers, letter.author) for letter in self._letters if not letter.draft}

    def placements(self) -> Iterator[Placement]:
        """Every appearance, oldest first."""
        for letter in self._letters:
            date = self._calendar.instant(letter.when)
            author = self._persons.get(letter.author)
            octets = compose.build(self._message(letter, date), bcc=letter.draft)
            if letter.draft and author is not None:
                written = Provenance(Door.APPENDED, author.account_id)
                yield Placement(author.account_id, "Drafts", octets, ("\\Draft", "\\Seen"), date, written)
                continue
            if author is not None:
                kept = Provenance(Door.KEPT, author.account_id)
                yield Placement(author.account_id, "Sent", octets, ("\\Seen",), date, kept)
            came = Provenance(Door.SMTP) if author is None else Provenance(Door.SUBMISSION, author.account_id)
            traced = self._trace(letter, date) + octets
            for login in self._receivers(letter):
                person = self._persons[login]
                folder, flags = self._folder(letter, login), self._flags(letter, login)
                yield Placement(person.account_id, folder, traced, flags, date, came)

    # ------------------------------------------------------------------ content

    def _message(self, letter: Letter, date: int) -> NewMessage:
        parent = self._by_name.get(letter.answers)
        return NewMessage(
            author=self._correspondent(letter.author),
            date=float(date),
            message_id=self._message_id(letter),
            to=tuple(self._correspondent(name) for name in letter.to.split()),
            cc=tuple(self._correspondent(name) for name in letter.cc.split()),
            subject=self._subject(letter),
            text=self._text(letter, parent),
            html=letter.html,
            attachments=tuple(files.attachment(name) for name in letter.files),
            in_reply_to=self._message_id(parent) if parent is not None else "",
            references=tuple(self._message_id(ancestor) for ancestor in self._ancestors(letter)),
            zone=self._calendar.offset(date),
        )

    def _message_id(self, letter: Letter) -> str:
        domain = self._correspondent(letter.author).address.rpartition("@")[2]
        return compose.message_id(hashlib.blake2b(letter.name.encode(), digest_size=12).digest(), domain)

    def _ancestors(self, letter: Letter) -> list[Letter]:
        found: list[Letter] = []
        while letter.answers:
            letter = self._by_name[letter.answers]
            found.insert(0, letter)
        return found

    def _subject(self, letter: Letter) -> str:
        if letter.subject:
            return letter.subject
        first = self._ancestors(letter)[0].subject
        return first if first.startswith("Re: ") else f"Re: {first}"

    def _text(self, letter: Letter, parent: Letter | None) -> str:
        parts = [reflow(letter.text)]
        signature = people.SIGNATURES.get(letter.author)
        if signature is not None and not letter.draft:
            parts.append(f"-- \n{signature}")
        if parent is not None:
            written = self._calendar.written(self._calendar.instant(parent.when))
            quoted = "\n".join(f"> {line}".rstrip() for line in reflow(parent.text).split("\n"))
            parts.append(f"Le {written}, {self._correspondent(parent.author).name} a écrit :\n{quoted}")
        return "\n\n".join(parts) + "\n"

    def _correspondent(self, name: str) -> Correspondent:
        if name in self._persons:
            return self._persons[name].correspondent
        if name in self._rosters:
            return Correspondent(self._rosters[name].title, f"{name}@{self._domain}")
        if name in people.ELSEWHERE:
            return people.ELSEWHERE[name]
        display, _, address = name.partition("<")
        return Correspondent(display.strip(), address.rstrip(">"))

    def _trace(self, letter: Letter, date: int) -> bytes:
        """What the server that received the message wrote on top of it."""
        author = self._correspondent(letter.author)
        sender = author.address.rpartition("@")[2]
        own = letter.author in self._persons
        name = hashlib.blake2b(letter.name.encode(), digest_size=_ID_OCTETS).hexdigest()
        hop = Hop(
            helo="localhost" if own else f"mx.{sender}",
            peer="127.0.0.1" if own else f"192.0.2.{10 + len(sender) % 80}",
            by=self._domain,
            protocol="ESMTPSA" if own else "ESMTPS",
            id=name,
            date=float(date),
            tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
        )
        verdict = "" if own else _verdict(self._domain, sender, letter.junk)
        return return_path(author.address) + verdict.encode() + received(hop)

    # ------------------------------------------------------------------ place

    def _receivers(self, letter: Letter) -> list[str]:
        """Identifiers of everybody here who gets it; the author does not get their own letters to a list."""
        found: dict[str, None] = {}
        waiting = [*letter.to.split(), *letter.cc.split()]
        direct = set(waiting)
        while waiting:
            name = waiting.pop(0)
            if name in self._rosters:
                waiting += self._rosters[name].members
            elif name in self._persons and (name != letter.author or name in direct):
                found[name] = None
        return list(found)

    def _folder(self, letter: Letter, login: str) -> str:
        if letter.junk:
            return "Junk"
        filed = dict(letter.filed).get(login)
        if filed is not None:
            return filed
        return "Archive" if login in TIDY and letter.when[0] > ARCHIVED_AFTER else "INBOX"

    def _flags(self, letter: Letter, login: str) -> tuple[str, ...]:
        answered = (letter.name, login) in self._answered
        absent = login in (people.WAITING, people.SUSPENDED)
        read = answered or (letter.when[0] > 0 and login not in letter.unread.split() and not absent)
        wanted = (
            ("\\Seen", read),
            ("\\Answered", answered),
            ("\\Flagged", login in letter.flagged.split()),
            ("$Junk", letter.junk),
        )
        return tuple(flag for flag, is_set in wanted if is_set)


def put(tx: Tx, placements: Iterable[Placement], folder: BlobFolder) -> int:
    """Store every appearance, as deliveries do: a content once, a row for each mailbox. Returns how many."""
    boxes: dict[tuple[int, str], int] = {}
    contents: dict[bytes, tuple[int, int]] = {}
    count = 0
    for placement in placements:
        key = (placement.account_id, placement.folder)
        if key not in boxes:
            boxes[key] = _mailbox(tx, *key)
        if placement.octets not in contents:
            prepared = blobs.prepare(placement.octets, folder)
            contents[placement.octets] = (messages.store_content(tx, prepared)[0], prepared.size)
        content_id, size = contents[placement.octets]
        mask = messages.ensure_flags(tx, boxes[key], placement.flags)
        messages.place(
            tx, placement.account_id, boxes[key], content_id, size, mask, placement.date, placement.provenance
        )
        count += 1
    return count


def reflow(text: str) -> str:
    """The text with its paragraphs as single lines, which every reader wraps to its own width.

    Lines that were cut for the source go on; short ones end where they end. Before double punctuation and
    within guillemets French wants a space that does not break.
    """
    paragraphs = []
    for paragraph in text.strip().split("\n\n"):
        lines: list[str] = []
        goes_on = False
        for line in paragraph.split("\n"):
            if goes_on:
                lines[-1] += f" {line}"
            else:
                lines.append(line)
            goes_on = len(line) > WRAPPED
        paragraphs.append("\n".join(lines))
    return _OPENING.sub("«\u00a0", _CLOSING.sub("\u00a0\\1", "\n\n".join(paragraphs)))


def _mailbox(tx: Tx, account_id: int, name: str) -> int:
    """A folder by name, made and subscribed when it is not there."""
    if name not in {box.name for box in mailboxes.listing(tx, account_id)}:
        mailboxes.create(tx, account_id, name)
        levels = name.split("/")
        for depth in range(1, len(levels) + 1):
            mailboxes.subscribe(tx, account_id, "/".join(levels[:depth]), True)
    return mailboxes.get(tx, account_id, name).id


def _verdict(domain: str, sender: str, junk: bool) -> str:
    """What authentication found (RFC 8601)."""
    result = "fail" if junk else "pass"
    return (
        f"Authentication-Results: {domain}; spf={'softfail' if junk else 'pass'} smtp.mailfrom={sender};\r\n"
        f"\tdkim={'none' if junk else 'pass'} header.d={sender}; dmarc={result} header.from={sender}\r\n"
    )
