"""Whether the DNS blocklists of the settings are worth asking."""

from collections.abc import Iterator

from mailserver.foundation.settings import Settings
from mailserver.inbound.screening import dnsbl_probe
from mailserver.inbound.screening.dnsbl import State
from mailserver.operations.health.findings import Finding, Grade
from mailserver.texts.text import Text

_WHY = {
    State.SILENT: Text("elle ne répond pas"),
    State.REFUSES: Text("elle refuse de répondre à ce serveur de noms"),
    State.EVERYTHING: Text("elle signale le monde entier"),
    State.NOTHING: Text("elle ne signale pas même son entrée d’essai"),
}


def examine_blocklists(settings: Settings) -> Iterator[Finding]:
    """One for each list: its test entries are asked for (RFC 5782 section 5)."""
    for name, probed in dnsbl_probe.probe(settings):
        if probed.state is State.GOOD:
            yield Finding("dns", Grade.OK, Text("la liste {name} répond comme elle le doit", name=name))
            continue
        text = Text("la liste {name} n’est pas demandée : {why}", name=name, why=_WHY[probed.state])
        yield Finding("dns", Grade.WARNING, text, Text("vérifiez [blocklists] lists"))
