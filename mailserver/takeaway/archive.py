"""The archive as a stream of octets, made while it is read."""

import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mailserver.errors import Refused
from mailserver.identity import Principal
from mailserver.store import agenda_items, agendas, mailboxes, messages, personal_lists, sessions
from mailserver.store.accounts import Standing
from mailserver.store.agendas import ADDRESS_BOOK, DISPLAY_NAME, Collection
from mailserver.store.mailboxes import Mailbox
from mailserver.store.transactions import Store, Tx
from mailserver.takeaway import calendars, mbox
from mailserver.takeaway.calendars import Calendar

BATCH = 200
"""Messages or items whose rows are read at once."""
PIECE = 256 * 1024
"""Octets that are gathered before they are handed on."""
MAX_NAME = 100
"""Characters of one level of a file's name."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"\\|?*]')
README = """\
Ce fichier contient tout ce que votre compte de messagerie {login} renferme, au {day}.

- profil.json : qui vous êtes pour la messagerie, et vos réglages.
- messages/ : un fichier mbox par dossier ; Thunderbird les importe (module ImportExportTools NG).
- agendas/ : un fichier .ics par agenda ; tous les agendas les importent.
- contacts/ : un fichier .vcf par carnet d'adresses ; tous les carnets les importent.

----------

This file holds everything in your mail account {login}, as of {day}.

- profil.json: who you are to the mail service, and your settings.
- messages/: one mbox file per folder; Thunderbird imports them (add-on ImportExportTools NG).
- agendas/: one .ics file per calendar; every calendar program imports them.
- contacts/: one .vcf file per address book; every address book imports them.
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export has come."""

    messages: int
    octets: int


def stream(
    store: Store, principal: Principal, standing: Standing, told: Callable[[Progress], None] = lambda _: None
) -> Iterator[bytes]:
    """The octets of a person's archive. Blocking: for a thread. Raises Temporary."""
    return _Archive(store, principal, standing, told).pieces()


class _Archive:
    def __init__(
        self, store: Store, principal: Principal, standing: Standing, told: Callable[[Progress], None]
    ) -> None:
        self._store = store
        self._principal = principal
        self._standing = standing
        self._told = told
        self._account_id = standing.id
        self._folder = store.data / "blobs"
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._now = time.gmtime(store.clock.now())[:6]
        self._names: set[str] = set()
        self._messages = self._octets = 0

    def pieces(self) -> Iterator[bytes]:
        boxes = self._store.read_now(mailboxes.listing, self._account_id)
        day = time.strftime("%Y-%m-%d", (*self._now, 0, 0, 0))
        self._add("LISEZMOI.txt", README.format(login=self._principal.login, day=day).encode())
        self._add("profil.json", self._profile(boxes))
        for box in boxes:
            yield from self._mailbox(box)
        for collection in self._store.read_now(agendas.listing, self._account_id):
            yield from self._collection(collection)
        self._zip.close()
        yield self._sink.take()

    # ------------------------------------------------------------------ parts

    def _profile(self, boxes: list[Mailbox]) -> bytes:
        preferences = self._store.read_now(sessions.preferences, self._account_id)
        lists = self._store.read_now(_personal_lists, self._account_id)
        principal, standing = self._principal, self._standing
        profile: dict[str, Any] = {
            "login": principal.login,
            "address": principal.address,
            "aliases": list(principal.aliases),
            "given_name": principal.given_name,
            "surname": principal.surname,
            "role": principal.role.value,
            "uai": principal.uai,
            "discipline": principal.discipline,
            "state": standing.state.value,
            "created": _moment(standing.created),
            "activated": _moment(standing.activated),
            "last_login": _moment(standing.last_login),
            "recovery_address": standing.recovery_address,
            "preferences": asdict(preferences),
            "personal_lists": lists,
            "folders": [{"name": box.name, "messages": box.messages, "octets": box.octets} for box in boxes],
        }
        return json.dumps(profile, ensure_ascii=False, indent=2).encode()

    def _mailbox(self, box: Mailbox) -> Iterator[bytes]:
        keywords = self._store.read_now(mailboxes.keywords, box.id)
        with self._open(f"messages/{_path(box.name)}", ".mbox") as file:
            after = 0
            while rows := self._store.read_now(_page, self._account_id, box.id, after):
                after = rows[-1][0]
                for uid, mask, received in rows:
                    octets = self._store.read_now(_octets, self._account_id, box.id, uid, self._folder)
                    if octets is None:
                        continue
                    file.write(mbox.entry(octets, received, mask, keywords))
                    self._messages += 1
                    self._octets += len(octets)
                    if self._sink.size >= PIECE:
                        yield self._sink.take()
                self._told(Progress(self._messages, self._octets))
        yield self._sink.take()

    def _collection(self, collection: Collection) -> Iterator[bytes]:
        is_book = collection.tag == ADDRESS_BOOK
        name = _path(collection.props.get(DISPLAY_NAME) or collection.name)
        merged = Calendar()
        with self._open(f"{'contacts' if is_book else 'agendas'}/{name}", ".vcf" if is_book else ".ics") as file:
            file.write(b"" if is_book else calendars.HEAD.encode())
            stamps = self._store.read_now(agenda_items.stamps, self._account_id, collection.id)
            for start in range(0, len(stamps), BATCH):
                hrefs = [one.href for one in stamps[start : start + BATCH]]
                found = self._store.read_now(agenda_items.several, self._account_id, collection.id, hrefs)
                for href in hrefs:
                    text = found[href].text if href in found else None
                    if text is None:
                        continue
                    parts = [_lines(text)] if is_book else merged.components(text)
                    file.write("".join(parts).encode("utf-8", "replace"))
                if self._sink.size >= PIECE:
                    yield self._sink.take()
            file.write(b"" if is_book else calendars.FOOT.encode())
        yield self._sink.take()

    # ------------------------------------------------------------------ the file

    def _add(self, name: str, octets: bytes) -> None:
        with self._open(name, "") as file:
            file.write(octets)

    def _open(self, name: str, ending: str) -> Any:
        """A member of the archive; a name that is there already gets a number."""
        chosen, number = f"{name}{ending}", 1
        while chosen.casefold() in self._names:
            number += 1
            chosen = f"{name} ({number}){ending}"
        self._names.add(chosen.casefold())
        member = zipfile.ZipInfo(chosen, self._now)
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = 0o600 << 16
        return self._zip.open(member, "w", force_zip64=True)


class _Sink(io.RawIOBase):
    """Where the zip file is written to: a buffer that is emptied as it fills."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, octets: Any) -> int:
        piece = bytes(octets)
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return taken


# ---------------------------------------------------------------------- reading


def _page(tx: Tx, account_id: int, mailbox_id: int, after: int) -> list[tuple[int, int, int]]:
    """(uid, flags, internal date) of the next messages."""
    columns = ("uid", "flags", "internal_date")
    rows = messages.fetch(tx, account_id, mailbox_id, columns, after + 1, limit=BATCH)
    return [(int(row[0]), int(row[1]), int(row[2])) for row in rows]


def _octets(tx: Tx, account_id: int, mailbox_id: int, uid: int, folder: Path) -> bytes | None:
    """A message, None when it is gone meanwhile."""
    try:
        return messages.octets(tx, account_id, mailbox_id, uid, folder)
    except Refused:
        return None


def _personal_lists(tx: Tx, account_id: int) -> list[dict[str, object]]:
    return [
        {"name": one.name, "members": list(personal_lists.members(tx, account_id, one.id))}
        for one in personal_lists.listing(tx, account_id)
    ]


def _path(name: str) -> str:
    """A folder's name as a path within an archive: nothing leads out of it, nothing another system refuses."""
    return "/".join(_level(level) for level in name.split("/"))


def _level(name: str) -> str:
    cleaned = _UNSAFE.sub("_", name).strip(" .")[:MAX_NAME]
    return cleaned or "_"


def _lines(text: str) -> str:
    """A card with CRLF line ends, the last line included."""
    return "".join(f"{line}\r\n" for line in re.split(r"\r\n|\r|\n", text) if line)


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""
