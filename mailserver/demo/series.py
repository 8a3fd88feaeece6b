"""What comes every day or every week: absences, menus, newsletters, reports, and junk."""

from collections.abc import Iterator

from mailserver.demo.letter import Letter, page
from mailserver.demo.moments import Calendar, french_day

WEEKS = 7
ABSENCE_DAYS = 14
NIGHTS = 20

_ABSENT = (
    "M. Haddad (M1 à M4), sortie pédagogique",
    "Mme Moreau (toute la journée), maladie",
    "aucun professeur absent",
    "M. Petit (S1 à S3), compétition UNSS",
    "Mme Bernard (M3, M4), formation",
    "aucun professeur absent",
    "Mme Rousseau (CDI fermé l'après-midi), réunion de bassin",
)
_MENUS = (
    "Lundi : carottes râpées, lasagnes de légumes, yaourt fermier\n"
    "Mardi : salade verte, poulet rôti, gratin de courge, compote\n"
    "Jeudi : betteraves, poisson du jour, riz pilaf, fromage, fruit\n"
    "Vendredi : soupe de potiron, parmentier végétal, clémentine",
    "Lundi : taboulé, omelette, haricots verts, crème dessert\n"
    "Mardi : céleri, bœuf bourguignon, pommes vapeur, fruit\n"
    "Jeudi : menu de l'Italie, risotto aux champignons, panna cotta\n"
    "Vendredi : endives aux noix, colin, purée de brocolis, gâteau maison",
    "Lundi : salade de lentilles, quiche aux poireaux, fromage blanc\n"
    "Mardi : chou rouge, sauté de dinde, semoule, orange\n"
    "Jeudi : velouté, couscous de légumes, île flottante\n"
    "Vendredi : pamplemousse, brandade, salade, fruit de saison",
)
_NEWS = (
    ("Lire en classe : dix albums pour l'hiver", "Une sélection de nos libraires, du cycle 2 au lycée."),
    ("Enseigner l'oral : notre nouvelle collection", "Des séances prêtes à l'emploi, avec enregistrements."),
    ("Concours d'écriture : les inscriptions sont ouvertes", "Thème de l'année : « La lettre jamais envoyée »."),
    ("Histoire des arts : trois dossiers gratuits", "Le vitrail, l'affiche, la photographie de rue."),
    ("Nos manuels changent : feuilletez-les en ligne", "Spécimens offerts aux enseignants."),
    ("La rentrée littéraire jeunesse", "Vingt romans lus et commentés par des professeurs."),
)
_SHELF = (
    ("trois romans policiers et une bande dessinée sur l'Amazonie", "Le loup, mode d'emploi"),
    ("les nouveaux atlas, enfin", "Chroniques d'une maison hantée"),
    ("un rayon de lectures en anglais facile", "The Canterville Ghost"),
    ("des revues de sciences et un jeu sur les fractions", "Pythagore et la clé perdue"),
    ("la presse de la semaine et deux documentaires sur les océans", "Vingt mille lieues sous les mers"),
)
_PARTS = ("nord", "centre", "sud")


def letters(calendar: Calendar) -> Iterator[Letter]:
    """Every recurring message of the last weeks."""
    yield from _absences(calendar)
    yield from _weekly()
    yield from _library()
    yield from _reports()
    yield from _junk()


def _absences(calendar: Calendar) -> Iterator[Letter]:
    for day in range(1, ABSENCE_DAYS):
        date = french_day(calendar.school_day(day))
        yield Letter(
            f"absences-{day}",
            "rleroy",
            "personnels.tilleuls",
            (day, "07:40"),
            f"Absences du {date}",
            f"Bonjour,\n\nAujourd'hui : {_ABSENT[day % len(_ABSENT)]}.\n\nBonne journée,",
            filed=(("rleroy", "Vie scolaire"), ("edupont", "Vie scolaire")),
        )


def _weekly() -> Iterator[Letter]:
    for week in range(WEEKS):
        days = 5 * week + 2
        yield Letter(
            f"menu-{week}",
            "pgirard",
            "personnels.tilleuls eleves.4b",
            (days, "10:00"),
            "Cantine : menus de la semaine prochaine",
            f"{_MENUS[week % len(_MENUS)]}\n\nBon appétit !\nLa vie scolaire",
            filed=tuple((login, "Trash") for login in ("edupont", "mmartin", "skaci") if week > 3),
        )
        title, line = _NEWS[week % len(_NEWS)]
        yield Letter(
            f"preau-{week}",
            "preau",
            "edupont sbernard nrousseau",
            (days + 1, "06:30"),
            title,
            f"{title}\n\n{line}\n\nVous recevez cette lettre parce que vous êtes inscrit aux Éditions du Préau.",
            html=page(
                title,
                line,
                'Retrouvez le détail sur <a href="https://www.editions-du-preau.example/lettre">notre site</a>.',
                '<span style="color:#777;font-size:12px">Vous recevez cette lettre parce que vous êtes inscrit. '
                '<a href="https://www.editions-du-preau.example/desinscription">Se désinscrire</a></span>',
                head="#8a3b5c",
                picture=f"https://images.editions-du-preau.example/lettre-{week}.jpg",
            ),
            filed=(("edupont", "Lettres d'information"),),
        )


def _library() -> Iterator[Letter]:
    for week in range(WEEKS):
        novelties, favourite = _SHELF[week % len(_SHELF)]
        yield Letter(
            f"cdi-{week}",
            "nrousseau",
            "professeurs.tilleuls eleves.4b",
            (5 * week + 4, "16:40"),
            f"Les nouveautés du CDI, n° {18 - week}",
            f"Bonjour à toutes et à tous,\n\nCette semaine au CDI : {novelties}.\n\n"
            f"Notre coup de cœur : « {favourite} ».\n\n"
            "Le club lecture se réunit mardi à 13 heures, tout le monde est bienvenu.",
        )


def _reports() -> Iterator[Letter]:
    for night in range(1, NIGHTS):
        size = 41 + night * 3 % 17
        yield Letter(
            f"sauvegarde-{night}",
            "orenaud",
            "admin",
            (night, "04:10"),
            "[exploitation] Sauvegarde de nuit : succès",
            f"Sauvegarde de nuit terminée.\n\n  base      {size},2 Go   00:07:4{night % 10}\n"
            f"  contenus  {size * 5},8 Go   00:31:1{night % 10}\n  vérification : 3 boîtes relues sans différence "
            f"(site {_PARTS[night % 3]})\n",
            filed=(("admin", "Exploitation/Sauvegardes"),),
        )


_JUNK = (
    (
        "Support Messagerie <support@revalidation-boite.example>",
        "URGENT : votre boîte est pleine à 98 %",
        "Cher utilisateur,\n\nVotre boîte académique a dépassé sa limite. Cliquez ici sous 24 heures pour la "
        "revalider, sinon elle sera supprimée :\n\nhttp://revalidation-boite.example/login\n\nLe service technique",
    ),
    (
        "Loterie Européenne <gagnant@tirage-officiel.example>",
        "Félicitations, vous avez gagné 850 000 €",
        "Votre adresse a été tirée au sort parmi 3 millions d'internautes. Répondez avec votre nom, votre adresse et "
        "une copie de votre pièce d'identité pour recevoir votre gain.",
    ),
    (
        "Colis Express <suivi@colis-en-attente.example>",
        "Votre colis est en attente de paiement (1,95 €)",
        "Le colis FR-4471882 n'a pas pu être livré. Réglez les frais de douane de 1,95 € : "
        "http://colis-en-attente.example/payer",
    ),
    (
        "Pharma Direct <promo@pharma-direct.example>",
        "-80 % sur vos compléments, aujourd'hui seulement",
        "Livraison discrète en 48 h. Satisfait ou remboursé. Se désabonner : http://pharma-direct.example/stop",
    ),
    (
        "Direction <i.lambert.principale@gratuit.example>",
        "Demande confidentielle",
        "Êtes-vous disponible ? J'ai besoin que vous achetiez quatre cartes cadeaux pour un partenaire. Envoyez-moi "
        "les codes par retour de mail, je suis en réunion.\n\nI. Lambert",
    ),
    (
        "Trading IA <club@fortune-ia.example>",
        "Comment Paul, professeur, gagne 4 000 € par mois",
        "Notre intelligence artificielle investit pour vous. 100 places seulement. Inscrivez-vous : http://fortune-ia.example",
    ),
)
_VICTIMS = ("edupont", "mmartin", "rleroy", "admin", "cfaure", "skaci")


def _junk() -> Iterator[Letter]:
    for number in range(2 * len(_JUNK)):
        author, subject, text = _JUNK[number % len(_JUNK)]
        victims = _VICTIMS[number % 3 :: 2] if number % 4 else _VICTIMS[:4]
        yield Letter(
            f"indesirable-{number}",
            author,
            " ".join(victims),
            (1 + number * 2, f"0{number % 6}:{10 + number}"),
            subject,
            text,
            html=f"<p>{text}</p>".replace("\n\n", "</p><p>"),
            junk=True,
            unread=" ".join(victims[::2]),
        )
