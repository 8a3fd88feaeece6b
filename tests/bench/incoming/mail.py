"""Mail as an academy gets it from outside, signed: plain letters, letters with HTML, newsletters, attachments; some of
it junk, some forged. Deterministic for a seed, but for what signing takes from the keys and the clock.
"""

import base64
import binascii
import hashlib
import random
import re
import time
from dataclasses import dataclass
from email.utils import formatdate

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.bench.incoming.domains import COUNT, HOST, POLICIES, SELECTOR, Keys, domain
from tests.bench.incoming.people import LOGINS, address
from tests.bench.junk_corpus import corpus, messages

KINDS = {
    "": 67,
    "Listes": 10,
    "Factures": 5,
    "Classes": 5,
    "Rectorat": 4,
    "Gros": 1,
    "forged": 3,
    "junk": 5,
}
"""Where the rules put it, and how many of a hundred; `forged` and `junk` belong into Junk, "" into INBOX."""
TEXTS = 400
"""Of either kind, of which messages are made."""
LARGE = 1_400_000
"""Octets of what `Gros` is for."""

_SUBJECTS = {
    "": ("Réunion de rentrée", "Emploi du temps", "Sortie au musée", "Rendez-vous", "Re: absence de jeudi", "Projet"),
    "Listes": ("Lettre mensuelle", "À lire cette semaine", "Actualités pédagogiques"),
    "Factures": ("Votre facture du mois", "Devis et facture", "Rappel : facture en attente"),
    "Classes": ("Conseil de classe de la 3e B", "Bulletins de la 5e A", "Absents en 4e C"),
    "Rectorat": ("Note de service", "Calendrier des examens"),
    "Gros": ("Photographies du voyage",),
    "forged": ("Votre remboursement", "Votre compte"),
    "junk": ("Offre exceptionnelle", "Gagnez maintenant", "Dernier avis"),
}
_SIGNED = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "reply-to", "list-id")
_TAG = re.compile(r"<[^>]*>")
_BLANKS = re.compile(rb"[ \t\r\n]+")
_STYLE = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:1.5;color:#333333;padding:8px 16px"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, and what should become of it where it is checked and sorted."""

    sender: str
    recipient: str
    kind: str
    octets: bytes


def folder_of(kind: str) -> str:
    """Where messages of a kind are put."""
    return "Junk" if kind in ("forged", "junk") else kind or "INBOX"


def letters(keys: Keys, seed: int, count: int, junk: int = KINDS["junk"]) -> list[Letter]:
    """So many messages, of a hundred so many junk."""
    writer = Writer(keys, seed)
    kinds = writer.dice.choices(list(KINDS), list({**KINDS, "junk": junk}.values()), k=count)
    return [writer.letter(kind, LOGINS[number % len(LOGINS)]) for number, kind in enumerate(kinds)]


def one_of_each(keys: Keys, seed: int) -> list[Letter]:
    """A message of each kind for everybody."""
    writer = Writer(keys, seed)
    return [writer.letter(kind, login) for kind in KINDS for login in LOGINS]


class Writer:
    """Writes messages."""

    def __init__(self, keys: Keys, seed: int) -> None:
        self.dice = random.Random(f"incoming {seed}")
        self._keys = keys
        self._weights = [1 / (number + 3) for number in range(COUNT)]
        made = corpus(seed, TEXTS, TEXTS)
        self._good = [_text(one) for one in messages(made, spam=False)]
        self._bad = [_text(one) for one in messages(made, spam=True)]

    def letter(self, kind: str, login: str) -> Letter:
        """One message of a kind."""
        sender = self._sender(kind)
        head, body = self._message(kind, sender, address(login))
        signature = _signature(self._keys, sender, head, body)
        if kind == "forged":  # changed on its way, and handed over by another domain
            body = body.replace(b"\r\n\r\n", b"\r\n\r\nCliquez ici. ", 1) + b"Urgent.\r\n"
            sender = (sender + POLICIES.index("none") + 3) % COUNT
        octets = self._passed_on() + signature + head + b"\r\n" + body
        return Letter(f"envoi@{domain(sender)}", address(login), kind, octets)

    def _sender(self, kind: str) -> int:
        if kind == "forged":
            return POLICIES.index("quarantine") + len(POLICIES) * self.dice.randrange(20)
        if kind == "junk":  # domains that nobody else writes from
            return self.dice.randrange(COUNT - 20, COUNT)
        return self.dice.choices(range(COUNT - 20), self._weights[: COUNT - 20])[0]

    def _message(self, kind: str, sender: int, recipient: str) -> tuple[bytes, bytes]:
        """Its fields, and its body."""
        dice = self.dice
        form, body = self._parts(kind)
        local = {"Rectorat": "rectorat", "Listes": "lettre"}.get(kind, f"personne{dice.randrange(40)}")
        host = domain(sender)
        subject = dice.choice(_SUBJECTS[kind])
        title = f"{subject} {dice.randrange(1000)}" if kind in ("", "Listes", "junk") else subject
        fields = [
            f"From: {_words(dice.choice(('Zoé Lefèvre', 'Hugo Martin', 'Service des élèves')))} <{local}@{host}>",
            f"Reply-To: {local}@{host}",
            f"To: {recipient}",
            f"Subject: {_words(title)}",
            f"Date: {formatdate(time.time(), localtime=False)}",
            f"Message-ID: <{dice.getrandbits(96):x}@{host}>",
            "X-Mailer: Courrier 12.3",
            "MIME-Version: 1.0",
        ]
        answered = [f"<{dice.getrandbits(96):x}@{host}>" for _ in range(dice.randrange(4))]
        if answered:
            fields.append("References: " + "\r\n ".join(answered))
        if kind == "Listes":
            fields += [f"List-Id: <lettre.{host}>", f"List-Unsubscribe: <https://{host}/fin>", "Precedence: list"]
        return "".join(f"{one}\r\n" for one in (*fields, form)).encode(), body

    def _parts(self, kind: str) -> tuple[str, bytes]:
        """The field Content-Type with what follows it, and the body."""
        dice = self.dice
        chosen = "attachment" if kind == "Gros" else "newsletter" if kind == "Listes" else self._form()
        text = self._body(kind)
        if chosen == "plain":
            octets = _quoted(text)
            return 'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable', octets
        repeated = dice.randint(4, 10) if chosen == "newsletter" else 1
        inner = f"a{dice.getrandbits(64):x}"
        both = _multipart(
            inner, _part("text/plain", _quoted(text)), _part("text/html", _quoted(_html(text, host="www", n=repeated)))
        )
        alternative = f'Content-Type: multipart/alternative;\r\n boundary="{inner}"'
        if chosen != "attachment":
            return alternative, both
        outer = f"m{dice.getrandbits(64):x}"
        size = LARGE if kind == "Gros" else min(int(dice.lognormvariate(11, 0.9)), LARGE // 2)
        file = base64.encodebytes(dice.randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
        attached = (
            b'Content-Type: application/pdf; name="document.pdf"\r\nContent-Disposition: attachment;'
            b' filename="document.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + file
        )
        whole = _multipart(outer, f"{alternative}\r\n\r\n".encode() + both, attached)
        return f'Content-Type: multipart/mixed;\r\n boundary="{outer}"', whole

    def _form(self) -> str:
        return self.dice.choices(("plain", "html", "attachment"), (30, 50, 20))[0]

    def _body(self, kind: str) -> str:
        """A text, and those that it answers to below it."""
        dice = self.dice
        if kind == "junk":
            return f"{dice.choice(self._bad)}\n{dice.choice(self._bad)}\n"
        lines = [dice.choice(self._good)]
        for _ in range(dice.choice((0, 0, 1, 2, 4))):
            lines += [f"> {line}" for line in dice.choice(self._good).split("\n")]
        return "\n".join(lines) + "\n"

    def _passed_on(self) -> bytes:
        """What servers on the way put on top."""
        dice = self.dice
        fields = [
            f"Received: from poste{dice.randrange(90)}.interne.example ([10.0.{dice.randrange(250)}.7]) by {HOST}\r\n"
            f"\twith ESMTPSA id {dice.getrandbits(60):x};\r\n\t{formatdate(time.time())}",
            *(f"X-Relais-{name}: {dice.getrandbits(200):x}" for name in ("Trace", "Filtre", "Empreinte")),
        ]
        return "".join(f"{one}\r\n" for one in fields).encode()


def _text(octets: bytes) -> str:
    """What a message of the junk filter's corpus says."""
    return _TAG.sub(" ", octets.partition(b"\r\n\r\n")[2].decode().replace("\r\n", "\n").replace("</p>", "\n")).strip()


def _words(text: str) -> str:
    """As header fields say it (RFC 2047)."""
    return text if text.isascii() else f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def _quoted(text: str) -> bytes:
    return binascii.b2a_qp(text.encode(), istext=True).replace(b"\n", b"\r\n")


def _part(kind: str, octets: bytes) -> bytes:
    head = f'Content-Type: {kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode() + octets


def _multipart(boundary: str, *parts: bytes) -> bytes:
    line = f"--{boundary}".encode()
    return b"".join(b"%b\r\n%b\r\n" % (line, one) for one in parts) + line + b"--\r\n"


def _html(text: str, *, host: str, n: int) -> str:
    """As mailing programs write it, more form than text."""
    rows = "".join(
        f'<tr><td style="{_STYLE}"><p style="margin:0 0 12px 0">{line}</p></td></tr>\n' for line in text.split("\n")
    )
    link = (
        f'<tr><td style="{_STYLE}"><a href="https://{host}.ecole1.example/suite" style="{_STYLE}">Suite</a></td></tr>'
    )
    table = f'<table role="presentation" width="600" cellpadding="0" cellspacing="0">\n{rows}{link}\n</table>\n'
    return f'<html><head><meta charset="utf-8"><title>Lettre</title></head><body>\n{table * n}</body></html>\n'


def _signature(keys: Keys, sender: int, head: bytes, body: bytes) -> bytes:
    """DKIM (RFC 6376), relaxed/relaxed, of the domain that the message says it is from."""
    fields = re.split(rb"\r\n(?![ \t])", head.removesuffix(b"\r\n"))
    named = {one.partition(b":")[0].lower().decode(): one for one in fields}
    names = [name for name in _SIGNED if name in named]
    canonical = b"\r\n".join(_BLANKS.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")).rstrip(b"\r\n")
    digest = base64.b64encode(hashlib.sha256(canonical + b"\r\n").digest()).decode()
    field = (
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain(sender)};\r\n\ts={SELECTOR};"
        f" t={int(time.time())}; h={':'.join(names)};\r\n\tbh={digest};\r\n\tb="
    ).encode()
    signed = b"".join(_relaxed(named[name]) + b"\r\n" for name in names) + _relaxed(field)
    octets = base64.b64encode(keys.of(sender).sign(signed, padding.PKCS1v15(), hashes.SHA256()))
    folded = b"\r\n\t ".join(octets[at : at + 70] for at in range(0, len(octets), 70))
    return field + folded + b"\r\n"


def _relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.lower().strip() + b":" + _BLANKS.sub(b" ", value).strip()
