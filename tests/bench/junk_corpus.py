"""Mail of an academy and junk over twelve months, made so that neither is told apart by its vocabulary alone.

Both kinds share greetings, verbs, school words and sums of money; junk imitates the academy, its tools and parcels, and
good mail has offers, promotions, prices and exclamation marks of publishers, photographers and travel agencies. Every
month brings new senders and hosts; some kinds of either begin in the last quarter, which nobody has learned.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime

MONTHS = 12
_BEGIN = datetime(2025, 9, 1, 8, tzinfo=UTC)

_SHARED = (
    "Merci de votre retour rapide.",
    "Vous trouverez le document en pièce jointe.",
    "N’hésitez pas à me contacter.",
    "La date limite est fixée au {day} {month}.",
    "Bonne réception.",
    "Nous restons à votre disposition.",
    "Votre dossier est à compléter avant le {day} {month}.",
    "Le montant est de {sum} €.",
    "Cliquez sur le lien ci-dessous.",
    "Vous pouvez répondre à ce message.",
    "Nous vous remercions de votre confiance.",
    "Une réponse est attendue cette semaine.",
    "Le service informatique a mis à jour votre accès.",
    "Votre inscription est confirmée.",
    "Profitez-en dès maintenant !",
    "Attention, les places sont limitées.",
    "Toutes les informations sont sur notre site.",
    "Bien à vous.",
)

_GOOD = {
    "conseil": (
        "Le conseil de classe de la {form} aura lieu le {day} {month} en salle {room}.",
        "Les bulletins seront remis aux familles.",
        "Merci de saisir vos appréciations dans le logiciel.",
        "Les délégués sont convoqués à {hour} heures.",
    ),
    "sortie": (
        "La sortie au musée avec les {form} est prévue le {day} {month}.",
        "L’autorisation parentale est obligatoire.",
        "Participation des familles : {sum} €.",
        "Il reste {room} places dans le car.",
    ),
    "cantine": (
        "La facture de demi-pension s’élève à {sum} €.",
        "Le règlement est possible en ligne.",
        "Votre solde est débiteur.",
        "Un rappel sera envoyé avant le {day} {month}.",
    ),
    "absence": (
        "{name} a été absent le {day} {month} de {hour} h à midi.",
        "Merci de justifier cette absence.",
        "Le carnet doit être signé.",
        "La vie scolaire reste joignable.",
    ),
    "éditeur": (
        "Découvrez notre nouveau manuel de {subject} !",
        "Spécimen gratuit pour les enseignants jusqu’au {day} {month}.",
        "Offre exceptionnelle : -{room} % sur les cahiers.",
        "Commandez en ligne dès maintenant.",
    ),
    "photo": (
        "Les photographies de classe sont arrivées !",
        "Pochette à {sum} € seulement.",
        "Offre promotionnelle pour les fratries.",
        "Les bons de commande sont à remettre au professeur principal.",
    ),
    "formation": (
        "Votre inscription au stage {subject} est validée.",
        "Convocation et ordre de mission suivront.",
        "Les frais seront remboursés sur justificatifs.",
        "Le parcours est disponible sur la plateforme.",
    ),
    "parent": (
        "Bonjour, ma fille {name} est malade aujourd’hui.",
        "Elle rattrapera le contrôle de {subject}.",
        "Pouvez-vous nous recevoir le {day} {month} ?",
        "Je suis inquiète pour son orientation.",
    ),
    "mairie": (
        "Travaux dans la cour du {day} au {day} {month}.",
        "Accès limité par le portail nord.",
        "La commission de sécurité passera à {hour} heures.",
        "Merci de libérer la salle {room}.",
    ),
    "voyage": (
        "Votre devis pour le séjour à Berlin : {sum} € par élève.",
        "Acompte à verser avant le {day} {month}.",
        "Gratuité pour les accompagnateurs !",
        "L’assurance annulation est en option.",
    ),
    "syndicat": (
        "Réunion d’information syndicale le {day} {month} salle {room}.",
        "Mutations : les dates à retenir.",
        "Le point sur les salaires et les indemnités.",
        "Faites circuler.",
    ),
    "banque": (
        "Votre relevé de compte est disponible.",
        "Aucune action n’est nécessaire.",
        "Le taux du livret passe à 2,4 %.",
        "Prenez rendez-vous avec votre conseiller.",
    ),
    "brevet": (
        "Les sujets du brevet blanc sont à déposer avant le {day} {month}.",
        "Surveillances : voir le tableau.",
        "Harmonisation des copies en salle {room}.",
        "Les notes de {subject} sont attendues.",
    ),
    "parcours": (
        "Vœux Parcoursup : dernière semaine pour {name}.",
        "La fiche avenir est à remplir.",
        "Le forum des métiers ouvre à {hour} heures.",
        "Les lycées accueillent les familles.",
    ),
}
_LATE_GOOD = ("brevet", "parcours")

_BAD = {
    "hameçon": (
        "Votre boîte académique a dépassé son quota.",
        "Confirmez votre mot de passe sous {hour} heures.",
        "Votre compte sera suspendu sans réponse.",
        "Le service informatique de l’académie vous remercie.",
    ),
    "colis": (
        "Votre colis est en attente de livraison.",
        "Réglez {sum} € de frais de douane.",
        "Dernière tentative le {day} {month}.",
        "Suivi du colis : cliquez ici.",
    ),
    "casino": (
        "Recevez un bonus de {sum} € sans dépôt !",
        "Jouez maintenant, retirez vos gains.",
        "{room} tours gratuits offerts.",
        "Réservé aux nouveaux inscrits.",
    ),
    "crypto": (
        "Ce professeur gagne {sum} € par jour grâce au bitcoin.",
        "La plateforme que les banques vous cachent.",
        "Investissement minimum de 250 €.",
        "Revenus garantis sans effort.",
    ),
    "pilules": (
        "Retrouvez la forme sans ordonnance.",
        "Livraison discrète en {hour} heures.",
        "-{room} % sur la première commande.",
        "Des milliers de clients satisfaits.",
    ),
    "héritage": (
        "Je suis l’avocat d’un défunt client.",
        "Une somme de {sum} 000 dollars vous revient.",
        "Gardez ce message confidentiel.",
        "Envoyez une copie de votre identité.",
    ),
    "crédit": (
        "Prêt accordé sans justificatif.",
        "Jusqu’à {sum} 000 € en {hour} heures.",
        "Taux exceptionnel de 2 %.",
        "Regroupez vos crédits dès maintenant.",
    ),
    "cpf": (
        "Votre compte formation expire le {day} {month}.",
        "{sum} € disponibles pour vos droits.",
        "Réclamez votre ordinateur offert.",
        "Inscription gratuite sur la plateforme.",
    ),
    "facture": (
        "Ci-joint votre facture impayée de {sum} €.",
        "Ouvrez la pièce jointe pour éviter les poursuites.",
        "Mise en demeure avant le {day} {month}.",
        "Service recouvrement.",
    ),
    "rencontre": (
        "{name} souhaite vous rencontrer.",
        "Regardez mes photos privées.",
        "Femmes seules près de chez vous.",
        "Inscription gratuite et anonyme.",
    ),
    "impôts": (
        "Remboursement d’impôt de {sum} € en votre faveur.",
        "Complétez le formulaire sécurisé.",
        "Votre avis est disponible avant le {day} {month}.",
        "Direction générale des finances.",
    ),
    "vignette": (
        "Votre carte vitale arrive à expiration.",
        "Renouvelez-la en ligne pour {sum} €.",
        "Sans réponse vos droits seront suspendus.",
        "Assurance maladie, espace assuré.",
    ),
}
_LATE_BAD = ("impôts", "vignette")

_FILLER_WORDS = """
bonjour madame monsieur cordialement bien projet école lycée collège élèves classe année semaine lundi jeudi réponse
document service message équipe demande information compte accès site page lien numéro adresse nouveau votre notre
cette pour avec dans sans plus tout très aussi après avant pendant merci besoin possible prochain dernier important
"""
_FILLER = _FILLER_WORDS.split()
_NAMES = ("Lina", "Hugo", "Inès", "Adam", "Jade", "Noah", "Zoé", "Malo", "Nour", "Élise", "Yanis", "Chloé")
_SUBJECTS = ("mathématiques", "français", "anglais", "histoire", "physique", "technologie", "musique", "espagnol")
_MONTH_NAMES = """
septembre octobre novembre décembre janvier février mars avril mai juin juillet août
"""
_MONTHS = _MONTH_NAMES.split()
_TOP = ("com", "info", "shop", "online", "net", "org", "fr")


@dataclass(frozen=True, slots=True)
class Sample:
    """A message of the corpus."""

    at: datetime
    spam: bool
    octets: bytes


def corpus(seed: int, good: int, bad: int) -> list[Sample]:
    """So many messages of each kind, in the order in which they came."""
    dice = random.Random(seed)
    made = [_sample(dice, number / good, spam=False) for number in range(good)]
    made += [_sample(dice, number / bad, spam=True) for number in range(bad)]
    return sorted(made, key=lambda one: one.at)


def _sample(dice: random.Random, when: float, *, spam: bool) -> Sample:
    at = _BEGIN + timedelta(days=365 * when, minutes=dice.randrange(1440))
    kinds, late = (_BAD, _LATE_BAD) if spam else (_GOOD, _LATE_GOOD)
    kind = dice.choice([one for one in kinds if one not in late or when >= 0.75])
    own = kinds[kind]
    lines = dice.sample(own, dice.randint(2, len(own))) + dice.sample(_SHARED, dice.randint(1, 4))
    lines += [
        " ".join(dice.choice(_FILLER) for _ in range(dice.randint(5, 25))) + "." for _ in range(dice.randint(0, 3))
    ]
    dice.shuffle(lines)
    text = "\n".join(_filled(dice, line) for line in lines)
    subject = _filled(dice, dice.choice(own)).rstrip(".|!")
    month = int(when * MONTHS)
    sender, host = _sender(dice, kind, month, spam=spam)
    return Sample(
        at, spam, _message(dice, at, sender, subject, text, host, html=dice.random() < (0.6 if spam else 0.3))
    )


def _sender(dice: random.Random, kind: str, month: int, *, spam: bool) -> tuple[str, str]:
    """Junk changes its hosts each month, good mail mostly stays; both have strangers from the large providers."""
    if dice.random() < 0.3:
        provider = dice.choice(("gmail.com", "orange.fr", "free.fr", "outlook.com"))
        return (
            f"{dice.choice(_NAMES)} <contact{dice.randrange(5000)}@{provider}>",
            f"{kind}{dice.randrange(40)}.{provider}",
        )
    period = month if spam else month // 6
    place = random.Random(f"{kind} {period} {dice.randrange(12)} {spam}").randrange(10**6)
    host = f"x{place}.{_TOP[place % len(_TOP)]}"
    return (
        f"{dice.choice(_NAMES)} {kind.title()} <{dice.choice(('info', 'contact', 'service', 'no-reply'))}@{host}>",
        host,
    )


def _filled(dice: random.Random, line: str) -> str:
    return line.format_map(_Gaps(dice))


class _Gaps(dict[str, str]):
    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice

    def __missing__(self, gap: str) -> str:
        dice = self._dice
        return {
            "day": str(dice.randint(1, 28)),
            "month": dice.choice(_MONTHS),
            "sum": str(dice.randint(2, 900)),
            "form": f"{dice.randint(3, 6)}e {dice.choice('ABCD')}",
            "room": str(dice.randint(10, 70)),
            "hour": str(dice.randint(8, 48)),
            "name": dice.choice(_NAMES),
            "subject": dice.choice(_SUBJECTS),
        }[gap]


def _message(
    dice: random.Random, at: datetime, sender: str, subject: str, text: str, host: str, *, html: bool
) -> bytes:
    name, _, address = sender.rpartition(" ")
    head = [
        f"From: {Header(name, 'utf-8').encode()} {address}",
        f"To: personne{dice.randrange(300)}@ac-exemple.fr",
        f"Subject: {Header(subject, 'utf-8').encode()}",
        f"Date: {format_datetime(at)}",
        f"Message-ID: <{dice.getrandbits(64):x}@{host}>",
        "MIME-Version: 1.0",
        f"Content-Type: text/{'html' if html else 'plain'}; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    link = f"https://www.{host}/{dice.getrandbits(32):x}" if dice.random() < 0.6 else ""
    if html:
        paragraphs = "".join(f"<p>{line}</p>" for line in text.split("\n"))
        text = f"<html><body>{paragraphs}{f'<a href={link}>Accéder</a>' if link else ''}</body></html>"
    else:
        text = f"Bonjour,\n\n{text}\n{link}\n"
    return ("\r\n".join(head) + "\r\n\r\n" + text.replace("\n", "\r\n")).encode()


def messages(samples: list[Sample], *, spam: bool) -> Iterator[bytes]:
    """Those of one kind."""
    return (one.octets for one in samples if one.spam is spam)
