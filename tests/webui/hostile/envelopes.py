"""Whole messages that mean harm: alphabets, types, names of files, headers, nesting, polyglots, invitations."""

# ruff: noqa: E501 - an attack is told as it is written

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from tests.webui.hostile import EVIL, RAN
from tests.webui.hostile.fragments import FAMILIES

SCRIPT = f'<script>{RAN}</script><img src=x onerror="{RAN}"><img src=https://{EVIL}/p>'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RAN}"><script>{RAN}</script><image href="https://{EVIL}/s"/></svg>'.encode()


@dataclass(frozen=True, slots=True)
class Case:
    """One message: its family, a name within it, its octets."""

    family: str
    name: str
    octets: bytes


def message(body: bytes, *, subject: str = "Bonjour", sender: str = f"Victor <victor@{EVIL}>", more: str = "") -> bytes:
    """A message around a body that brings its own Content- fields and blank line."""
    head = (
        f"From: {sender}\r\nTo: emma.dupont@ac-exemple.fr\r\nSubject: {subject}\r\n"
        f"Date: Tue, 24 Nov 2026 10:20:00 +0100\r\nMIME-Version: 1.0\r\n{more}"
    )
    return head.encode("utf-8", "surrogateescape") + body


def html(octets: bytes, charset: str = 'charset="utf-8"', encoding: str = "8bit") -> bytes:
    """A text/html part."""
    return f"Content-Type: text/html; {charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets


def file(octets: bytes, media_type: str, disposition: str = 'attachment; filename="x"', more: str = "") -> bytes:
    """An attached file."""
    head = f"Content-Type: {media_type}\r\nContent-Disposition: {disposition}\r\nContent-Transfer-Encoding: base64\r\n{more}\r\n"
    return head.encode("utf-8", "surrogateescape") + base64.encodebytes(octets)


def multipart(*parts: bytes, kind: str = "mixed", boundary: str = "b") -> bytes:
    """Parts in one."""
    edge = b"--" + boundary.encode()
    body = b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + body + edge + b"--\r\n"


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nBonjour\r\n"


def cases() -> list[Case]:
    """Every case, the fragments of HTML among them."""
    fragments = (
        Case(family, str(number), message(html(fragment.replace("alert(1)", RAN).encode())))
        for family, pieces in FAMILIES.items()
        for number, fragment in enumerate(pieces)
    )
    return [*fragments, *_alphabets(), *_types(), *_names(), *_headers(), *_nesting(), *_references(), *_invitations()]


def _alphabets() -> Iterator[Case]:
    """Markup that only shows in the right, or the wrong, alphabet."""
    utf7 = SCRIPT.replace("<", "+ADw-").replace(">", "+AD4-").replace('"', "+ACI-").replace("=", "+AD0-").encode()
    spelt = {
        "utf-7": (utf7, "charset=utf-7"),
        "utf-7-unnamed": (utf7, ""),
        "utf-7-meta": (b"<meta charset=utf-7>" + utf7, ""),
        "utf-7-bom": (b"+/v8-" + utf7, ""),
        "utf-16": (SCRIPT.encode("utf-16"), "charset=utf-16"),
        "utf-16-as-latin": (SCRIPT.encode("utf-16"), "charset=iso-8859-1"),
        "utf-16-unnamed": (SCRIPT.encode("utf-16"), ""),
        "utf-32": (SCRIPT.encode("utf-32"), "charset=utf-32"),
        "iso-2022-jp": (b"\x1b$B" + SCRIPT.encode() + b"\x1b(B" + SCRIPT.encode(), "charset=iso-2022-jp"),
        "iso-2022-jp-title": (
            b'<p title="\x1b$B">x</p>\x1b(B<p title="' + SCRIPT.encode() + b'">',
            "charset=iso-2022-jp",
        ),
        "iso-2022-kr": (b"\x1b$)C\x0e" + SCRIPT.encode() + b"\x0f" + SCRIPT.encode(), "charset=iso-2022-kr"),
        "hz": (b"~{" + SCRIPT.encode() + b"~}", "charset=hz-gb-2312"),
        "gbk-eats-quote": (b'<p title="\x81">' + SCRIPT.encode() + b'">x', "charset=gbk"),
        "shift-jis-eats-quote": (b'<p title="\x83">' + SCRIPT.encode() + b"x", "charset=shift_jis"),
        "big5": (b'<p title="\xa1">' + SCRIPT.encode(), "charset=big5"),
        "overlong": (SCRIPT.encode().replace(b"<", b"\xc0\xbc").replace(b">", b"\xc0\xbe"), "charset=utf-8"),
        "halves": (b'<p title="\xc3">' + SCRIPT.encode(), "charset=utf-8"),
        "ebcdic": (SCRIPT.encode("cp037"), "charset=cp037"),
        "x-user-defined": (SCRIPT.encode(), "charset=x-user-defined"),
        "unknown": (SCRIPT.encode(), 'charset="><script>alert(1)</script>"'),
        "twice": (utf7, "charset=utf-8; charset=utf-7"),
        "nul": (SCRIPT.encode().replace(b"script", b"s\0cript"), "charset=utf-8"),
        "unicode-escape": (SCRIPT.encode("unicode-escape").replace(b"<", b"\\u003c"), "charset=unicode_escape"),
        "rot13": (b"<fpevcg>nyreg(1)</fpevcg>", "charset=rot13"),
        "punycode": (SCRIPT.encode(), "charset=punycode"),
    }
    for name, (octets, charset) in spelt.items():
        yield Case("alphabets", name, message(html(octets, charset)))
    quoted = SCRIPT.encode().replace(b"=", b"=3D").replace(b"<", b"=3C=\r\n")
    yield Case("alphabets", "quoted-printable", message(html(quoted, encoding="quoted-printable")))
    yield Case("alphabets", "base64", message(html(base64.encodebytes(SCRIPT.encode()), encoding="base64")))
    noisy = b"!!".join(base64.b64encode(SCRIPT.encode())[i : i + 3] for i in range(0, 90, 3))
    yield Case("alphabets", "base64-noise", message(html(noisy, encoding="base64")))
    yield Case("alphabets", "encoding-unknown", message(html(SCRIPT.encode(), encoding="x-uuencode\x0b")))


def _types() -> Iterator[Case]:
    """Octets that are not what their type says."""
    page = f"<!doctype html><title>x</title>{SCRIPT}".encode()
    gif = b"GIF89a/*" + b"\0" * 8 + f"*/=1;{RAN}//".encode() + page
    inside = PNG[:33] + len(page).to_bytes(4, "big") + b"tEXt" + page + b"\0\0\0\0" + PNG[33:]
    pdf = f"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS({RAN})>>/AA<</O<</S/URI/URI(https://{EVIL}/pdf)>>>>>>endobj\ntrailer<</Root 1 0 R>>".encode()
    claims = {
        "html-as-png": (page, "image/png"),
        "html-as-jpg": (page, "image/jpg"),
        "html-as-pdf": (page, "application/pdf"),
        "html-as-text": (page, "text/plain"),
        "html-as-csv": (page, "text/csv; charset=utf-7"),
        "html-as-calendar": (page, "text/calendar"),
        "html-as-html": (page, "text/html"),
        "html-as-nothing": (page, "x"),
        "html-as-octets": (page, "application/octet-stream"),
        "html-as-css": (page, "text/css"),
        "html-as-video": (page, "video/mp4"),
        "html-as-bmp": (b"BM" + page, "image/bmp"),
        "xhtml": (page, "application/xhtml+xml"),
        "xml": (b"<?xml version='1.0'?><?xml-stylesheet href='https://evil.test/x.xsl'?><x/>", "text/xml"),
        "xsl": (
            b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>",
            "application/xml",
        ),
        "svg": (SVG, "image/svg+xml"),
        "svg-as-png": (SVG, "image/png"),
        "svg-as-text": (SVG, "text/plain"),
        "mhtml": (b"MIME-Version: 1.0\r\n" + html(page), "multipart/related"),
        "mht": (b"MIME-Version: 1.0\r\n" + html(page), "message/rfc822"),
        "javascript": (RAN.encode(), "text/javascript"),
        "wasm": (b"\0asm\1\0\0\0", "application/wasm"),
        "gif-and-script": (gif, "image/gif"),
        "gif-and-script-as-script": (gif, "application/javascript"),
        "png-and-page": (inside, "image/png"),
        "png-and-page-as-html": (inside, "text/html"),
        "pdf-that-acts": (pdf, "application/pdf"),
        "pdf-behind-page": (page + pdf, "application/pdf"),
        "flash": (b"FWS\x09" + page, "application/x-shockwave-flash"),
        "appcache": (b"CACHE MANIFEST\n/", "text/cache-manifest"),
        "type-with-crlf": (page, "image/png\r\n\tX-Y: z"),
        "type-with-comma": (page, "image/png, text/html"),
        "type-with-parameter": (page, 'image/png; a="\\">"; text/html'),
        "type-upper": (page, "IMAGE/SVG+XML"),
    }
    for name, (octets, claimed) in claims.items():
        yield Case("types", name, message(multipart(TEXT, file(octets, claimed))))
    yield Case("types", "inline-svg", message(multipart(TEXT, file(SVG, "image/svg+xml", "inline"))))
    yield Case("types", "inline-html", message(multipart(TEXT, file(page, "text/html", "inline"))))
    yield Case("types", "top-is-svg", message(file(SVG, "image/svg+xml", "inline")))
    yield Case("types", "top-is-png-of-html", message(file(page, "image/png", "inline")))
    yield Case("types", "html-in-plain", message(b"Content-Type: text/plain\r\n\r\n" + SCRIPT.encode()))
    yield Case("types", "no-type", message(b"\r\n" + SCRIPT.encode()))
    yield Case("types", "two-types", message(b"Content-Type: text/plain\r\n" + html(SCRIPT.encode())))
    yield Case("types", "enriched", message(b"Content-Type: text/enriched\r\n\r\n<bold>" + SCRIPT.encode()))


def _names() -> Iterator[Case]:
    """Names of files: what they show, where they would be written, what they would be read as."""
    names = {
        "right-to-left": "facture\u202egnp.exe",
        "isolates": "a\u2067gpj.\u2066exe\u2069",
        "invisible": "photo.png\u200b.html",
        "padded": "photo.png" + " " * 120 + ".exe",
        "double": "rapport.pdf.exe",
        "markup": "<img src=x onerror=alert(1)>.png",
        "attribute": '" onmouseover="alert(1)" x=".txt',
        "quote": "a'\"><script>alert(1)</script>.txt",
        "path": "../../../../etc/passwd",
        "windows-path": "..\\..\\windows\\system32\\calc.exe",
        "drive": "C:\\autoexec.bat",
        "crlf": "a\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
        "nul": "a.png\0.html",
        "empty": "",
        "dots": "...",
        "reserved": "CON.txt",
        "long": "a" * 3000 + ".txt",
        "percent": "%2e%2e%2f%3Cscript%3E.txt",
        "template": "{{7*7}}{% print(1) %}.txt",
        "marks": "e" + "\u0301" * 300 + ".txt",
        "homograph": "раура1.ехе",
        "dot-at-end": "setup.exe. . .",
        "stream": "x.txt::$DATA",
        "entity": "&lt;script&gt;alert(1)&lt;/script&gt;.txt",
        "tags": "a\U000e0041\U000e007f.txt",
    }
    for name, text in names.items():
        spelt = "".join(f"%{octet:02X}" for octet in text.encode())
        yield Case(
            "names", name, message(multipart(TEXT, file(PNG, "image/png", f"attachment; filename*=utf-8''{spelt}")))
        )
        raw = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "").replace("\0", "")
        yield Case(
            "names", f"{name}-raw", message(multipart(TEXT, file(b"x", "text/plain", f'attachment; filename="{raw}"')))
        )


def _headers() -> Iterator[Case]:
    """What people read above the text."""
    markup = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    word = "=?utf-8?b?" + base64.b64encode(b"a\r\nBcc: x@evil.test\r\n\r\n" + SCRIPT.encode()).decode() + "?="
    turned = "=?utf-8?b?" + base64.b64encode("\u202e</title><script>alert(1)</script>".encode()).decode() + "?="
    yield Case("headers", "subject", message(TEXT, subject=f"</title>{markup}"))
    yield Case("headers", "subject-word", message(TEXT, subject=word))
    yield Case("headers", "subject-turned", message(TEXT, subject=turned))
    yield Case("headers", "subject-template", message(TEXT, subject="{{7*7}}{% include 'x' %}%(n)s{0}"))
    yield Case("headers", "subject-long", message(TEXT, subject="\r\n ".join(["<b>" * 300] * 20)))
    yield Case("headers", "from", message(TEXT, sender=f'"{markup}" <x@{EVIL}>'))
    yield Case("headers", "sender-word", message(TEXT, sender=f"{turned} <x@{EVIL}>"))
    yield Case("headers", "sender-address", message(TEXT, sender='"<script>alert(1)</script>"@evil.test'))
    yield Case("headers", "sender-attribute", message(TEXT, sender="\"' onmouseover='alert(1)\" <a@evil.test>"))
    yield Case(
        "headers", "sender-many", message(TEXT, sender=", ".join(f"{markup} <a{n}@evil.test>" for n in range(300)))
    )
    for name in ("To", "Cc", "Reply-To", "List-Id", "X-Mailer", "Resent-From", "Disposition-Notification-To", "Sender"):
        yield Case("headers", name.lower(), message(TEXT, more=f'{name}: "{markup}" <{markup}@{EVIL}>\r\n'))
    yield Case("headers", "date", message(TEXT, more=f"Date: {markup}\r\n"))
    leave = (
        "javascript:alert(1)",
        'https://evil.test/"onclick=alert(1)',
        "data:text/html,x",
        "mailto:a@b.c?bcc=x@evil.test",
    )
    for number, address in enumerate(leave):
        yield Case("headers", f"unsubscribe-{number}", message(TEXT, more=f"List-Unsubscribe: <{address}>\r\n"))
    inside = "List-Unsubscribe: <https://127.0.0.1/>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    yield Case("headers", "unsubscribe-inside", message(TEXT, more=inside))
    yield Case("headers", "web-letter", message(TEXT, more="X-Web-Letter: 1.2.x\r\nX-Web-To: <b>x</b>\r\n"))


def _nesting() -> Iterator[Case]:
    """Parts in parts."""
    page = html(SCRIPT.encode())
    deep = page
    for level in range(150):
        deep = multipart(deep, boundary=f"n{level}")
    wrapped = page
    for _ in range(40):
        wrapped = b"Content-Type: message/rfc822\r\n\r\n" + message(wrapped)
    yield Case("nesting", "multiparts", message(deep))
    yield Case("nesting", "messages", message(multipart(TEXT, wrapped)))
    yield Case("nesting", "alternatives", message(multipart(TEXT, page, page, page, kind="alternative")))
    yield Case("nesting", "html-first", message(multipart(page, TEXT, kind="alternative")))
    yield Case("nesting", "same-boundary", message(multipart(multipart(page), TEXT)))
    yield Case("nesting", "prefix-boundary", message(multipart(multipart(page, boundary="bb"), TEXT, boundary="b")))
    yield Case("nesting", "no-end", message(b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + page))
    yield Case("nesting", "no-boundary", message(b"Content-Type: multipart/mixed\r\n\r\n--\r\n" + page))
    yield Case("nesting", "boundary-markup", message(multipart(page, boundary="<script>alert(1)</script>")))
    yield Case(
        "nesting", "preamble", message(multipart(TEXT).replace(b"\r\n\r\n", b"\r\n\r\n" + SCRIPT.encode() + b"\r\n", 1))
    )
    yield Case(
        "nesting",
        "many-parts",
        message(multipart(*[file(b"x", "text/plain", f'attachment; filename="{n}.txt"') for n in range(300)])),
    )
    yield Case(
        "nesting", "attached-message", message(multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + message(page)))
    )
    yield Case(
        "nesting",
        "report",
        message(multipart(TEXT, b"Content-Type: message/delivery-status\r\n\r\n" + SCRIPT.encode(), kind="report")),
    )
    yield Case(
        "nesting",
        "external-body",
        message(f'Content-Type: message/external-body; access-type=URL; URL="https://{EVIL}/"\r\n\r\n'.encode() + page),
    )
    yield Case(
        "nesting",
        "partial",
        message(b'Content-Type: message/partial; id="a"; number=1; total=2\r\n\r\n' + message(page)),
    )


def _references() -> Iterator[Case]:
    """`cid:` and its like: a page's pictures that are something else."""
    logo = "Content-ID: <logo>\r\n"
    page = html(
        b"<img src=cid:logo><iframe src=cid:logo></iframe><object data=cid:logo></object><a href=cid:logo>x</a><embed src=cid:logo>"
    )
    targets = {
        "html": file(SCRIPT.encode(), "text/html", "inline", logo),
        "html-as-png": file(SCRIPT.encode(), "image/png", "inline", logo),
        "svg": file(SVG, "image/svg+xml", "inline", logo),
        "svg-as-gif": file(SVG, "image/gif", "inline", logo),
        "script": file(RAN.encode(), "text/javascript", "inline", logo),
        "style": file(b"*{background:url(https://evil.test/css)}", "text/css", "inline", logo),
        "png-and-page": file(PNG + SCRIPT.encode(), "image/png", "inline", logo),
        "moved": file(b"x", "image/png", "inline", logo + f"Content-Location: https://{EVIL}/x.png\r\n"),
        "markup-id": file(PNG, "image/png", "inline", 'Content-ID: <logo"onerror="alert(1)>\r\n'),
        "path-id": file(PNG, "image/png", "inline", "Content-ID: <../../deconnexion>\r\n"),
    }
    for name, part in targets.items():
        yield Case("references", name, message(multipart(page, part, kind="related")))
    sourced = html(
        b"<img src='../../../deconnexion'><img src='1/1'><link href=x rel=stylesheet><script src=x></script>"
    )
    base = f"Content-Location: https://{EVIL}/\r\nContent-Base: https://{EVIL}/\r\n".encode()
    yield Case("references", "content-base", message(base + sourced))


def _invitations() -> Iterator[Case]:
    """Calendar parts: shown on a card, read by libraries."""
    markup = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    lines = {
        "markup": f"SUMMARY:{markup}\r\nLOCATION:{markup}\r\nDESCRIPTION:{markup}\r\nX-ALT-DESC;FMTTYPE=text/html:{markup}",
        "attach": f"SUMMARY:x\r\nATTACH:https://{EVIL}/a\r\nURL:javascript:alert(1)\r\nIMAGE;VALUE=URI:https://{EVIL}/i",
        "organizer": f'SUMMARY:x\r\nORGANIZER;CN="{markup.replace(chr(34), "")}":javascript:alert(1)',
        "turned": "SUMMARY:\u202e</h2>x\r\nLOCATION:a\u2067b",
        "bomb": "SUMMARY:x\r\nRRULE:FREQ=SECONDLY;COUNT=100000000",
        "never": "SUMMARY:x\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "zone": "SUMMARY:x\r\nDTSTART;TZID=../../etc/passwd:20261201T100000",
        "far": "SUMMARY:x\r\nDTSTART:99991231T235959Z\r\nDURATION:P99999999D",
    }
    for name, text in lines.items():
        start = "" if "DTSTART" in text else "DTSTART:20261201T100000Z\r\nDTEND:20261201T110000Z\r\n"
        calendar = (
            f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{name}@evil.test\r\n"
            f"DTSTAMP:20261101T000000Z\r\n{start}{text}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        ).encode()
        part = b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n" + calendar
        yield Case("invitations", name, message(multipart(TEXT, part, kind="alternative")))
