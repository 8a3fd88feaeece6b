"""What a message that came back says of the address that it was for: RFC 3464, and what older programs write.

Whose address that is, the return address tells (`mailserver.delivery.lists.member_keys`): nothing here believes an
address that stands in a report. Pure, and bounded in octets, parts and text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mailserver.mime.body import parser, structure
from mailserver.mime.body.structure import Part
from mailserver.mime.body.text import readable
from mailserver.mime.header import headers

MAX_OCTETS = 256 * 1024
"""Of a report that are looked at; the message that came back stands behind them."""
MAX_PARTS = 20
MAX_TEXT = 16 * 1024
"""Octets of a text that are read for words."""
MAX_SAID = 300
"""Characters kept of what was said."""
MAX_GROUPS = 50
"""Recipients of one report."""


class Nature(Enum):
    """What came."""

    HARD = "hard"
    """Nobody is there, for good."""
    SOFT = "soft"
    """It was given up for now: the mailbox is full, a server is away, we are not trusted."""
    MESSAGE = "message"
    """This message was refused for what it is: its size, its encoding. Another may arrive."""
    DELAYED = "delayed"
    """It is still tried, or it has arrived: nothing counts."""
    AUTOMATIC = "automatic"
    """An absence or another answer of a program."""
    OTHER = "other"
    """Somebody wrote, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """One, read."""

    nature: Nature
    status: str = ""
    """The enhanced status code (RFC 3463), as far as one was said."""
    said: str = ""
    """The words of whoever refused it, in one line."""

    @property
    def is_bounce(self) -> bool:
        """A message came back."""
        return self.nature in (Nature.HARD, Nature.SOFT, Nature.MESSAGE)


_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_LINE = re.compile(r"^([A-Za-z\-]{1,40})[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.\-])([45])[0-5]\d(?=[ \-])")
# Nothing below repeats without a bound: hostile text would take time that grows with its square.
_STRAY = re.compile(
    r"^[ \t>*-]{0,40}(?:hi\. this is the qmail-send program"
    r"|this is the (?:mail system|postfix program|mail delivery system) at"
    r"|this message was created automatically by (?:the )?mail (?:delivery|system)"
    r"|a message that you sent (?:could not|has not|contained)"
    r"|the following addresses had (?:permanent|transient|delivery)"
    r"|transcript of session follows"
    r"|your message (?:did not reach|cannot be delivered|could not be delivered|wasn'?t delivered|couldn'?t be)"
    r"|delivery (?:has failed|to the following recipients? (?:has )?failed|is delayed)"
    r"|delivery has failed to these recipients"
    r"|(?:the |your )?(?:e-?mail|message) (?:to|for) \S{1,320} (?:could not|couldn'?t) be delivered"
    r"|undeliverable mail|address not found|message not delivered"
    r"|i'?m (?:sorry to have to inform you|afraid i wasn'?t able to deliver)"
    r"|votre message n['\u2019]a pas pu \u00eatre (?:remis|distribu\u00e9)"
    r"|\u00e9chec de la remise)",
    re.IGNORECASE | re.MULTILINE,
)
_STILL_TRIED = re.compile(
    r"warning message only|do(?:es)? not need to resend|will (?:retry|keep trying|continue to (?:try|attempt))"
    r"|is being retried|delivery is delayed|has been delayed|nouvelle tentative|tentatives? se poursui",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"mailbox (?:is )?full|(?:over|exceed\w{0,5}) (?:\w{1,20} ){0,3}quota|quota (?:\w{1,20} ){0,2}exceeded"
    r"|insufficient (?:system )?storage"
    r"|bo[\u00eei]te (?:aux lettres )?pleine",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"(?:user|recipient|mailbox|account|address)(?: \S{1,100})? (?:is )?"
    r"(?:unknown|not found|unavailable|inactive|disabled)"
    r"|no such (?:user|mailbox|address|person|recipient)|unknown (?:user|recipient|local part|address)"
    r"|(?:does not|doesn'?t) (?:exist|have an? (?:\S{1,100} )?account)|no mailbox here by that name|unrouteable address"
    r"|address not found|wasn'?t found at|invalid recipient|utilisateur inconnu|adresse (?:inconnue|introuvable)",
    re.IGNORECASE,
)
_AUTO_SUBJECT = re.compile(
    r"^(?:auto(?:matic)?[- :]?(?:reply|response)|out of (?:the )?office|r\u00e9ponse automatique|absence\b"
    r"|vacation|away from|je suis absent)",
    re.IGNORECASE,
)
_AUTO_FIELDS = ("x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-vacation")


def read(octets: bytes) -> Bounce:
    """What a message that came to a return address says. Never raises."""
    octets = octets[:MAX_OCTETS]
    root = structure.build(parser.parse(octets))
    report = _report(octets, root)
    if report is not None:
        return report
    words = _words(octets, root)
    if _STRAY.search(words):
        return _stray(words)
    return Bounce(Nature.AUTOMATIC if _is_automatic(octets, root) else Nature.OTHER)


def is_report(octets: bytes) -> bool:
    """Whether a message tells of another one that was sent, or a program answers it: nobody wrote it. Never raises."""
    octets = octets[:MAX_OCTETS]
    root = structure.build(parser.parse(octets))
    return root.type == "multipart/report" or read(octets).nature is not Nature.OTHER


def classify(status: str) -> Nature:
    """What an enhanced status code says of the address (RFC 3463, and the register of its codes)."""
    found = _ENHANCED.fullmatch(status)
    if found is None:
        return Nature.OTHER
    if found[1] == "2":
        return Nature.DELAYED
    subject, detail = int(found[2]), int(found[3])
    if subject == 6 or (subject, detail) in ((2, 3), (3, 4)):
        return Nature.MESSAGE
    if found[1] == "4" or subject in (3, 4, 7) or (subject, detail) == (2, 2):
        # Mailbox full, their system, the way there, or that they do not trust us: the address may be good.
        return Nature.SOFT
    return Nature.HARD


# ---------------------------------------------------------------------- RFC 3464


def _report(octets: bytes, root: Part) -> Bounce | None:
    """A delivery status notification; of several recipients the worst counts, since only one was written to."""
    if root.type != "multipart/report" and not any(part.type in _STATUS_TYPES for part in root.children[:MAX_PARTS]):
        return None
    found: list[Bounce] = []
    for part in root.children[:MAX_PARTS]:
        if part.type in _STATUS_TYPES:
            text = part.text(octets, min(part.size, MAX_OCTETS)).replace("\r\n", "\n")
            found += filter(None, map(_group, text.split("\n\n")[:MAX_GROUPS]))
    if not found:
        return None
    order = list(Nature)
    return min(found, key=lambda one: order.index(one.nature))


def _group(text: str) -> Bounce | None:
    """What a report says of one recipient (RFC 3464 section 2.3)."""
    values: dict[str, str] = {}
    for line in _LINE.finditer(text):
        values.setdefault(line[1].lower(), " ".join(line[2].split()))
    action = values.get("action", "").partition("(")[0].strip().lower()
    if action in ("delayed", "delivered", "relayed", "expanded"):
        return Bounce(Nature.DELAYED)
    if action != "failed":
        return None
    diagnostic = values.get("diagnostic-code", "").partition(";")
    said = (diagnostic[2] or diagnostic[0]).strip()
    return judge(_status(values.get("status", ""), said), said)


def _status(status: str, said: str) -> str:
    """The most precise code: many servers write 5.0.0 and say more in their words."""
    whole = _ENHANCED.search(status)
    within = _ENHANCED.search(said)
    if whole is None or (whole[2] == "0" and within is not None and within[1] == whole[1]):
        whole = within
    return whole[0] if whole is not None else ""


def judge(status: str, said: str) -> Bounce:
    """What a server says that refuses a message for good or gives it up."""
    said = headers.clean(said)[:MAX_SAID]
    nature = classify(status)
    if nature is Nature.DELAYED:
        return Bounce(nature)
    vague = nature is Nature.OTHER or status[2:] in ("0.0", "1.0", "2.0")
    if vague or nature is Nature.SOFT:
        if _FULL.search(said):
            nature = Nature.SOFT
        elif nature is not Nature.SOFT and _NOBODY.search(said):
            nature = Nature.HARD
        elif nature is Nature.OTHER:
            reply = _REPLY.search(said)
            nature = Nature.HARD if reply is not None and reply[1] == "5" else Nature.SOFT
    elif _FULL.search(said):
        nature = Nature.SOFT
    return Bounce(nature, status, said)


# ---------------------------------------------------------------------- strays


def _stray(words: str) -> Bounce:
    """A report in words alone."""
    if _STILL_TRIED.search(words):
        return Bounce(Nature.DELAYED)
    found = _ENHANCED.search(words)
    status = found[0] if found is not None else ""
    line = next((line for line in words.splitlines() if _tells(line, status)), "")
    if not status and not _REPLY.search(line) and not _NOBODY.search(line) and not _FULL.search(line):
        return Bounce(Nature.SOFT, "", headers.clean(line)[:MAX_SAID])  # nobody says why
    if not status and _NOBODY.search(line):
        return Bounce(Nature.HARD, "", headers.clean(line.strip())[:MAX_SAID])
    return judge(status, line.strip())


def _tells(line: str, status: str) -> bool:
    if status:
        return status in line
    return bool(_REPLY.search(line) or _NOBODY.search(line) or _FULL.search(line))


def _words(octets: bytes, root: Part) -> str:
    """The first text of a message, as far as it may be a report: what came back stands further down."""
    for part in _leaves(root):
        if part.type in ("text/plain", "text/html"):
            return readable(part, part.text(octets, min(part.size, MAX_TEXT)))[:MAX_TEXT]
    return ""


def _leaves(root: Part) -> Iterator[Part]:
    for count, part in enumerate(root.walk()):
        if count >= MAX_PARTS:
            return
        if not part.children:
            yield part


def _is_automatic(octets: bytes, root: Part) -> bool:
    """Whether a program answered (RFC 3834, and what stood there before it)."""
    for field in headers.named(octets, root.start, root.body, "auto-submitted", "precedence", "subject", *_AUTO_FIELDS):
        value = headers.decode(octets[field.value : field.end]).strip().lower()
        if field.name in _AUTO_FIELDS:
            return True
        if field.name == "auto-submitted" and not value.startswith("no"):
            return True
        if field.name == "precedence" and value in ("auto_reply", "auto-reply", "bulk", "junk"):
            return True
        if field.name == "subject" and _AUTO_SUBJECT.match(value):
            return True
    return False
