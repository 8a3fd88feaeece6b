"""The archive as a stream of octets, made while it is read."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from typing import Any

from mailserver.accounts.data_export import calendars, folder
from mailserver.accounts.data_export.calendars import Calendar
from mailserver.accounts.data_export.zipping import Zip, path
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.store.account import bulletins, filters, stored_preferences
from mailserver.store.account.accounts import Standing
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agendas import ADDRESS_BOOK, DISPLAY_NAME, Collection
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.people.mailing_lists import personal_lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.web import push_subscriptions, signatures
from mailserver.texts.catalogue import N_
from mailserver.texts.text import Text, both

BATCH = 200
"""Items whose rows are read at once, and messages between two reports."""
README = N_(
    "Ce fichier contient tout ce que votre compte de messagerie {login} renferme, au {day}.\n"
    "\n"
    "- profil.json : qui vous êtes pour la messagerie, et vos réglages.\n"
    "- messages/ : un fichier mbox par dossier ; Thunderbird les importe (module ImportExportTools NG).\n"
    "  S'il y en avait d'abîmés dans le stockage, MESSAGES-ABIMES.txt les nomme.\n"
    "- agendas/ : un fichier .ics par agenda ; tous les agendas les importent.\n"
    "- contacts/ : un fichier .vcf par carnet d'adresses ; tous les carnets les importent.\n"
    "- filtres/ : vos filtres de messages, un script Sieve chacun ; profil.json dit lequel est en service.\n"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export has come."""

    messages: int
    octets: int
    damaged: int = 0
    """Messages that could not be read; the archive names them."""


def stream(
    store: Store,
    principal: Principal,
    standing: Standing,
    zone: tzinfo,
    told: Callable[[Progress], None] = lambda _: None,
) -> Iterator[bytes]:
    """The octets of a person's archive, with its times in a zone. Blocking: for a thread. Raises Temporary."""
    return _Archive(store, principal, standing, zone, told).pieces()


def record(tx: Tx, origin: Origin, account_id: int) -> None:
    """Somebody takes an account's archive along."""
    audit.record(tx, origin, Action.EXPORTED, account_id)


class _Archive:
    def __init__(
        self,
        store: Store,
        principal: Principal,
        standing: Standing,
        zone: tzinfo,
        told: Callable[[Progress], None],
    ) -> None:
        self._store = store
        self._principal = principal
        self._standing = standing
        self._told = told
        self._account_id = standing.id
        now = store.clock.now()
        self._today = datetime.fromtimestamp(now, zone).date()
        self._zip = Zip(now, zone)
        self._messages = self._octets = 0
        self._losses = folder.Losses()

    def pieces(self) -> Iterator[bytes]:
        boxes = self._store.read_now(mailboxes.listing, self._account_id)
        readme = Text(README, login=self._principal.login, day=self._today.isoformat())
        self._zip.add("LISEZMOI.txt", both(readme, "\n----------\n\n").encode())
        self._zip.add("profil.json", self._profile(boxes))
        for box in boxes:
            yield from self._mailbox(box)
        self._losses.put(self._zip)
        self._filters()
        for collection in self._store.read_now(agendas.listing, self._account_id):
            yield from self._collection(collection)
        self._told(Progress(self._messages, self._octets, len(self._losses.lines)))
        yield self._zip.close()

    # ------------------------------------------------------------------ parts

    def _profile(self, boxes: list[Mailbox]) -> bytes:
        preferences = self._store.read_now(stored_preferences.preferences, self._account_id)
        lists = self._store.read_now(_personal_lists, self._account_id)
        principal, standing = self._principal, self._standing
        profile: dict[str, Any] = {
            "login": principal.login,
            "address": principal.address,
            "aliases": list(principal.aliases),
            "given_name": principal.given_name,
            "surname": principal.surname,
            "display_name": principal.display_name,
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
            "signatures": self._store.read_now(_signatures, self._account_id),
            "models": self._store.read_now(_models, self._account_id),
            "notified_browsers": self._store.read_now(_notified, self._account_id),
            "closed_announcements": self._store.read_now(_closed, self._account_id),
            "filters": self._store.read_now(_filters, self._account_id),
            "folders": [{"name": box.name, "messages": box.messages, "octets": box.octets} for box in boxes],
        }
        return json.dumps(profile, ensure_ascii=False, indent=2).encode()

    def _filters(self) -> None:
        for script in self._store.read_now(filters.listing, self._account_id):
            with contextlib.suppress(Refused):  # it went away in between
                octets = self._store.read_now(filters.octets, self._account_id, script.name)
                with self._zip.open(f"filtres/{path(script.name)}", ".sieve") as file:
                    file.write(octets)

    def _mailbox(self, box: Mailbox) -> Iterator[bytes]:
        name = f"messages/{path(box.name)}"
        yield from folder.write(self._store, self._zip, self._account_id, box, name, self._losses, self._count)

    def _count(self, octets: int) -> None:
        self._messages += 1
        self._octets += octets
        if self._messages % BATCH == 0:
            self._told(Progress(self._messages, self._octets))

    def _collection(self, collection: Collection) -> Iterator[bytes]:
        is_book = collection.tag == ADDRESS_BOOK
        name = path(collection.props.get(DISPLAY_NAME) or collection.name)
        merged = Calendar()
        with self._zip.open(f"{'contacts' if is_book else 'agendas'}/{name}", ".vcf" if is_book else ".ics") as file:
            file.write(b"" if is_book else calendars.HEAD.encode())
            stamps = self._store.read_now(agenda_items.stamps, self._account_id, collection.id)
            for start in range(0, len(stamps), BATCH):
                hrefs = [stamp.href for stamp in stamps[start : start + BATCH]]
                found = self._store.read_now(agenda_items.several, self._account_id, collection.id, hrefs)
                for href in hrefs:
                    text = found[href].text if href in found else None
                    if text is None:
                        continue
                    parts = [_lines(text)] if is_book else merged.components(text)
                    file.write("".join(parts).encode("utf-8", "replace"))
                if self._zip.is_due:
                    yield self._zip.take()
            file.write(b"" if is_book else calendars.FOOT.encode())
        yield self._zip.take()


# ---------------------------------------------------------------------- reading


def _personal_lists(tx: Tx, account_id: int) -> list[dict[str, object]]:
    return [
        {"name": listed.name, "members": list(personal_lists.members(tx, account_id, listed.id))}
        for listed in personal_lists.listing(tx, account_id)
    ]


def _signatures(tx: Tx, account_id: int) -> list[dict[str, object]]:
    return [
        {"name": signature.name, "text": signature.text, "sender": signature.sender, "purpose": signature.purpose}
        for signature in signatures.signatures(tx, account_id)
    ]


def _models(tx: Tx, account_id: int) -> list[dict[str, object]]:
    """The person's own; those of functional boxes are the boxes'."""
    return [
        {"name": model.name, "subject": model.subject, "text": model.text, "html": model.html}
        for model in signatures.models(tx, account_id)
        if model.owner == account_id
    ]


def _filters(tx: Tx, account_id: int) -> list[dict[str, object]]:
    return [
        {"name": script.name, "active": script.active, "changed": _moment(script.changed)}
        for script in filters.listing(tx, account_id)
    ]


def _notified(tx: Tx, account_id: int) -> list[dict[str, object]]:
    """The browsers that are told while they are closed; how they are reached is a secret of theirs."""
    found = push_subscriptions.listing(tx, account_id)
    return [{"name": one.name, "created": _moment(one.created)} for one in found]


def _closed(tx: Tx, account_id: int) -> list[dict[str, object]]:
    return [
        {"id": number, "closed": _moment(bulletin.at)} for number, bulletin in bulletins.closed(tx, account_id).items()
    ]


def _lines(text: str) -> str:
    """A card with CRLF line ends, the last line included."""
    return "".join(f"{line}\r\n" for line in re.split(r"\r\n|\r|\n", text) if line)


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""
