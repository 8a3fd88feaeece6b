"""What a notification says, in its reader's language."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailserver.calendars.own.reminders import Reminder
from mailserver.store.web.webmail.arrivals import MANY, ONE_BY_ONE, Arrived
from mailserver.store.web.webmail.reading import Line
from mailserver.texts.languages import LanguageCode
from mailserver.texts.text import Text

MAX_TITLE, MAX_TEXT = 100, 200
_NEW = Text("Nouveau message")
_NO_SUBJECT = Text("(sans objet)")
_URGENT = Text("Urgent, malgré vos heures de repos.")
_REMINDER = Text("Rappel de l’agenda")


@dataclass(frozen=True, slots=True)
class Note:
    """One notification."""

    title: str
    text: str
    address: str
    """The page it leads to."""
    mark: str
    """A later one of the same mark takes its place."""
    until: float = math.inf
    """What it is about is over then, and nobody need be told any more."""

    def octets(self) -> bytes:
        """As the worker reads it (`worker/push.js`)."""
        told = {"titre": self.title, "texte": self.text, "adresse": self.address, "marque": self.mark}
        return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def of_mail(arrived: Arrived, shows: str, language: LanguageCode) -> list[Note]:
    """About unread messages. Who wrote, and about what, is said only if `shows` asks for it."""
    count, lines = arrived.count, arrived.lines
    if not count:
        return []
    if shows == "rien" or not lines:
        address = f"/m/message/{lines[0].id}" if count == 1 else "/m/"
        return [Note(_counted(count).to(language), "", address, "messages")]
    return [_about(line, shows, language) for line in reversed(lines)]


def of_urgent_mail(urgent: Arrived, shows: str, language: LanguageCode) -> list[Note]:
    """About messages that are told of in spite of quiet hours: that they are, and what of others is said."""
    return [
        replace(note, text=" ".join(filter(None, (_URGENT.to(language), note.text))))
        for note in of_mail(urgent, shows, language)
    ]


def _counted(count: int) -> Text:
    if count >= MANY:
        return Text("{count} nouveaux messages ou plus", count=MANY)
    return _NEW if count == 1 else Text("{count} nouveaux messages", count=count)


def _about(line: Line, shows: str, language: LanguageCode) -> Note:
    subject = (plain(line.subject, MAX_TEXT) or _NO_SUBJECT.to(language)) if shows == "objet" else ""
    title = plain(line.sender, MAX_TITLE) or _NEW.to(language)
    return Note(title, subject, f"/m/message/{line.id}", f"message-{line.id}")


def of_reminders(rings: Sequence[Reminder], shows: str, language: LanguageCode) -> list[Note]:
    """About events and tasks, the earliest first; which they are leaves the house only with the subjects of mail."""
    if not rings:
        return []
    if shows != "objet" or len(rings) > ONE_BY_ONE:
        title = _REMINDER if len(rings) == 1 else Text("{count} rappels de l’agenda", count=len(rings))
        return [Note(title.to(language), "", "/agenda", "rappels", max(map(_over, rings)))]
    return [_ringing(one, language) for one in rings]


def _ringing(one: Reminder, language: LanguageCode) -> Note:
    event = one.event
    when = "" if event.all_day else f"{event.start:%H:%M}"
    text = ", ".join(filter(None, (when, plain(event.place, MAX_TITLE))))
    title = plain(event.title, MAX_TITLE) or _REMINDER.to(language)
    address = "/agenda/taches" if one.is_task else f"/agenda/jour/{event.start:%Y-%m-%d}"
    return Note(title, text, address, f"rappel-{event.collection_id}-{event.href}"[:MAX_TEXT], _over(one))


def _over(one: Reminder) -> float:
    """When whoever is told of it learns nothing of use any more."""
    return one.event.end.timestamp()


def plain(text: str, limit: int) -> str:
    """A stranger's words on one line, without what does not show or turns the direction of what follows."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:limit]
