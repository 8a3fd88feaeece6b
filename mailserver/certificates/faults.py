"""Why no certificate was obtained, as the store keeps it and as people are told."""

from enum import StrEnum

from mailserver.texts.text import Text, Untranslated

MOST_DETAIL = 1000
"""Characters of what an authority or a program says that are kept."""


class Fault(StrEnum):
    """A kind; what the authority or a program said stands beside it."""

    UNREACHABLE = "unreachable"
    ACCOUNT = "account"
    TERMS = "terms"
    REFUSED = "refused"
    CHALLENGE = "challenge"
    HOOK = "hook"
    LIMITED = "limited"
    LATE = "late"
    UNUSABLE = "unusable"
    BUSY = "busy"
    SETTINGS = "settings"


_SAID = {
    Fault.UNREACHABLE: Text("l’autorité de certification ne répond pas comme il faut"),
    Fault.ACCOUNT: Text(
        "il n’y a pas encore de compte auprès de l’autorité : `mailserver certificate request` le crée"
    ),
    Fault.TERMS: Text("les conditions de l’autorité ne sont pas acceptées : [acme] agree_to_terms = true le dit"),
    Fault.REFUSED: Text("l’autorité de certification refuse"),
    Fault.CHALLENGE: Text("l’autorité n’a pas pu vérifier que les noms sont à nous"),
    Fault.HOOK: Text("le programme qui publie l’enregistrement DNS a échoué"),
    Fault.LIMITED: Text("l’autorité en a délivré assez pour le moment"),
    Fault.LATE: Text("l’autorité n’a pas répondu à temps"),
    Fault.UNUSABLE: Text("le certificat reçu ne peut pas servir"),
    Fault.BUSY: Text("une autre demande est en cours"),
    Fault.SETTINGS: Text("un réglage de [acme] empêche la demande"),
}


def said(fault: str, detail: str) -> Text:
    """One sentence, with what the authority or a program said of it."""
    try:
        text = _SAID[Fault(fault)]
    except ValueError:  # of a newer version
        return Untranslated(f"{fault}: {detail}")
    return Text("{fault} ({detail})", fault=text, detail=detail) if detail else text


class NotObtained(Exception):
    """There is no new certificate; the one before goes on."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        self.fault = fault
        words = " ".join(detail.split())
        self.detail = "".join(each if each.isprintable() else "?" for each in words)[:MOST_DETAIL]
        super().__init__(f"{fault}: {self.detail}")

    @property
    def text(self) -> Text:
        """For people."""
        return said(self.fault, self.detail)
