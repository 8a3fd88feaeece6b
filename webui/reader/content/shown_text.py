"""A message's text as its page shows it, plain or formatted, and what was found in it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mailserver.mime import Part
from webui.reader.content import html_view, plain_text

_NOTHING = Markup()


@dataclass(frozen=True, slots=True)
class ShownText:
    """What is shown of a text. `cut`: there is more of it; `blocked`, `shown`: remote pictures."""

    body: Markup = _NOTHING
    cut: bool = False
    text: str = ""
    links: Sequence[str] = ()
    lies: Sequence[html_view.Lie] = ()
    blocked: int = 0
    shown: int = 0
    pictures: Collection[str] = ()
    """The content ids of the message's own that it shows."""


def plain(octets: bytes, root: Part, compose: str) -> ShownText:
    """The message as text for a page."""
    text = plain_text.readable(octets, root)
    cut = len(text) > plain_text.MAX_SHOWN or plain_text.reach(root) > len(octets)
    return ShownText(plain_text.render(text, compose), cut, text, plain_text.addresses(text))


def formatted(
    octets: bytes, parts: Sequence[Part], inline: html_view.Addresses, remote: html_view.Addresses
) -> ShownText:
    """What is to be known of the formatted version; the frame shows it."""
    pictures: set[str] = set()

    def noted(name: str) -> str:
        pictures.add(name)
        return inline(name)

    cleaned = html_view.clean_parts(octets, parts, noted, remote)
    return ShownText(
        text=plain_text.from_html(cleaned.html[: plain_text.MAX_SHOWN]),
        links=html_view.links(cleaned.html),
        lies=html_view.suspicious_links(cleaned.html),
        blocked=cleaned.remote_images,
        shown=cleaned.shown_images,
        pictures=pictures,
    )
