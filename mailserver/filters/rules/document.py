"""All that one account has said about its mail, and the Sieve script that does it.

A script of ours begins with a mark, its version, and the document as a value; what follows is made of it, and of
nothing else. So a script is ours only when the document makes exactly the same octets again: one that somebody changed
elsewhere is theirs from then on, and no document can hide what a script does.
"""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from mailserver.filters.rules.absence import Absence
from mailserver.filters.rules.actions import Actions
from mailserver.filters.rules.conditions import Condition, Field
from mailserver.filters.rules.forward import Forward
from mailserver.filters.rules.quoting import DOLLAR, Faulty, Part, quoted
from mailserver.filters.rules.senders import NOBODY, Blocked, normal
from mailserver.filters.sieve import LIMITS, Ahead
from mailserver.model.account.script_names import is_script_name
from mailserver.texts.text import Text

MAX_RULES = 100
MAX_CONDITIONS = 10
JUNK = Part(
    ('if spamtest :comparator "i;ascii-numeric" :value "ge" "6" {', "    stop;", "}"),
    frozenset(("spamtest", "relational", "comparator-i;ascii-numeric")),
)
"""RFC 5235 section 2.1: what was judged to be junk."""
MARK = "# mailserver rules 1"
"""The number is another one once the same document makes another script."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence: when, and what then."""

    conditions: tuple[Condition, ...]
    actions: Actions
    any: bool = False
    """One condition is enough."""
    off: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.conditions) <= MAX_CONDITIONS:
            raise Faulty(Text("Une règle a de 1 à {most} conditions.", most=MAX_CONDITIONS))

    def script(self) -> Part:
        """The commands, whether it is off or not."""
        tests = [one.script() for one in self.conditions]
        actions = self.actions.script()
        extensions = actions.extensions.union(*(one.extensions for one in tests))
        lines = [line for one in tests for line in one.lines]
        if len(lines) > 1:
            every = "anyof" if self.any else "allof"
            inner = ",\n    ".join(lines)
            return Part((f"if {every} (\n    {inner}\n) {{", *actions.lines, "}"), extensions)
        return Part((f"if {lines[0]} {{", *actions.lines, "}"), extensions)


@dataclass(frozen=True, slots=True)
class Document:
    """What one account has said."""

    blocked: Blocked = NOBODY
    rules: tuple[Rule, ...] = ()
    """In their order; the first that files a message is the last that sees it."""
    beside: str = ""
    """A script of the account's own that is run for what no rule has ended; empty: none."""
    absence: Absence | None = None
    forward: Forward | None = None

    def __post_init__(self) -> None:
        if len(self.rules) > MAX_RULES:
            raise Faulty(Text("Vous avez déjà {most} règles.", most=MAX_RULES))
        if self.beside and not is_script_name(self.beside):
            raise Faulty(Text("Ce script n’existe pas."))

    @property
    def ahead(self) -> Ahead:
        """What it keeps for itself before the script of the account's own."""
        absence = self.absence
        return Ahead() if absence is None or absence.off else Ahead(absence.first, absence.last)

    def parts(self) -> list[Part]:
        """What the script does, in its order."""
        # A rule that files a message ends the script: an answer and a copy do not depend on where it is filed.
        found = [self.forward.script()] if self.forward is not None else []
        found += [self.absence.script()] if self.absence is not None else []
        found += [rule.script() for rule in self.rules if not rule.off]
        if self.beside:
            # Optional: one that somebody deletes elsewhere must not stop the rules.
            found.append(Part((f"include :personal :optional {quoted(self.beside)};",), frozenset(("include",))))
        found = [part for part in found if part.lines]
        blocked = self.blocked.script()
        # Who is blocked is in Spam for that reason; other junk stays there, whatever the rules say of its author.
        return [part for part in (blocked, JUNK if found else Part(()), *found) if part.lines]


def names_sender(document: Document, sender: str) -> bool:
    """Whether a rule or the list of the blocked says something of this very address already."""
    conditions = [one for rule in document.rules for one in rule.conditions if one.field is Field.SENDER]
    named = {value for one in conditions if one.is_addresses for value in one.values}
    return sender in named or sender in document.blocked.senders


def offered_sender(address: str) -> str:
    """A sender's address as a rule would name it; empty for one that no rule can name."""
    try:
        return normal(address)
    except Faulty:
        return ""


_DOLLAR = Part(('set "dollar" "$";',), frozenset(("variables",)))
_ADAPTER = TypeAdapter(Document)


_SINCE = {"absence": {"return_day", "subject_line"}}
"""Values that documents have not had from the beginning."""


def written(document: Document) -> bytes:
    """The script of a document."""
    return _written(document, _ADAPTER.dump_json(document, exclude_defaults=True).decode())


def _written(document: Document, value: str) -> bytes:
    parts = document.parts()
    if any(DOLLAR in line for part in parts for line in part.lines):
        parts.insert(0, _DOLLAR)
    extensions = sorted(frozenset[str]().union(*(part.extensions for part in parts)))
    lines = [MARK, f"# {value}"]
    if extensions:
        lines.append(f"require [{', '.join(map(quoted, extensions))}];")
    lines += [line for part in parts for line in part.lines]
    return "".join(f"{line}\n" for line in lines).replace("\n", "\r\n").encode()


def read(source: bytes) -> Document | None:
    """The document of a script; None: the script is not ours, or not any more."""
    head = f"{MARK}\r\n# ".encode()
    if not source.startswith(head) or len(source) > LIMITS.script:
        return None
    value = source[len(head) :].partition(b"\r\n")[0]
    try:
        document = _ADAPTER.validate_json(value)
    except ValidationError:
        return None
    if written(document) == source:
        return document
    before = _ADAPTER.dump_json(document, exclude_defaults=True, exclude=_SINCE).decode()
    return document if _written(document, before) == source else None
