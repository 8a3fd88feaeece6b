"""What a person chose for the web interface: one frozen value, kept as bounded JSON with a version.

A field is added here with its default and what it may be; nothing else changes: the database keeps the text, old texts
lack the field and get the default, a value that is none (an older version's, a forged form's) is the default, too.
Pages read `Visit.preferences.theme`; they save with `store.account.stored_preferences.revise_preferences`, which
replaces the fields of one section and leaves the others as another tab has just saved them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from mailserver.model.account.quiet_hours import FIRST_HOURS, LAST_HOURS, USUAL_FIRST, USUAL_LAST, Hours
from mailserver.model.errors import Reason, Refused
from mailserver.texts.languages import LANGUAGES, LanguageCode

VERSION = 1
MAX_LETTERS = 32 * 1024
"""Characters of the whole of what one person chose, as JSON."""
NOTED = ("spoken", "charter", "recent_folders")
"""What is kept without having been asked for, in `NOTED_LETTERS` beyond those: a login never fails for it."""
NOTED_LETTERS = 1024
MAX_TAGS = 40
MAX_TAG_NAME = 40
MAX_COLOURS = 300
MAX_CLASSES = 60
MAX_CLASS_NAME = 20
MAX_FOLDED = 300
MAX_RECENT_FOLDERS = 5
MAX_SIGNATURE = 2000
NEVER = -1
SPELLING = ("fr", "en", "de", "es", "it", "pt", "ar")
"""Languages that messages are written in: those that are taught, and of many families."""
TAG_COLOURS = ("rouge", "orange", "jaune", "vert", "turquoise", "bleu", "violet", "rose", "brun", "gris")
"""Colours by name: style sheets say what they look like, in light and in dark."""
AGENDA_COLOURS = ("bleu", "vert", "violet", "brun", "rouge", "sarcelle", "rose", "gris")
NO_COLOUR = "agenda"
"""A class of this colour has that of its agenda."""

KEYWORD = re.compile(r"[$A-Za-z0-9_][A-Za-z0-9_$.-]{0,59}")
"""A keyword as IMAP (RFC 9051 section 9, atom) and every other program take it."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A label for messages: an IMAP keyword, and what people see."""

    keyword: str
    name: str
    """Empty: the usual name of one of `USUAL_TAGS`, in the reader's language."""
    colour: str


USUAL_TAGS = (
    Tag("$label1", "", "rouge"),
    Tag("$label2", "", "orange"),
    Tag("$label3", "", "vert"),
    Tag("$label4", "", "bleu"),
    Tag("$label5", "", "violet"),
)
"""Those of Thunderbird: important, work, personal, to do, later. What is marked there shows here."""


def _one_of(default: Any, *others: Any) -> Any:
    """A field that takes one of some values; the first is the default."""
    return field(default=default, metadata={"values": (default, *others)})


def _flag(default: bool) -> Any:
    return _one_of(default, not default)


def _text(limit: int) -> Any:
    return field(default="", metadata={"limit": limit})


def _numbers(limit: int) -> Any:
    """A field that takes ids, each once."""
    return field(default=(), metadata={"numbers": limit})


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose on the settings page, section by section."""

    # Display
    language: str = _one_of("", "fr", "en")
    """Empty: the browser's."""
    interface: str = _one_of("simple", "complet")
    page_size: int = _one_of(50, 25, 100)
    text_size: str = _one_of("normal", "grand", "tres-grand")
    theme: str = _one_of("auto", "clair", "sombre")
    """`auto`: as the device is set."""
    density: str = _one_of("auto", "confort", "normale", "compacte")
    """Lines of an item of the list: 3 or 2 by the height of the window, 3, 2 or 1."""
    layout: str = _one_of("droite", "bas", "liste")
    """Where the complete interface shows a message: right of the list, below it, or in its place."""
    sort: str = _one_of("date", "de", "objet", "taille")
    """What a list is ordered by when its address does not say."""
    ascending: bool = _flag(False)

    named_icons: bool = _flag(False)
    """The icons above a message have their names beside them."""
    swipe: str = _one_of("supprimer", "lu", "rien")
    """What a list on a phone does with a message that is pushed to the right."""

    # Accessibility
    contrast: bool = _flag(False)
    """Stronger contrast than the theme's."""
    calm: bool = _flag(False)
    """No movement, whatever the device says."""
    underlined: bool = _flag(False)
    """Links underlined everywhere."""
    shortcuts: bool = _flag(True)
    """Keys of one letter act (WCAG 2.1.4: they can be turned off)."""

    # Reading
    formatted: bool = _flag(False)
    """Show the formatted version of a message first."""
    paper: str = _one_of("blanc", "sombre")
    """In dark colours, formatted messages lie on white paper, or are turned dark."""
    mark_read: int = _one_of(0, 3, 10, NEVER)
    """Seconds after which an open message counts as read; -1: never by itself."""
    images: str = _one_of("demander", "internes", "toujours")
    """Pictures from elsewhere: ask, show those of senders within the academy, show all."""
    receipts: str = _one_of("demander", "toujours", "jamais")
    """Read receipts that senders ask for."""
    conversations: bool = _flag(True)
    """Messages of one conversation are one item of the list and one page."""
    newest_first: bool = _flag(True)
    """Order of the messages within a conversation."""
    offer_rules: bool = _flag(True)
    """Ask, when a message was filed by hand, whether the sender's next ones are to be filed so."""
    after_action: str = _one_of("suivant", "precedent", "liste")
    """What is shown once the message that is read has been put away: the next one, the one before, or the list."""

    # Composing
    answer_below: bool = _flag(False)
    """The answer goes below the quoted text."""
    signature: str = _text(MAX_SIGNATURE)
    composing: str = _one_of("", "forme", "texte")
    """New messages begin formatted or plain; empty: as the academy has it (`[web] formatted`)."""
    spelling: str = _one_of("", *SPELLING)
    """The language that a browser checks new messages in; empty: the interface's."""
    panel: bool = _flag(True)
    """The complete interface opens letters over the page, where the window is wide enough."""
    undo_send: int = _one_of(10, 0, 5, 20, 30)
    """Seconds for which sending can be taken back."""

    # Notifications
    announce: bool = _flag(True)
    """New messages are said on the page and in its title."""
    desktop: bool = _flag(False)
    """They are also shown by the device, where the browser was allowed to."""
    desktop_shows: str = _one_of("objet", "expediteur", "nombre")
    """What a notification of the device says: sender and subject, sender, or how many came."""
    sound: bool = _flag(False)
    """With the device's own sound."""

    push_shows: str = _one_of("rien", "expediteur", "objet")
    """What a notification of a closed browser says: that there is something, who wrote, also about what."""
    push_reminders: bool = _flag(True)
    """They are told of the agenda's reminders, too."""
    quiet_from: int = _one_of(USUAL_FIRST, *FIRST_HOURS, NEVER)
    """The hour from which nobody is told of new messages, at no device; -1: at no hour."""
    quiet_to: int = _one_of(USUAL_LAST, *LAST_HOURS)
    quiet_weekends: bool = _flag(True)
    """Nothing on Saturdays and Sundays."""
    quiet_holidays: bool = _flag(False)
    """Nothing in the school holidays of `school_zone`, or of the academy's zone."""
    quiet_own: bool = _flag(False)
    """These are one's own choice even where they are the usual ones; else those of the school or academy hold."""

    # Agenda
    day_begins: int = _one_of(8, 6, 7, 9, 10)
    """First hour that a week shows without scrolling."""
    week_begins: int = _one_of(0, 6)
    """Monday (0) or Sunday (6), as `datetime.weekday` counts."""
    weekends: bool = _flag(False)
    agenda_view: str = _one_of("semaine", "jour", "mois", "liste")
    day_ends: int = _one_of(18, 16, 17, 19, 20, 22)
    """End of the working hours."""
    school_zone: str = _text(20)
    """Whose school holidays are shown, a name of `mailserver.calendars.school.school_holidays`; empty: none."""
    week_a: int = _one_of(0, 1, 2)
    """Weeks of odd (1) or even (2) number are A, the others B; 0: weeks do not alternate."""
    hidden_agendas: str = _text(6000)
    """Ids of the collections that are not shown, separated by commas."""

    class_colours: tuple[tuple[str, str], ...] = ()
    """Names of school classes with the colour that was chosen for each; others have one by themselves."""
    reminder: int = _one_of(NEVER, 0, 5, 10, 15, 30, 60, 1440)
    """Minutes before a new event at which one is reminded; -1: not."""

    # Language and zone
    zone: str = _text(64)
    """IANA name of the time zone; empty: the academy's."""
    spoken: str = _one_of("", "fr", "en")
    """The language of the pages at the last login: mail is written in it while none was chosen."""

    # Search
    remember_searches: bool = _flag(True)
    """The last searches are kept and offered again."""

    # Tags
    tags: tuple[Tag, ...] = USUAL_TAGS

    charter: str = _text(64)
    """Digest of the charter that was accepted."""

    # Folders
    colours: tuple[tuple[int, str], ...] = ()
    """Mailbox ids with the name of a colour each."""
    folded: tuple[int, ...] = _numbers(MAX_FOLDED)
    """Ids of the mailboxes below which the column of folders shows nothing."""
    recent_folders: tuple[int, ...] = _numbers(MAX_RECENT_FOLDERS)
    """Ids of the mailboxes that messages were moved to last, the latest first."""

    @property
    def reads(self) -> LanguageCode | None:
        """The language to write to the person in; None: nobody knows."""
        wanted = self.language or self.spoken
        return next((code for code in LANGUAGES if code == wanted), None)

    @property
    def quiet(self) -> Hours | None:
        """The quiet hours that the person chose; None: they chose none."""
        hours = Hours(self.quiet_from, self.quiet_to, self.quiet_weekends, self.quiet_holidays)
        return hours if self.quiet_own or hours != Hours() else None

    def colour(self, mailbox_id: int) -> str:
        """The colour of a folder, empty when none was chosen."""
        return dict(self.colours).get(mailbox_id, "")

    def tag(self, keyword: str) -> Tag | None:
        """The tag of a keyword, whatever its case (RFC 9051 section 2.3.2)."""
        wanted = keyword.casefold()
        return next((tag for tag in self.tags if tag.keyword.casefold() == wanted), None)


_FIELDS = {one.name: one for one in fields(Preferences)}
_IDS = {name for name, one in _FIELDS.items() if "numbers" in one.metadata}


def revise(before: Preferences, changes: Mapping[str, object]) -> Preferences:
    """The same with these fields; a value that is none leaves the field as it was. Raises KeyError: no such field."""
    valid: dict[str, Any] = {name: value for name, value in changes.items() if _is_value(name, value)}
    return replace(before, **valid)


def _is_value(name: str, value: object) -> bool:
    one = _FIELDS[name]
    if name == "tags":
        return isinstance(value, tuple) and are_tags(value)
    if name == "colours":
        return isinstance(value, tuple) and are_colours(value)
    if name == "class_colours":
        return isinstance(value, tuple) and are_class_colours(value)
    if limit := one.metadata.get("numbers"):
        return isinstance(value, tuple) and are_ids(value, limit)
    if values := one.metadata.get("values"):
        return any(value == choice and type(value) is type(choice) for choice in values)
    return isinstance(value, str) and len(value) <= one.metadata["limit"]


def are_tags(tags: tuple[object, ...]) -> bool:
    """True for tags that can be kept together: valid, of different keywords, not too many."""
    valid = [tag for tag in tags if isinstance(tag, Tag) and _is_tag(tag)]
    return len(valid) == len(tags) <= MAX_TAGS and len({tag.keyword.casefold() for tag in valid}) == len(valid)


def are_colours(colours: tuple[object, ...]) -> bool:
    """True for pairs of a mailbox id and a colour, not too many."""
    return len(colours) <= MAX_COLOURS and all(_is_colour(colour) for colour in colours)


def are_class_colours(colours: tuple[object, ...]) -> bool:
    """True for pairs of a class's name and a colour, not too many."""
    return len(colours) <= MAX_CLASSES and all(_is_class_colour(colour) for colour in colours)


def _is_class_colour(pair: object) -> bool:
    match pair:
        case (str(name), str(colour)):
            return 0 < len(name) <= MAX_CLASS_NAME and name.isprintable() and colour in (*AGENDA_COLOURS, NO_COLOUR)
    return False


def are_ids(ids: tuple[object, ...], limit: int) -> bool:
    """True for ids of rows, each once, not too many."""
    numbers = [number for number in ids if type(number) is int and number > 0]
    return len(ids) == len(numbers) == len(set(numbers)) <= limit


def _is_colour(pair: object) -> bool:
    match pair:
        case (int(number), str(colour)):
            return number > 0 and colour in TAG_COLOURS
    return False


def _is_tag(tag: Tag) -> bool:
    named = bool(tag.name.strip()) or any(tag.keyword == usual.keyword for usual in USUAL_TAGS)
    good_name = len(tag.name) <= MAX_TAG_NAME and (not tag.name or tag.name.isprintable())
    return bool(KEYWORD.fullmatch(tag.keyword)) and named and good_name and tag.colour in TAG_COLOURS


def write(chosen: Preferences) -> str:
    """As JSON: the version, and what differs from the defaults. Raises Refused(TOO_BIG): it could not be read again."""
    plain = Preferences()
    kept: dict[str, object] = {
        name: value for name, value in asdict(chosen).items() if getattr(chosen, name) != getattr(plain, name)
    }
    asked_for = {name: value for name, value in kept.items() if name not in NOTED}
    if len(_json(asked_for)) > MAX_LETTERS:
        raise Refused(Reason.TOO_BIG, "Too much is chosen for these settings")
    return _json(kept)


def _json(kept: Mapping[str, object]) -> str:
    return json.dumps({"version": VERSION, **kept}, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Preferences:
    """From JSON. Never raises: what cannot be understood is left at its default."""
    try:
        kept = json.loads(text) if len(text) <= MAX_LETTERS + NOTED_LETTERS else None
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        return Preferences()
    known = {name: value for name, value in kept.items() if name in _FIELDS}
    if kept.get("rich") is True:  # until 0.6: formatted, by one's own choice
        known.setdefault("composing", "forme")
    if "tags" in known:
        known["tags"] = _tags(known["tags"])
    for pairs in ("colours", "class_colours"):
        if isinstance(known.get(pairs), list):
            known[pairs] = tuple(tuple(pair) if isinstance(pair, list) else pair for pair in known[pairs])
    known |= {name: tuple(ids) for name, ids in known.items() if name in _IDS and isinstance(ids, list)}
    return revise(Preferences(), known)


def _tags(kept: object) -> tuple[Tag, ...] | None:
    try:
        return tuple(Tag(str(tag["keyword"]), str(tag["name"]), str(tag["colour"])) for tag in list(kept))  # type: ignore[call-overload]
    except (TypeError, KeyError):
        return None
