"""What pages say of a list's archive: who reads it, what it has kept for whom, that more people read it than before."""

from collections.abc import Mapping
from typing import Protocol

from mailserver.model.clock import DAY
from mailserver.model.identity import Archive
from webui.page.context import Guest

TOLD_DAYS = 30
"""How long members are told that an archive was opened to more people."""


class Opened(Protocol):
    """A list, as far as its archive goes."""

    @property
    def archive(self) -> Archive: ...

    @property
    def archive_opened(self) -> int: ...

    @property
    def archive_older(self) -> int: ...


def readers(guest: Guest) -> dict[Archive, str]:
    """Who reads an archive, in words."""
    _ = guest._
    return {
        Archive.NONE: _("personne : rien n’est gardé"),
        Archive.OWNERS: _("ses propriétaires"),
        Archive.MEMBERS: _("ses membres et ses propriétaires"),
        Archive.ACADEMY: _("toute personne qui a un compte à l’académie, élèves compris"),
    }


def kept(guest: Guest, counts: Mapping[str, int]) -> str:
    """How many messages are kept for whom; empty: there are none that could be opened to more people."""
    if not counts.keys() - {Archive.ACADEMY.value}:
        return ""
    words, number = readers(guest), guest.language.number
    return ", ".join(f"{words[Archive(one)]} ({number(count)})" for one, count in counts.items())


def filled(guest: Guest, octets: int, most: int) -> str:
    """How much an archive holds, and what becomes of what is more; empty: nothing is in it."""
    if not octets:
        return ""
    text = guest._("Ces archives occupent %(used)s sur %(most)s : au-delà, leurs plus anciens messages partent.")
    return text % {"used": guest.language.size(octets), "most": guest.language.size(most)}


def opening(guest: Guest, found: Opened) -> str:
    """What its members are told: since when more people read it, and whether older messages, too."""
    if found.archive not in (Archive.MEMBERS, Archive.ACADEMY) or found.archive_opened < guest.now - TOLD_DAYS * DAY:
        return ""
    day = guest.language.plain_date(found.archive_opened)
    said = guest._("Depuis le %(day)s, ces archives sont lues par : %(readers)s.")
    text = said % {"day": day, "readers": readers(guest)[found.archive]}
    if not found.archive_older:
        return text + " " + guest._("Les messages d’avant restent à leurs lecteurs d’alors.")
    older = guest.language.texts.ngettext(
        "%(n)s message d’avant aussi.", "%(n)s messages d’avant aussi.", found.archive_older
    )
    return text + " " + older % {"n": guest.language.number(found.archive_older)}
