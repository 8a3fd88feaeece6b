"""Letters of a given size, the same for the same number, so that every side gets the same ones."""

import random
from email.utils import formatdate

SUBJECT_WORD, SUBJECT_EVERY = b"facture", 10
BODY_WORD, BODY_EVERY = b"zorglubine", 2500
"""Words that searches look for, and in how many letters one has it."""
ABSENT = b"qwxvkjzpt"
_WORDS = [
    "réunion",
    "projet",
    "dossier",
    "équipe",
    "classe",
    "devis",
    "contrat",
    "livraison",
    "règlement",
    "échéance",
    "délai",
    "direction",
    "budget",
    "année",
    "trimestre",
    "janvier",
    "mardi",
    "demain",
    "matériel",
    "réseau",
    "sécurité",
    "clé",
    "accès",
    "messagerie",
    "pièce",
    "jointe",
    "répondre",
    "merci",
    "bonjour",
    "collègue",
    "assemblée",
    "compte",
    "rendu",
    "vote",
    "bureau",
    "cotisation",
    "fédération",
    "école",
    "élève",
    "professeur",
    "cours",
    "examen",
    "résultat",
    "note",
    "mémoire",
    "étude",
    "enquête",
    "modèle",
    "méthode",
    "analyse",
    "rapport",
    "annexe",
    "chapitre",
    "relecture",
    "urgence",
    "panne",
    "planning",
    "congé",
    "absence",
    "déplacement",
    "billet",
    "trajet",
    "itinéraire",
    "département",
    "commune",
    "mairie",
    "santé",
    "déclaration",
    "avis",
    "virement",
    "façade",
]
_BEGIN = 1_780_000_000


def letter(number: int, size: int) -> bytes:
    """A plain letter of about so many octets; one in three answers an earlier one."""
    dice = random.Random(number)
    subject = f"{SUBJECT_WORD.decode()} {number}" if number % SUBJECT_EVERY == 0 else f"Compte rendu {number}"
    fields = [
        f"From: Anne Moreau <anne.moreau{number % 97}@exemple.fr>",
        f"To: Destinataire <u{number % 100:03}@academie.example>",
        f"Subject: {subject}",
        f"Date: {formatdate(_BEGIN + 600 * number)}",
        f"Message-ID: <{number}@exemple.fr>",
        *([f"In-Reply-To: <{number - 1 - dice.randrange(20)}@exemple.fr>"] if number % 3 == 0 else ()),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        BODY_WORD.decode() if number % BODY_EVERY == 0 else "Bonjour,",
    ]
    text = "\r\n".join(fields).encode() + b"\r\n"
    lines = [text]
    left = size - len(text)
    while left > 0:
        line = " ".join(dice.choices(_WORDS, k=11)).encode() + b"\r\n"
        lines.append(line)
        left -= len(line)
    return b"".join(lines)
