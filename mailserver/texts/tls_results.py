"""What TLS reports say (RFC 8460), for those who read them: the console and the command line."""

from mailserver.texts.text import Text, Untranslated

_POLICIES: dict[str, Text] = {
    "sts": Untranslated("MTA-STS"),
    "tlsa": Untranslated("DANE"),
    "no-policy-found": Text("Aucune"),
}
"""Section 4.2."""
_RESULTS: dict[str, Text] = {
    "": Text("chiffrées comme il faut"),
    "starttls-not-supported": Text("STARTTLS n’a pas été proposé"),
    "certificate-host-mismatch": Text("le certificat est d’un autre nom"),
    "certificate-expired": Text("le certificat a expiré"),
    "certificate-not-trusted": Text("le certificat n’est pas reconnu"),
    "validation-failure": Text("la vérification a échoué"),
    "sts-policy-fetch-error": Text("la politique MTA-STS n’a pas pu être lue"),
    "sts-policy-invalid": Text("la politique MTA-STS n’est pas valable"),
    "sts-webpki-invalid": Text("le certificat de la politique MTA-STS n’est pas reconnu"),
    "tlsa-invalid": Text("l’enregistrement TLSA n’est pas valable"),
    "dnssec-invalid": Text("DNSSEC n’est pas valable"),
    "dane-required": Text("DANE était exigé et manque"),
    "unspecified": Text("sans plus de détails"),
    "other": Text("autres échecs"),
}
"""Section 4.3."""


def policy(kind: str) -> Text:
    """What a domain asked of TLS; a word that is none of the standard's as it is."""
    return _POLICIES.get(kind, Untranslated(kind))


def result(code: str) -> Text:
    """How connections ended."""
    return _RESULTS.get(code, Untranslated(code))
