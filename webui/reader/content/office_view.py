"""Office files as a page for a sandboxed frame: what `mailserver.previews` found, cleaned like all hostile HTML."""

import re
from collections.abc import Mapping
from html import escape

import nh3

from webui.reader.content.html_balance import balanced


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _words(
    "a b br col colgroup em h1 h2 h3 h4 h5 h6 i img li ol p s section small strong sub sup table tbody td th thead tr "
    "u ul"
)
_DROPPED_WHOLE = _words("script style title head iframe object embed template noscript svg math")
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "a": frozenset({"href"}),
    "img": frozenset({"src", "alt"}),
    "td": frozenset({"colspan", "rowspan", "align"}),
    "th": frozenset({"colspan", "rowspan", "align"}),
    "p": frozenset({"style"}),
    "table": frozenset({"border"}),
}
_KNOWN = frozenset().union(*_ATTRIBUTES.values())
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=]+")
_FOLLOWED = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_INDENTED = re.compile(r"margin-left: [0-9]{1,2}em")
_STYLE = (
    "html{background:#fff;color:#111;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere;color-scheme:light}"
    "body{margin:0}main{max-width:50rem;margin:0 auto;padding:32px}h1,h2,h3{line-height:1.25;margin:1.2em 0 .4em}"
    "p{margin:.5em 0;white-space:pre-wrap}img{max-width:100%;height:auto}"
    "table{border-collapse:collapse;font-size:14px}td,th{border:1px solid #ccc;padding:3px 8px;vertical-align:top;"
    "min-width:2em;height:1.6em}td p{margin:0}section{border-bottom:1px solid #ccc;padding-bottom:24px}"
    ".tableur main{max-width:none;padding:16px}.tableur td{white-space:pre;max-width:30rem;overflow:hidden;"
    "text-overflow:ellipsis}.tableur tr:first-child{background:#f3f5f9;font-weight:600}"
    "@media(max-width:40rem){main{padding:16px}}"
)


def clean(html: str) -> str:
    """The same without anything that runs, fetches, or leaves its place. CPU grows with the size."""

    def keep(element: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            return value if _PICTURE.fullmatch(value) else None
        if attribute == "href":
            return value if _FOLLOWED.match(value) else None
        if attribute == "style":
            return value if _INDENTED.fullmatch(value) else None
        return value

    return nh3.clean(
        balanced(html, _TAGS, _DROPPED_WHOLE, _KNOWN),
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=keep,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties={"margin-left"},
    )


def document(cleaned: str, language: str, title: str, family: str) -> str:
    """The page of the frame, on white paper."""
    return (
        f'<!doctype html><html lang="{escape(language)}" class="{escape(family)}"><meta charset="utf-8">'
        f'<title>{escape(title)}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><main>{cleaned}</main></html>"
    )
