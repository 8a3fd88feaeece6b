"""Who gets the mail: the same people on both sides, each with ten rules as people write them."""

DOMAIN = "academie.example"
PASSWORD = "Craie-Bleue#2026"
COUNT = 100
LOGINS = tuple(f"u{number:03}" for number in range(COUNT))

_RULES = """require ["fileinto", "imap4flags", "envelope", "variables", "copy", "mailbox", "regex", "date",
    "relational"];
if header :is "X-Spam" "Yes" { fileinto :create "Junk"; stop; }
if address :localpart :is "from" ["rectorat", "direction"] { fileinto :create "Rectorat"; stop; }
if address :domain :is "from" ["education.example", "ministere.example"] { addflag "\\\\Flagged"; }
if anyof (exists "list-id", header :is "precedence" "list") { fileinto :create "Listes"; stop; }
if header :matches "subject" "[*] *" { set "list" "${1}"; fileinto :create "${list}"; stop; }
if allof (header :contains "subject" ["facture", "devis"], not exists "list-id") { fileinto :create "Factures"; stop; }
if anyof (envelope :is "to" "contact-LOGIN@academie.example", header :contains "cc" "vie-scolaire") { addflag "$vs"; }
if header :regex "subject" "(3|4|5|6)e ?[A-F]" { fileinto :create "Classes"; stop; }
if size :over 1M { fileinto :create "Gros"; stop; }
if allof (currentdate :value "ge" "date" "2020-12-19", currentdate :value "le" "date" "2021-01-03") {
    fileinto :copy :create "Vacances";
}
"""


def address(login: str) -> str:
    return f"{login}@{DOMAIN}"


def script(login: str) -> bytes:
    """One person's; no two are the same."""
    return _RULES.replace("LOGIN", login).encode()
