"""Messages to test with: difficult ones written here, and those of a corpus where one stands beside the checkout."""

from pathlib import Path

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def corpus() -> list[Path]:
    """Messages of other people's test suites, in addition to ours; none where no corpus is."""
    return sorted(CORPUS.glob("*/*.eml"))


def crlf(text: str) -> bytes:
    """A message written with LF, as it travels."""
    return text.encode().replace(b"\n", b"\r\n")


NESTED = crlf(
    """\
From: a@example.org
To: b@example.org
Subject: outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=one

preamble
--one
Content-Type: text/plain; charset=utf-8

first
--one
Content-Type: message/rfc822

From: c@example.org
Subject: inner
Content-Type: multipart/alternative; boundary=two

--two
Content-Type: text/plain

inner text
--two
Content-Type: text/html

<p>inner page</p>
--two--
--one
Content-Type: message/rfc822
Content-Disposition: attachment; filename="note.eml"

Subject: plain inside

only text
--one
Content-Type: application/pdf; name="plan.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="plan.pdf"

JVBERg==
--one--
epilogue
"""
)

DIFFICULT: dict[str, bytes] = {
    "nothing": b"",
    "blank line alone": b"\r\n",
    "header alone, no line end": b"Subject: coup\xe9",
    "body alone": b"\r\nNo field at all.\r\n",
    "lines of no field": b"From someone Thu Jan  1 00:00:00 1970\r\n>From x\r\nSubject: a\r\n: no name\r\n\r\nx\r\n",
    "raw octets in the header": "From: Él\u00e8ve <e@x.fr>\r\nSubject: re\u00e7u \u20ac\r\n\r\nx\r\n".encode("cp1252"),
    "folded to blanks": crlf("Subject:\n \n\t\n  x\nTo:\n\n\n"),
    "encoded words in pieces": crlf(
        "Subject: =?utf-8?B?w6k=?= =?utf-8?Q?_=C3?=\n =?utf-8?Q?=A9?= =?x-none?Q?=FF?= =?utf-8?b?!!?=\n\nx\n"
    ),
    "addresses": crlf(
        'From: (a (nested) comment) "A, \\"B\\"" <@r1,@r2:a.b@x.fr>, group: c@x.fr, d@x.fr;, <>, @, e@[127.0.0.1]\n'
        "To: undisclosed-recipients:;\nCc: =?utf-8?q?F=2C_G?= <f@x.fr>,,, h@\u00e9cole.fr\n\nx\n"
    ),
    "boundary never ends": crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<p"
    ),
    "boundary never begins": crlf("Content-Type: multipart/mixed; boundary=b\n\nnothing of it\n"),
    "boundary without a name": crlf("Content-Type: multipart/mixed\n\n--\n\none\n----\n"),
    "boundary of the parent": crlf(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/related; boundary=ab\n\n"
        "--ab\n\ninner\n--a\n\nouter\n--a--\n"
    ),
    "same boundary twice": crlf(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a--\n"
    ),
    "types twice": crlf("Content-Type: text/plain\nContent-Type: text/html; charset=utf-16\n\n<p>x</p>\n"),
    "types of no form": crlf("Content-Type: ;;; =; text\nContent-Disposition: /; filename\nContent-ID: <>\n\nx\n"),
    "names in continuations": crlf(
        "Content-Type: application/pdf; name*0*=utf-8'fr'l%27%C3%A9; name*1=t%C3; name*3=never\n"
        "Content-Disposition: attachment; filename*=iso-8859-1''%E9t%E9.pdf; filename=\"=?utf-8?q?=C3=A9?=.pdf\"\n\nx\n"
    ),
    "unknown encoding": crlf("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a.txt\n#86)C\n`\nend\n"),
    "base64 with junk": crlf("Content-Transfer-Encoding: BASE64\n\nYWJj!ZGVm\n=\nZ2hp==YWJj\n"),
    "quoted-printable cut off": crlf("Content-Transfer-Encoding: quoted-printable\n\n=C3=A9=\n=\n=ZZ=4"),
    "charset of nowhere": b"Content-Type: text/plain; charset=x-martian\r\n\r\n\xff\xfe\x00\x80\r\n",
    "charset that shifts": b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B\x1b(B\x1b$Bxx\r\n",
    "message of no message": crlf("Content-Type: message/rfc822\n\n"),
    "report": crlf(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nsorry\n--r\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\n--r\n"
        "Content-Type: text/rfc822-headers\n\nSubject: x\n--r--\n"
    ),
    "dates of no day": crlf("Date: Fri, 31 Feb 2099 25:61:61 +9999 (never)\nDate: x\n\nx\n"),
    "long line": b"Subject: " + b"x" * 70_000 + b"\r\n\r\n" + b"y" * 70_000,
    "line ends of all kinds": b"Subject: a\nTo: b@x.fr\r\nCc: c\rd@x.fr\r\n\n\r\r\n\n--\r",
    "zeros": b"Subject: a\x00b\r\n\r\n\x00\x00\r\n",
}
"""Each breaks a rule that some program relied on; all of them were written for this test."""
