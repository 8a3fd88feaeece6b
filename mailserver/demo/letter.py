"""What a message of the demo says of itself."""

from dataclasses import dataclass

from mailserver.demo.moments import When

Filing = tuple[tuple[str, str], ...]
"""Who keeps the message in which folder; everybody else has it where it arrived."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. People are identifiers, list names, or keys of `people.ELSEWHERE`, separated by blanks."""

    name: str
    author: str
    to: str
    when: When
    subject: str = ""
    """Empty in an answer: the subject of what it answers."""
    text: str = ""
    cc: str = ""
    answers: str = ""
    """Name of the message it answers."""
    html: str = ""
    files: tuple[str, ...] = ()
    """Names of `files.FILES`; `cid:` before one that the HTML shows."""
    filed: Filing = ()
    flagged: str = ""
    """Who has put a star on it."""
    unread: str = ""
    """Who has not read it yet, whatever its age."""
    junk: bool = False
    draft: bool = False


def page(title: str, *paragraphs: str, head: str = "#2f6fb3", picture: str = "") -> str:
    """An HTML message as newsletters are: a coloured head, paragraphs, perhaps a picture."""
    image = f'<p><img src="{picture}" alt="" width="480" style="max-width:100%"></p>' if picture else ""
    inner = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        '<!DOCTYPE html><html lang="fr"><head><meta charset="utf-8"></head>'
        '<body style="margin:0;font-family:Arial,Helvetica,sans-serif;color:#222">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">'
        '<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="max-width:100%">'
        f'<tr><td style="background:{head};color:#fff;padding:18px 24px">'
        f'<h1 style="margin:0;font-size:22px">{title}</h1></td></tr>'
        f'<tr><td style="padding:16px 24px;line-height:1.5">{image}{inner}</td></tr>'
        "</table></td></tr></table></body></html>"
    )
