"""What a look over an instance found."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.texts.text import NOTHING, Text, Translated, Untranslated


class Grade(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    """A key of `SUBJECTS`."""
    grade: Grade
    text: Translated
    remedy: Text = NOTHING

    @property
    def about(self) -> Text:
        """The subject for people."""
        return SUBJECTS[self.subject]


SUBJECTS = {
    "settings": Text("réglages"),
    "secrets": Text("secrets"),
    "files": Text("fichiers"),
    "tls": Untranslated("TLS"),
    "database": Text("base de données"),
    "disk": Text("disque"),
    "messages": Text("messages"),
    "previews": Text("aperçus"),
    "index": Text("index de recherche"),
    "counts": Text("compteurs"),
    "upkeep": Text("entretien"),
    "repair": Text("réparation"),
    "hosts": Text("hôtes"),
    "backups": Text("sauvegardes"),
    "ports": Text("ports"),
    "directory": Text("annuaire"),
    "lists": Text("listes"),
    "holidays": Text("congés scolaires"),
    "dns": Untranslated("DNS"),
    "dkim": Untranslated("DKIM"),
    "outbound": Text("courrier sortant"),
    "service": Text("service"),
}
