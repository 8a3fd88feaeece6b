"""Agendas of the demo: lessons every week of the school year, meetings, holidays, things to do."""

import datetime
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import icalendar

from mailserver.demo.moments import Calendar, Day

C = TypeVar("C", bound=icalendar.Component)

LESSON = 55
"""Minutes."""
ZONE = """BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
"""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Every week at the same hour; weekday 0 is Monday."""

    weekday: int
    clock: str
    subject: str
    teacher: str
    group: str
    room: str


@dataclass(frozen=True, slots=True)
class Meeting:
    """Once: so many school days ago (negative: from now); or every week of the year on that weekday."""

    days: int
    clock: str
    minutes: int
    title: str
    place: str = ""
    note: str = ""
    weekly: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do, due so many school days ago (negative: from now); done or not."""

    title: str
    days: int
    done: bool = False
    priority: int = 0
    note: str = ""


LESSONS = (
    Lesson(0, "08:10", "Français", "sbernard", "4e B", "B11"),
    Lesson(0, "09:05", "Mathématiques", "mmartin", "4e B", "B12"),
    Lesson(0, "10:20", "Anglais", "edupont", "4e B", "B07"),
    Lesson(0, "13:30", "Histoire-géographie", "khaddad", "4e B", "B12"),
    Lesson(0, "14:25", "EPS", "jpetit", "4e B", "Gymnase"),
    Lesson(1, "08:10", "SVT", "cmoreau", "4e B", "Labo 1"),
    Lesson(1, "09:05", "Mathématiques", "mmartin", "4e B", "B12"),
    Lesson(1, "10:20", "Français", "sbernard", "4e B", "B11"),
    Lesson(1, "11:15", "Défi lecture", "sbernard", "4e B", "CDI"),
    Lesson(2, "08:10", "Anglais", "edupont", "4e B", "B07"),
    Lesson(2, "09:05", "Histoire-géographie", "khaddad", "4e B", "B12"),
    Lesson(2, "10:20", "Français", "sbernard", "4e B", "B11"),
    Lesson(3, "09:05", "Mathématiques", "mmartin", "4e B", "B12"),
    Lesson(3, "10:20", "Anglais", "edupont", "4e B", "B07"),
    Lesson(3, "14:25", "EPS", "jpetit", "4e B", "Gymnase"),
    Lesson(4, "08:10", "Français", "sbernard", "4e B", "B11"),
    Lesson(4, "09:05", "Mathématiques", "mmartin", "4e B", "B12"),
    Lesson(4, "10:20", "SVT", "cmoreau", "4e B", "Labo 1"),
    Lesson(0, "08:10", "Anglais", "edupont", "6e A", "B07"),
    Lesson(0, "14:25", "Anglais", "edupont", "3e C", "B07"),
    Lesson(1, "09:05", "Anglais", "edupont", "5e D", "B07"),
    Lesson(1, "10:20", "Anglais", "edupont", "6e A", "B07"),
    Lesson(2, "10:20", "Anglais", "edupont", "3e C", "B07"),
    Lesson(3, "13:30", "Anglais", "edupont", "5e D", "B07"),
    Lesson(4, "10:20", "Anglais", "edupont", "6e A", "B07"),
    Lesson(4, "11:15", "Anglais", "edupont", "3e C", "B07"),
    Lesson(0, "10:20", "Mathématiques", "mmartin", "3e A", "B12"),
    Lesson(1, "13:30", "Mathématiques", "mmartin", "3e A", "B12"),
    Lesson(2, "08:10", "Mathématiques", "mmartin", "5e B", "B12"),
    Lesson(3, "10:20", "Mathématiques", "mmartin", "5e B", "B12"),
    Lesson(4, "10:20", "Mathématiques", "mmartin", "3e A", "B12"),
    Lesson(4, "13:30", "Mathématiques", "mmartin", "5e B", "B12"),
)

_COUNCIL = Meeting(-4, "17:15", 60, "Conseil de classe de 4e B", "Salle B12", "Présidence : Mme Lambert.")
_PEDAGOGY = Meeting(-2, "17:00", 90, "Conseil pédagogique", "Salle polyvalente")

MEETINGS: dict[str, tuple[Meeting, ...]] = {
    "edupont": (
        _COUNCIL,
        _PEDAGOGY,
        Meeting(-3, "17:00", 15, "Rendez-vous avec Mme Benali", "Salle B07", "Voyage, fonds social."),
        Meeting(-6, "13:00", 60, "Réunion d'information voyage en Angleterre", "Salle polyvalente"),
        Meeting(11, "13:10", 20, "Point 4e B", "Salle B12"),
        Meeting(-1, "18:30", 90, "Chorale", "Conservatoire", weekly=True),
    ),
    "mmartin": (
        _COUNCIL,
        _PEDAGOGY,
        Meeting(9, "18:30", 20, "Appeler Mme Mercier"),
        Meeting(11, "13:10", 20, "Point 4e B", "Salle B12"),
        Meeting(-5, "12:30", 45, "Équipe de mathématiques : sujet du brevet blanc", "Salle des professeurs"),
        Meeting(-2, "12:15", 45, "Club jeux et logique", "CDI", weekly=True),
    ),
    "skaci": (
        Meeting(-2, "13:00", 60, "Exposé d'histoire avec Inès et Lucas", "CDI"),
        Meeting(-3, "13:30", 150, "Tournoi de badminton", "Gymnase"),
        Meeting(-8, "14:00", 120, "Sortie au théâtre : Le Malade imaginaire", "Théâtre de la Source"),
        Meeting(-1, "17:30", 60, "Cours de guitare", "Maison des jeunes", weekly=True),
    ),
    "rleroy": (
        Meeting(-5, "18:00", 180, "Conseil d'administration", "Salle polyvalente", "Quorum : 13."),
        _COUNCIL,
        Meeting(-2, "08:00", 120, "Livraison de papier", "Cour de service"),
        Meeting(-1, "08:30", 45, "Point avec la direction", "Bureau de Mme Lambert", weekly=True),
        Meeting(-9, "09:00", 180, "Réunion des secrétariats", "Rectorat"),
    ),
    "admin": (
        Meeting(-1, "09:30", 45, "Réunion d'exploitation", "Salle Turing", weekly=True),
        Meeting(-7, "14:00", 120, "Comité de sécurité", "Rectorat, salle 210"),
        Meeting(9, "08:00", 30, "Retour sur l'incident de file d'attente", "Visio"),
    ),
}

TASKS: dict[str, tuple[Task, ...]] = {
    "edupont": (
        Task("Corriger les copies de 3e C", -2, priority=1),
        Task(
            "Page de présentation pour le conseil d'administration", -4, note="Objectifs, budget, familles, calendrier."
        ),
        Task("Réclamer les fiches sanitaires du voyage", -15),
        Task("Rendre les livres au CDI", -1),
        Task("Réserver les places du bus pour le théâtre", 3, done=True),
    ),
    "mmartin": (
        Task("Appréciations générales de 4e B", -1, priority=1),
        Task("Barème du brevet blanc", 3, done=True),
        Task("Rappeler l'informatique pour le vidéoprojecteur de la B12", -1),
    ),
    "skaci": (
        Task("DM n° 4 de maths", -3, priority=1),
        Task("Apprendre le vocabulaire de l'unité 3", -2),
        Task("Autorisation pour le théâtre à faire signer", -4),
        Task("Trouver une carte pour l'exposé", 1, done=True),
    ),
    "rleroy": (
        Task("Certificat de scolarité de Sofia Kaci", -1, priority=1),
        Task("Afficher le procès-verbal du conseil d'administration", -1),
        Task("Relancer le réparateur du photocopieur", -2),
        Task("Envoyer les convocations aux délégués de parents", 8, done=True),
    ),
    "admin": (
        Task("Renouveler le certificat de la messagerie", -12),
        Task("Répondre à Mme Faure", -1, priority=1),
        Task("Clore les comptes des départs de septembre", -6),
    ),
}


class Timetable:
    """Writes the agendas of one school year as iCalendar objects."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._stamp = datetime.datetime.fromtimestamp(calendar.now, datetime.UTC)

    def events(self, login: str) -> Iterator[str]:
        """Lessons and meetings of a person."""
        group = "4e B" if login == "skaci" else ""
        for lesson in LESSONS:
            if lesson.group == group or lesson.teacher == login:
                yield self._lesson(lesson, login)
        for meeting in MEETINGS.get(login, ()):
            yield self._meeting(meeting, login)
        if login in ("edupont", "mmartin"):
            yield self._journey()
        if login == "admin":
            yield self._updates()

    def holidays(self) -> Iterator[str]:
        """The school's holidays, as days that do not make anybody busy."""
        for name, start, end in self._calendar.holidays():
            event = self._event(f"vacances-{name}", name)
            event.add("dtstart", start)
            event.add("dtend", end)
            event.add("transp", "TRANSPARENT")
            yield _whole(event)

    def tasks(self, login: str) -> Iterator[str]:
        """What a person has to do."""
        for task in TASKS.get(login, ()):
            todo = self._component(icalendar.Todo(), f"tache-{login}-{task.title}", task.title)
            todo.add("due", self._calendar.school_day(task.days))
            if task.note:
                todo.add("description", task.note)
            if task.priority:
                todo.add("priority", task.priority)
            if task.done:
                todo.add("status", "COMPLETED")
                todo.add("completed", self._stamp - datetime.timedelta(days=task.days))
                todo.add("percent-complete", 100)
            else:
                todo.add("status", "NEEDS-ACTION")
            yield _whole(todo)

    def _lesson(self, lesson: Lesson, login: str) -> str:
        day = self._first(lesson.weekday)
        title = f"{lesson.subject} {lesson.group}" if login == lesson.teacher else lesson.subject
        event = self._event(f"cours-{login}-{lesson.weekday}-{lesson.clock}-{lesson.group}", title)
        self._add_time(event, day, lesson.clock, LESSON)
        self._add_weekly(event, day, lesson.clock)
        event.add("location", lesson.room)
        event.add("categories", ["Cours"])
        return _whole(event)

    def _meeting(self, meeting: Meeting, login: str) -> str:
        day = self._calendar.school_day(meeting.days)
        if meeting.weekly:
            day = self._first(day.weekday())
        event = self._event(f"reunion-{login}-{meeting.title}", meeting.title)
        self._add_time(event, day, meeting.clock, meeting.minutes)
        if meeting.weekly:
            self._add_weekly(event, day, meeting.clock)
        if meeting.place:
            event.add("location", meeting.place)
        if meeting.note:
            event.add("description", meeting.note)
        if not meeting.weekly and meeting.days < 0:
            alarm = icalendar.Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", meeting.title)
            alarm.add("trigger", datetime.timedelta(minutes=-15))
            event.add_component(alarm)
        return _whole(event)

    def _journey(self) -> str:
        """The school trip: five days in May, all day."""
        start = Day(self._calendar.first_year + 1, 5, 17)
        start -= datetime.timedelta(days=start.weekday())
        event = self._event("voyage-kent", "Voyage en Angleterre (4e)")
        event.add("dtstart", start)
        event.add("dtend", start + datetime.timedelta(days=5))
        event.add("location", "Kent")
        event.add("status", "TENTATIVE")
        return _whole(event)

    def _updates(self) -> str:
        """Updates, the second Tuesday of each month."""
        first = self._calendar.term()[0].replace(day=8)
        day = first + datetime.timedelta(days=(1 - first.weekday()) % 7)
        event = self._event("mises-a-jour", "Mises à jour mensuelles")
        self._add_time(event, day, "19:00", 120)
        event.add("rrule", {"FREQ": "MONTHLY", "BYDAY": "2TU"})
        return _whole(event)

    def _event(self, name: str, title: str) -> icalendar.Event:
        return self._component(icalendar.Event(), name, title)

    def _component(self, component: C, name: str, title: str) -> C:
        component.add("uid", hashlib.blake2b(name.encode(), digest_size=12).hexdigest())
        component.add("dtstamp", self._stamp)
        component.add("summary", title)
        return component

    def _add_time(self, event: icalendar.Event, day: Day, clock: str, minutes: int) -> None:
        start = self._at(day, clock)
        event.add("dtstart", start)
        event.add("dtend", start + datetime.timedelta(minutes=minutes))

    def _first(self, weekday: int) -> Day:
        """The school year's first day of this weekday."""
        first = self._calendar.term()[0]
        return first + datetime.timedelta(days=(weekday - first.weekday()) % 7)

    def _add_weekly(self, event: icalendar.Event, first: Day, clock: str) -> None:
        """Every week until the end of the school year, holidays left out."""
        last = self._calendar.term()[1]
        until = self._at(last, "23:00").astimezone(datetime.UTC)
        event.add("rrule", {"FREQ": "WEEKLY", "UNTIL": until})
        day, free = first, []
        while day <= last:
            if self._calendar.free(day):
                free.append(self._at(day, clock))
            day += datetime.timedelta(days=7)
        if free:
            event.add("exdate", free)

    def _at(self, day: Day, clock: str) -> datetime.datetime:
        hour, minute = (int(part) for part in clock.split(":"))
        return datetime.datetime.combine(day, datetime.time(hour, minute), self._calendar.zone)


def _whole(component: icalendar.Component) -> str:
    """A calendar object with the one component, and its zone when it has times."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Messagerie académique//Académie de démonstration//FR")
    calendar.add("version", "2.0")
    if b"TZID=Europe/Paris" in component.to_ical():
        calendar.add_component(icalendar.Timezone.from_ical(ZONE))
    calendar.add_component(component)
    octets: bytes = calendar.to_ical()
    return octets.decode()
