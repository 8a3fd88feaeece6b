"""What becomes of the message: `keep`, `fileinto`, `redirect`, `discard` (RFC 5228 section 4), `reject` and `ereject`
(RFC 5429), with `:copy` (RFC 3894), `:create` (RFC 5490), `:specialuse` (RFC 8579) and `:mailboxid` (RFC 9042)."""

import re

from mailserver.filters.sieve.commands.flags import FLAGS_TAG, flags_of
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.interface import FileInto, Redirect, Reject
from mailserver.filters.sieve.machine import Machine, Phrase, Step
from mailserver.filters.sieve.script import ANYWHERE
from mailserver.model import address
from mailserver.model.errors import BadSyntax
from mailserver.model.unicode import has_controls
from mailserver.texts.text import Text

COPY = Tag("copy", extension="copy")
CREATE = Tag("create", extension="mailbox")
SPECIAL_USE = Tag("specialuse", Kind.STRING, extension="special-use", group="place")
MAILBOX_ID = Tag("mailboxid", Kind.STRING, extension="mailboxid", group="place")
MAX_MAILBOX = 1000
"""Characters of the name of a mailbox."""

_COMMENT = r"\([^()\\]*+\)"
_GAP = rf"(?:\s|{_COMMENT})*+"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_ATOM = r'[^\s"(),:;<>@\[\]\\]++'
_SPEC = rf"({_QUOTED}|{_ATOM}){_GAP}@{_GAP}({_ATOM}|\[[^\]\\\s]*+\])"
_ADDRESS = re.compile(rf"{_GAP}(?:{_SPEC}|(?:{_QUOTED}|{_ATOM}|\s|{_COMMENT})*+<{_GAP}{_SPEC}{_GAP}>){_GAP}", re.DOTALL)
"""`addr-spec`, or a phrase and one in angle brackets; phrases may have dots, as people write them."""


def mailbox_name(compiler: Compiler, words: Words) -> Phrase:
    """The name of a mailbox; a constant one is checked at once. Raises Fault."""
    made = compiler.string(words)
    if not isinstance(made, str):
        return made
    if not is_mailbox(made):
        raise Fault(words.at, Text("« {name} » n’est pas le nom d’un dossier.", name=made[:60]))
    compiler.asks.add(made)
    return lambda machine: made


def is_mailbox(name: str) -> bool:
    """Whether a mailbox could have this name; whether it exists is for the host to say."""
    return 0 < len(name) <= MAX_MAILBOX and not has_controls(name)


def special_use(compiler: Compiler, call: Call) -> Phrase:
    """The flag that `:specialuse` names; empty without it, or where a variable names none. Raises Fault."""
    words = call.tag_words("specialuse")
    made = compiler.string(words) if words is not None else ""
    if isinstance(made, str):
        if words is not None:
            check_use(made, words.at)
        return lambda machine: made
    return lambda machine: flag if is_use(flag := made(machine)) else ""


def is_use(flag: str) -> bool:
    """Whether a text can be a special-use flag (RFC 6154 section 6)."""
    return flag.startswith("\\") and flag[1:].isascii() and flag[1:].isalnum() and len(flag) < 60


def check_use(flag: str, at: int) -> None:
    """Raises Fault for a text that can be none."""
    if not is_use(flag):
        raise Fault(at, Text("« {name} » n’est pas un usage particulier de dossier.", name=flag[:60]))


def _keep(compiler: Compiler, call: Call) -> Step:
    flags = flags_of(compiler, call)
    return lambda machine: machine.effects.keep(flags(machine), machine.message.state)


def _fileinto(compiler: Compiler, call: Call) -> Step:
    name = mailbox_name(compiler, call.words(0))
    flags = flags_of(compiler, call)
    copy, create = call.has("copy"), call.has("create")
    use_of = special_use(compiler, call)
    words = call.tag_words("mailboxid")
    by_id = compiler.constant(words, ":mailboxid") if words is not None else ""

    def step(machine: Machine) -> None:
        mailbox, use = name(machine), use_of(machine)
        if not is_mailbox(mailbox):
            raise RunError(Text("« {name} » n’est pas le nom d’un dossier.", name=mailbox[:60]))
        if mailbox.upper() == "INBOX" and not use and not by_id:
            machine.effects.inbox(flags(machine), machine.message.state, copy=copy)
        else:
            filed = FileInto(mailbox, flags(machine), create, use, by_id, machine.message.state)
            machine.effects.file(filed, copy=copy)

    return step


def _redirect(compiler: Compiler, call: Call) -> Step:
    words = call.words(0)
    copy = call.has("copy")
    made = compiler.string(words)
    if call.has("list"):
        # Its members are chosen, and changed, where no script is: a list's name says nothing of where mail goes.
        compiler.targets.add(ANYWHERE)
        name = compiler.phrase(words)
        return lambda machine: machine.effects.redirect(Redirect("", copy, name(machine), machine.message.sent))
    if isinstance(made, str):
        target = checked_address(made)
        if target is None:
            raise Fault(words.at, Text("« {name} » n’est pas une adresse.", name=made[:60]))
        compiler.targets.add(target)
        return lambda machine: machine.effects.redirect(Redirect(target, copy, edited=machine.message.sent))
    compiler.targets.add(ANYWHERE)
    return lambda machine: _redirect_to(machine, made(machine), copy)


def _redirect_to(machine: Machine, text: str, copy: bool) -> None:
    target = checked_address(text)
    if target is None:
        raise RunError(Text("« {name} » n’est pas une adresse.", name=text[:60]))
    machine.effects.redirect(Redirect(target, copy, edited=machine.message.sent))


def checked_address(text: str) -> str | None:
    """An address as SMTP takes it, from one as it may stand in a script, with a name before it (RFC 5228 section
    2.4.2.3); None when it is none. Nothing is guessed: mail must not go to an address that nobody wrote."""
    found = _ADDRESS.fullmatch(text) if len(text) <= address.MAX_PATH else None
    if found is None:
        return None
    try:
        return str(address.parse(f"{found[1] or found[3]}@{found[2] or found[4]}"))
    except BadSyntax:
        return None


def _discard(compiler: Compiler, call: Call) -> Step:
    return lambda machine: machine.effects.discard()


def _reject(compiler: Compiler, call: Call) -> Step:
    reason = compiler.phrase(call.words(0))
    extended = call.node.name == "ereject"
    return lambda machine: machine.effects.reject(Reject(reason(machine), extended))


_PLACE = (COPY, CREATE, FLAGS_TAG, SPECIAL_USE, MAILBOX_ID)
ACTIONS = (
    Action("keep", _keep, tags=(FLAGS_TAG,)),
    Action("fileinto", _fileinto, (Kind.STRING,), _PLACE, extension="fileinto"),
    Action("redirect", _redirect, (Kind.STRING,), (COPY, Tag("list", extension="extlists"))),
    Action("discard", _discard),
    Action("reject", _reject, (Kind.STRING,), extension="reject"),
    Action("ereject", _reject, (Kind.STRING,), extension="ereject"),
)
EXTENSIONS = ("fileinto", "copy", "mailbox", "special-use", "mailboxid", "reject", "ereject", "extlists")
