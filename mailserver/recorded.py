"""Sentences that rows keep by name with what fills them in: details of the audit, what became of attempts to deliver.

Rows keep the names for years: one never changes its meaning.
"""

from mailserver.said import Said

WORDS = {
    # populations and states
    "teacher": Said("enseignant", "teacher"),
    "staff": Said("personnel", "staff"),
    "pupil": Said("élève", "pupil"),
    "secretariat": Said("secrétariat", "secretariat"),
    "admin": Said("administration", "admin"),
    "outside": Said("extérieur", "outside"),
    "not-activated": Said("pas encore activé", "not-activated"),
    "school": Said("établissement", "school"),
    "class": Said("classe", "class"),
    "subgroup": Said("groupe", "subgroup"),
    "function": Said("fonction", "function"),
    "active": Said("actif", "active"),
    "suspended": Said("suspendu", "suspended"),
    "closed": Said("fermé", "closed"),
    # logins, recovery, notices
    "password-expired": Said("mot de passe expiré", "password-expired"),
    "app-password": Said("mot de passe d’application exigé", "app-password"),
    "recovery": Said("par le code de secours", "recovery"),
    "announcement": Said("annonce", "announcement"),
    "read-only": Said("lecture seule", "read-only"),
    "code": Said("code à usage unique", "code"),
    "wrong": Said("réponses fausses", "wrong"),
    "closing": Said("de la fermeture", "closing"),
    "renewal": Said("du mot de passe à renouveler", "renewal"),
    "removed": Said("retirée", "removed"),
    "withdrawn": Said("retiré", "withdrawn"),
    "one": Said("une seule", "one"),
    # the record, rules, imports
    "exported": Said("emporté", "exported"),
    "verified": Said("vérifié", "verified"),
    "approved": Said("accepté", "approved"),
    "rejected": Said("refusé", "rejected"),
    "expired": Said("expiré", "expired"),
    "deny": Said("interdit", "deny"),
    "allow": Said("permis", "allow"),
    "retry": Said("relancer", "retry"),
    "hold": Said("retenir", "hold"),
    "drop": Said("jeter", "drop"),
    "all": Said("tout", "all"),
    "nothing": Said("rien", "nothing"),
    "created": Said("créés", "created"),
    "changed": Said("modifiés", "changed"),
    "leaving": Said("partants", "leaving"),
    "unchanged": Said("inchangés", "unchanged"),
    "refused": Said("refusés", "refused"),
    "places": Said("établissements et libellés", "places"),
    "stands": Said("en vigueur", "stands"),
    "taken-back": Said("repris", "taken-back"),
    "left": Said("laissés", "left"),
}

RECORDED = {
    # what became of an attempt
    "attempt": Said("{status} {said}", "{status} {said}"),
    "attempt-at": Said("{server} : {status} {said}", "{server}: {status} {said}"),
    "server-said": Said("{server} : {said}", "{server}: {said}"),
    "no-address-literal": Said("{domain} n’est pas une adresse", "{domain} is no address"),
    "no-name-server": Said("pas de serveur de noms ({error})", "No name server: {error}"),
    "held-by-operator": Said("retenu par un opérateur", "held: by an operator"),
    "held-by-brake": Said(
        "retenu : l’envoi est suspendu pour la population de l’expéditeur",
        "held: sending is suspended for the sender's population",
    ),
    "mail-loop": Said("le courrier pour {domain} reviendrait ici", "Mail for {domain} would come back to us"),
    "no-exchanger-address": Said(
        "les serveurs de messagerie de {domain} n’ont pas d’adresse", "No address for the mail exchangers of {domain}"
    ),
    "no-domain": Said("le domaine {domain} n’existe pas", "The domain {domain} does not exist"),
    "no-mail-server": Said(
        "le domaine {domain} n’a pas de serveur de messagerie", "The domain {domain} has no mail server"
    ),
    "no-mail": Said("le domaine {domain} n’accepte pas de courrier", "The domain {domain} accepts no mail"),
    "lookup-failed": Said("le DNS n’a rien dit de {domain} ({error})", "Looking up {domain}: {error}"),
    "connection-lost": Said("la connexion s’est interrompue", "Connection lost"),
    "no-smtputf8": Said(
        "le serveur ne prend pas d’adresses internationales (SMTPUTF8)",
        "The server does not take internationalised addresses (SMTPUTF8)",
    ),
    "no-8bitmime": Said(
        "le serveur ne prend pas de messages de 8 bits (8BITMIME)",
        "The server does not take 8-bit messages (8BITMIME)",
    ),
    "too-large-there": Said(
        "le message est plus gros que ce que le serveur prend ({limit} octets)",
        "The message is larger than the server takes ({limit} octets)",
    ),
    # the audit
    "population": Said("{population}", "{population}"),
    "state": Said("{state}", "{state}"),
    "fields": Said("{fields}", "{fields}"),
    "device": Said("{id} {name}", "{id} {name}"),
    "one-time-code": Said("code à usage unique", "code"),
    "recovery-code": Said("code de secours", "recovery code"),
    "by-recovery-code": Said("par le code de secours", "recovery"),
    "password-expired": Said("mot de passe expiré", "password-expired"),
    "app-password-needed": Said("mot de passe d’application exigé", "app-password"),
    "password-withdrawn": Said("retiré", "withdrawn"),
    "recovery-removed": Said("retirée", "removed"),
    "recovery-wrong": Said("réponses fausses", "wrong"),
    "one-session": Said("une seule", "one"),
    "charter": Said("{digest}", "{digest}"),
    "notice": Said("{notice}", "{notice}"),
    "record-exported": Said("emporté", "exported"),
    "record-verified": Said("vérifié", "verified"),
    "looked-for": Said("{asked}", "{asked}"),
    "looked-for-sender": Said("de {sender}", "from {sender}"),
    "looked-for-recipient": Said("à {recipient}", "to {recipient}"),
    "looked-for-name": Said("identifiant {name}", "id {name}"),
    "quota": Said("{octets}", "{octets}"),
    "place-added": Said("{kind} {key} : créé", "{kind} {key}: added"),
    "place-changed": Said("{kind} {key} : modifié", "{kind} {key}: changed"),
    "place-renamed": Said("{kind} {key} : devient {name}", "{kind} {key}: is {name} now"),
    "place-deleted": Said("{kind} {key} : supprimé", "{kind} {key}: deleted"),
    "mailbox-rights": Said("{mailbox} : {who} {rights}", "{mailbox}: {who} {rights}"),
    "box-holders": Said("{address} : {holders}", "{address}: {holders}"),
    "entry": Said("{dn}", "{dn}"),
    "entry-renamed": Said("{dn} -> {name}", "{dn} -> {name}"),
    "import-begins": Said("l’import {run} de {source} commence : {files}", "import {run} of {source} begins: {files}"),
    "import-done": Said("l’import {run} est terminé : {counts}", "import {run} is done: {counts}"),
    "import-undone": Said("import {run} : {counts}", "import {run}: {counts}"),
    "import-closed": Said("import {run} : compte fermé", "import {run}: closed"),
    "import-taken-back": Said("import {run} annulé", "import {run} taken back"),
    "named-again": Said("nommé de nouveau par l’export", "named by the export again"),
    "left-export": Said("n’est plus dans l’export {source}", "no longer in the export {source}"),
    "planned": Said("{end} : {reason}", "{end} {reason}"),
    "list-made": Said("{address} : créée", "{address}: made"),
    "list-deleted": Said("{address} : supprimée", "{address}: deleted"),
    "list-renamed": Said("{address} : devient {name}", "{address}: is {name} now"),
    "list-members": Said(
        "{address} : {added} membres ajoutés, {gone} retirés", "{address}: {added} members added, {gone} removed"
    ),
    "list-message": Said("{address} : message {number} {verdict}", "{address}: message {number} {verdict}"),
    "list-ending": Said("fin prochaine de {address}", "{address} ends soon"),
    "list-fields": Said("{address} : {fields}", "{address}: {fields}"),
    "bulletin-posted": Said(
        "{number} publiée : {kind}, du {start} au {end} : {text}", "{number} posted: {kind}, {start} to {end}: {text}"
    ),
    "bulletin-revised": Said(
        "{number} modifiée : {kind}, du {start} au {end} : {text}", "{number} revised: {kind}, {start} to {end}: {text}"
    ),
    "bulletin-withdrawn": Said("{number} retirée", "{number} withdrawn"),
    "quota-messages": Said("{count} messages", "{count} messages"),
    "rule": Said("{sender} vers {recipient} : {verdict}", "{sender} -> {recipient}: {verdict}"),
    "rule-preset": Said("modèle {name}", "preset {name}"),
    "rule-braked": Said("{sender} jusqu’au {end} : {reason}", "{sender} until {end}: {reason}"),
    "rule-braked-open": Said("{sender} jusqu’à nouvel ordre : {reason}", "{sender} until released: {reason}"),
    "queue-all": Said("{verb} {count} : tout", "{verb} {count}: all"),
    "queue-rows": Said("{verb} {count} : {rows}", "{verb} {count}: {rows}"),
    "suspended-span": Said("du {start} au {end} : {reason}", "from {start} until {end} {reason}"),
    "suspended-from": Said("dès le {start} : {reason}", "from {start} {reason}"),
    "suspended-until": Said("jusqu’au {end} : {reason}", "until {end} {reason}"),
    "too-many-questions": Said("trop de questions", "too many questions"),
    "too-many-codes": Said("trop de codes", "too many codes"),
    "no-private-address": Said("pas d’adresse de secours", "no private address"),
    "code-sent": Said("code envoyé", "code sent"),
    "identifier-sent": Said("identifiant envoyé", "identifier sent"),
    "rows-gone": Said(
        "les actes {first} à {last} de la chaîne manquent", "rows {first} to {last} of the chain are missing"
    ),
    "rows-removed": Said(
        "les actes d’avant ont été supprimés, et pas par la durée de conservation",
        "rows before this were removed, and not by the retention",
    ),
    "rows-cut": Said(
        "des actes jusqu’au numéro {link} étaient scellés ({file}), et manquent ou ont changé",
        "rows up to link {link} were sealed ({file}) and are missing or changed",
    ),
    "row-altered": Said(
        "cet acte, ou celui d’avant, n’est pas ce qui a été scellé",
        "the row, or the one before it, is not what was sealed",
    ),
    "unknown-code": Said("{code} {values}", "{code} {values}"),
}
