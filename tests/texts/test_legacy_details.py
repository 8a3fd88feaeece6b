"""Texts that rows kept before they kept codes read well in both languages."""

import string

import pytest

from mailserver.texts import legacy_details

RECORDS = [
    ("imported", "import 5 of csv begins: a.csv", "l’import 5 de csv commence : a.csv"),
    ("imported", "import 5 is done: 3 created, 1 refused", "l’import 5 est terminé : 3 créés, 1 refusé"),
    ("changed", "given_name surname", "prénom, nom"),
    (
        "list-changed",
        "liste@academie.example: 2 members added, 0 removed",
        "liste@academie.example : 2 membres ajoutés, 0 retiré",
    ),
    ("queue-changed", "retry 3: all", "relancer 3 : tout"),
    (
        "bulletin-changed",
        "1 posted: announcement, 1795722182 to 0: Rentrée",
        "1 publiée : annonce, du 2026-11-26T19:43:02+00:00 au - : Rentrée",
    ),
    ("rule-changed", "pupil -> outside: deny", "élève vers extérieur : interdit"),
    ("braked", "pupil until released: abus", "élève jusqu’au released : abus"),
    ("braked", "pupil until 1790000000: abus", "élève jusqu’au 2026-09-21T14:13:20+00:00 : abus"),
    ("", "The domain a.example does not exist", "le domaine a.example n’existe pas"),
    ("suspended", "until 1790000000 départ", "jusqu’au 2026-09-21T14:13:20+00:00 : départ"),
    ("closing-planned", "1790000000 départ", "2026-09-21T14:13:20+00:00 : départ"),
    ("closing-planned", "2026-09-01 no longer in the export csv", "2026-09-01 : n’est plus dans l’export csv"),
    ("closed", "no longer in the export csv", "n’est plus dans l’export csv"),
    ("recovery-asked", "code sent", "code envoyé"),
    ("recovery-asked", "wrong", "réponses fausses"),
    ("login", "code", "code à usage unique"),
    ("login", "recovery code", "code de secours"),
    ("login", "12 Tablette du CDI", "« Tablette du CDI », n° 12"),
    ("login-refused", "app-password", "mot de passe d’application exigé"),
]


@pytest.mark.parametrize(("action", "text", "french"), RECORDS)
def test_what_rows_keep_as_text_is_recognised(action: str, text: str, french: str) -> None:
    assert legacy_details.read(text, action).to("fr") == french


def test_attempts_say_a_status_first() -> None:
    said = legacy_details.read_attempt("5.1.2 The domain a.example does not exist")
    assert (str(said), said.to("fr")) == (
        "5.1.2 The domain a.example does not exist",
        "5.1.2 le domaine a.example n’existe pas",
    )
    assert legacy_details.read_attempt("mx.a.example: 5.1.1 550 No").name == "plain"


def test_doors_are_told_apart_by_code() -> None:
    device = legacy_details.read("12 Tablette du CDI", "login")
    assert (device.name, device.values["name"]) == ("device", "Tablette du CDI")
    assert legacy_details.read("recovery code", "login").name == "recovery-code"
    assert legacy_details.read("12 Tablette", "changed").name == "plain"


@pytest.mark.parametrize("text", ["550 5.1.1 No such user", "departure of our colleague", "x" * 3000, "2026 {0}"])
def test_what_others_say_stays_as_it_is(text: str) -> None:
    for action in ("", "closed"):
        said = legacy_details.read(text, action)
        assert said.name == "plain"
        assert text.startswith(said.to("fr"))
    assert legacy_details.read("") == ""


@pytest.mark.parametrize(
    ("act", "text"),
    [
        ("move out", "to " + "x" * 297),
        ("append", "7:9,12 and more"),
        ("flags", "\\Seen"),
        ("create", "mailbox x"),
        ("of-tomorrow", "to x 1"),
    ],
)
def test_an_act_that_was_cut_or_is_unknown_stays_as_it_is(act: str, text: str) -> None:
    said = legacy_details.read_act(text, act)
    assert (said.name, str(said)) == ("plain", text)
    assert legacy_details.read_act("", act) == ""


@pytest.mark.parametrize("name", legacy_details._TEMPLATES)
def test_every_kept_sentence_is_found_again(name: str) -> None:
    words = {
        "start": "1790000000",
        "end": "1790000100",
        "source": "csv",
        "reason": "absence prévue",
        "files": "a.csv",
    }
    numbers = dict.fromkeys(("run", "count", "added", "gone", "limit", "number"), "12")
    lists = {
        "fields": "surname",
        "counts": "3 created",
        "sender": "pupil",
        "recipient": "staff",
        "verdict": "deny",
        "kind": "closed",
    }
    known = {**words, **numbers, **lists, "verb": "retry"}
    template = legacy_details._TEMPLATES[name]
    values = {gap: known.get(gap, "a.example") for _, gap, _, _ in string.Formatter().parse(template) if gap}
    found = legacy_details.read(template.format_map(values))
    assert found.name == ("planned" if name == "planned-left" else name)
    assert found.to("fr")
