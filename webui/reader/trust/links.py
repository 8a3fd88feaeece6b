"""Links whose text names another host than they lead to: said once behind the link, and in the notice.

Newsletters count who follows their links, so that most of theirs lead elsewhere: of one that somebody reads, and whose
domain stands behind it, that is a remark. What shows an address of the academy or of the government and leads elsewhere
is an alarm whoever wrote.
"""

from collections.abc import Callable, Sequence

from markupsafe import escape

from mailserver.inbound.impersonation import domains
from mailserver.inbound.impersonation.sender import Claim
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.store.mail.known_senders import Acquaintance
from webui.page.words import plain
from webui.reader.content.html_view import Lie
from webui.reader.trust.cautions import Finding

_STYLE = "font:13px/1.4 system-ui,sans-serif;text-decoration:none;text-indent:0;white-space:normal;padding:0 4px"
_ALARM = f"{_STYLE};color:#8c1d18;background:#fbe9e8;font-weight:bold"
_REMARK = f"{_STYLE};color:#495061;background:#f3f5f9"


def is_newsletter(claim: Claim, results: AuthenticationResults, known: Acquaintance, *, foreign: bool) -> bool:
    """Whether a message is a newsletter or a list's, of a sender whose mail its reader wants, and who really sent it.

    That another came before says nothing: whoever lies sends two.
    """
    is_known = known.trusted or known.shows_pictures or known.reads
    return claim.is_bulk and results.authenticated and is_known and not foreign


def findings(lies: Sequence[Lie], ours: tuple[str, ...], *, newsletter: bool) -> list[Finding]:
    """What is said of them in the notice."""
    found: dict[Finding, None] = {}
    for lie in lies:
        real = plain.line(domains.readable(lie.real), 253)
        if _is_borrowed(lie, ours):
            found[Finding("lien-officiel", lie.shown, real, grave=True)] = None
        elif newsletter:
            found[Finding("lien-suivi", "", real)] = None
        else:
            found[Finding("lien", lie.shown, real, grave=True)] = None
    return list(found)


def mark(ours: tuple[str, ...], _: Callable[[str], str], *, newsletter: bool) -> Callable[[Lie], str]:
    """What is said behind a link, as HTML of ours: in its own size and colours, whatever stands around it."""

    through, leads = escape(_("par")), escape(_("mène à"))

    def say(lie: Lie) -> str:
        real = escape(plain.line(domains.readable(lie.real), 253))
        if newsletter and not _is_borrowed(lie, ours):
            return f'<span style="{_REMARK}">{through} <bdi>{real}</bdi></span>'
        return f'<span style="{_ALARM}">⚠ {leads} <bdi>{real}</bdi></span>'

    return say


def _is_borrowed(lie: Lie, ours: tuple[str, ...]) -> bool:
    """Whether it shows an address that people enter their password at, or leads to one that imitates such."""
    shown = lie.shown
    protected = any(domains.is_below(shown, one) for one in ours) or domains.is_official(shown)
    return protected or bool(domains.imitates(lie.real, ours))
