"""Which parts of a message are what people read, in their order (RFC 2046 section 5.1).

Programs put text before, between and behind what is attached (Apple Mail), or a footer behind HTML (list managers): all
of it is read. Of alternatives one is.
"""

from itertools import islice

from mailserver.mime.body.structure import Part

MAX_BODIES = 100
"""Of one message; one with more is not written by people."""
PLAIN, HTML = "text/plain", "text/html"


def plain(root: Part) -> list[Part]:
    """Those of the message as text: HTML is among them only where it has no alternative."""
    return list(islice(_of(root, html=False), MAX_BODIES))


def formatted(root: Part) -> list[Part]:
    """Those of the message as HTML, plain text among them where it has no alternative; none where nothing is HTML."""
    found = list(islice(_of(root, html=True), MAX_BODIES))
    return found if any(part.type == HTML for part in found) else []


def _of(part: Part, *, html: bool) -> list[Part]:
    if part.is_attachment:
        return []
    if not part.is_multipart:
        return [part] if part.type in (PLAIN, HTML) else []
    inside = [_of(child, html=html) for child in part.children]
    if part.type == "multipart/alternative":
        return _chosen([bodies for bodies in inside if bodies], html=html)
    return [body for bodies in inside for body in bodies]


def _chosen(alternatives: list[list[Part]], *, html: bool) -> list[Part]:
    """The last alternative that has HTML, or the first that is plain text alone."""
    if html:
        wanted = (one for one in reversed(alternatives) if any(body.type == HTML for body in one))
    else:
        wanted = (one for one in alternatives if all(body.type == PLAIN for body in one))
    return next(wanted, alternatives[0] if alternatives else [])
