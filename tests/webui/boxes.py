"""Functional boxes for tests: one with its holders, a parent's question to it, the letter that answers."""

import re
from collections.abc import Sequence
from html import unescape

from directory.lists import rosters
from directory.lists.rosters import NewList
from mailserver.delivery import Envelope
from mailserver.mime import Part, scan, unpack
from mailserver.model.identity import ListKind, Principal
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import boxes
from mailserver.store.mail.flags import names
from mailserver.store.record.audit import Origin
from tests.webui.house import DOMAIN, House, Visitor

ORIGIN = Origin("test", "test")
BASES = ("/s", "/m")
FULL = {"read", "write", "send"}
_counter: list[int] = []


class Box:
    """A functional box with its holders."""

    def __init__(self, house: House, holders: dict[str, set[str]]) -> None:
        """`holders`: what each may do, by login."""
        _counter.append(0)
        self.house = house
        self.label = f"ce-{len(_counter)}"
        self.address = f"{self.label}@{DOMAIN}"
        where = rosters.ListSettings.of(house.settings)
        wanted = NewList(self.address, "Secrétariat du collège", members=(), kind=ListKind.FUNCTION)
        house.store.write_now(rosters.make, where, wanted, ORIGIN)
        self.hold(holders)
        self.account = house.store.read_now(boxes.find, self.address)

    def hold(self, holders: dict[str, set[str]], gone: Sequence[str] = ()) -> None:
        where = rosters.ListSettings.of(self.house.settings)
        wanted = {f"{login}@{DOMAIN}": words for login, words in holders.items()}
        left = [f"{login}@{DOMAIN}" for login in gone]
        self.house.store.write_now(rosters.hold, where, self.address, wanted, left, ORIGIN)

    def deliver(self, octets: bytes) -> int:
        recipient = self.house.run(self.house.delivery.resolve(self.address))
        return self.house.run(
            self.house.delivery.deliver(Envelope("parent@exemple.org", (recipient,)), octets)
        ).content_id

    def id(self, name: str = "INBOX") -> int:
        return self.house.store.read_now(mailboxes.get, self.account, name).id

    def kept(self, name: str = "INBOX") -> dict[str, set[str]]:
        """Subjects in one of its mailboxes, with their flags."""
        box = self.house.store.read_now(mailboxes.get, self.account, name)
        rows = self.house.store.read_now(messages.fetch, self.account, box.id, ("uid", "subject", "flags"))
        known = self.house.store.read_now(mailboxes.keywords, box.id)
        return {row[1]: set(names(row[2], known)) for row in rows}

    def acts(self) -> list[tuple[int, str]]:
        return [(act.actor_id, act.act) for act in self.house.store.read_now(access.acts, self.account, 20)]


def question(box: Box, zoe: Principal, subject: str = "Certificat", name: str = "question") -> int:
    """A parent's message with an attachment, which others got, too."""
    head = (
        f"From: Zoé Parent <{zoe.address}>\r\nTo: {box.address}, autre@exemple.org\r\nSubject: {subject}\r\n"
        f"Date: Tue, 24 Nov 2026 10:20:00 +0100\r\nMessage-ID: <{name}@exemple.org>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        '--b\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\nPuis-je avoir un certificat ?\r\n'
        '--b\r\nContent-Type: application/pdf; name="demande.pdf"\r\nContent-Disposition: attachment; '
        'filename="demande.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n'
    )
    return box.deliver(head.encode())


def form(browser: Visitor, **changed: str) -> dict[str, str]:
    """The letter on the open page as its form would post it."""
    kept = {
        name: browser.field(name) for name in ("cle", "brouillon", "repond", "transfere", "boite", "signature", "objet")
    }
    kept |= {name: browser.field(name) for name in ("a", "cc", "cci")}
    chosen = re.search(r'<option value="([^"]*)"[^>]* selected>[^<]*&lt;', browser.text)
    kept["de"] = unescape(chosen.group(1)) if chosen else ""
    if 'name="citation"' in browser.text:
        kept["citation"] = "on"
    return {"texte": "Voici.", "faire": "envoyer", **kept, **changed}


def last(house: House, person: Principal) -> tuple[bytes, Part]:
    octets = house.octets(person, "INBOX")
    return octets, unpack(scan(octets).parts)
