"""Messages to test with: the shared corpus, and small ones written here."""

from pathlib import Path

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def corpus() -> list[Path]:
    """Every message of the corpus; it stands beside the checkout, in CI too."""
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
