"""What a rule does with a message."""

from dataclasses import dataclass

from mailserver.filters.rules.quoting import Faulty, Part, quoted, strings
from mailserver.model.account.preferences import KEYWORD
from mailserver.model.unicode import has_controls
from mailserver.texts.text import Text

MAX_FOLDER = 1000
"""Characters of the name of a mailbox."""
MAX_TAGS = 5
USES = ("\\Archive", "\\Junk", "\\Trash")
_IDENTIFIER = 60


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox: known by its object id, which survives that it is renamed, or by what it is used for."""

    name: str
    object_id: str = ""
    """RFC 8474; the name stands where there is none, and once the mailbox is gone."""
    use: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_FOLDER or has_controls(self.name):  # what a mailbox can be called, no less
            raise Faulty(Text("Ce dossier n’existe pas."))
        if self.use and (self.use not in USES or self.object_id):
            raise Faulty(Text("Ce dossier n’existe pas."))
        if len(self.object_id) > _IDENTIFIER or not (self.object_id or "F").isalnum():
            raise Faulty(Text("Ce dossier n’existe pas."))

    def script(self) -> Part:
        """Have the message filed there."""
        if self.use:
            place = f"    fileinto :specialuse {quoted(self.use)} :create {quoted(self.name)};"
            return Part((place,), frozenset(("fileinto", "mailbox", "special-use")))
        if self.object_id:
            place = f"    fileinto :mailboxid {quoted(self.object_id)} {quoted(self.name)};"
            return Part((place,), frozenset(("fileinto", "mailboxid")))
        return Part((f"    fileinto {quoted(self.name)};",), frozenset(("fileinto",)))


TRASH = Folder("Trash", use="\\Trash")
SPAM = Folder("Junk", use="\\Junk")
ARCHIVE = Folder("Archive", use="\\Archive")


@dataclass(frozen=True, slots=True)
class Actions:
    """What is done. A message that was filed is not looked at by later rules: it would be filed twice."""

    folder: Folder | None = None
    star: bool = False
    read: bool = False
    tags: tuple[str, ...] = ()
    """Their keywords."""
    stop: bool = False
    """Later rules do not see the message."""

    def __post_init__(self) -> None:
        if not (self.folder or self.star or self.read or self.tags or self.stop):
            raise Faulty(Text("Une règle fait au moins une chose."))
        if len(self.tags) > MAX_TAGS or len(set(self.tags)) != len(self.tags):
            raise Faulty(Text("Une règle pose {most} étiquettes au plus.", most=MAX_TAGS))
        if not all(KEYWORD.fullmatch(tag) for tag in self.tags):
            raise Faulty(Text("Cette étiquette n’existe pas."))

    @property
    def ends(self) -> bool:
        """No later rule sees the message."""
        return self.stop or self.folder is not None

    @property
    def flags(self) -> tuple[str, ...]:
        """Those that it sets."""
        given = [("\\Flagged", self.star), ("\\Seen", self.read)]
        return (*(flag for flag, is_set in given if is_set), *self.tags)

    def script(self) -> Part:
        """The commands."""
        lines: list[str] = []
        extensions: frozenset[str] = frozenset()
        if self.flags:
            lines.append(f"    addflag {strings(self.flags)};")
            extensions |= {"imap4flags"}
        if self.folder is not None:
            place = self.folder.script()
            lines += place.lines
            extensions |= place.extensions
        if self.ends:
            lines.append("    stop;")
        return Part(tuple(lines), extensions)
