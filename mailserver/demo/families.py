"""What parents and the school write to each other."""

from mailserver.demo.letter import Letter

SUIVI = (("edupont", "Élèves/4e B/Suivi"), ("mmartin", "Élèves/4e B"))
INSCRIPTIONS = (("rleroy", "Familles/Inscriptions"),)

LETTERS = (
    Letter(
        "benali-1",
        "nbenali",
        "edupont",
        (14, "20:31"),
        "Inès, anglais",
        """Bonsoir Madame,

Inès est revenue ravie de l'oral de lundi. Elle aimerait passer le Cambridge en fin d'année : est-ce possible en 4e,
et faut-il l'inscrire quelque part ?

Merci pour tout ce que vous faites,
Nadia Benali""",
        filed=SUIVI,
    ),
    Letter(
        "benali-2",
        "edupont",
        "nbenali",
        (13, "12:35"),
        text="""Bonjour Madame,

Inès peut tout à fait se présenter au « Preliminary » : le collège est centre d'examen et prend en charge la moitié
des frais. Le formulaire est à retirer au secrétariat avant la fin janvier.

Bien cordialement,
Émilie Dupont""",
        answers="benali-1",
        filed=SUIVI,
    ),
    Letter(
        "benali-3",
        "nbenali",
        "edupont",
        (13, "19:02"),
        text="Formidable, je passe au secrétariat demain. Merci !",
        answers="benali-2",
        filed=SUIVI,
    ),
    Letter(
        "mercier-1",
        "smercier",
        "mmartin",
        (10, "22:48"),
        "Hugo Mercier",
        """Monsieur Martin,

J'ai bien eu votre message. Hugo traverse une période difficile, son père et moi nous séparons. Il ne dort pas bien.
Je préférais que vous le sachiez. Serait-il possible de se parler au téléphone, plutôt en fin de journée ?

Sandrine Mercier
06 39 98 41 72""",
        filed=SUIVI,
        flagged="mmartin",
    ),
    Letter(
        "mercier-2",
        "mmartin",
        "smercier",
        (9, "08:10"),
        text="""Chère Madame,

Merci de votre confiance. Je vous appelle ce soir à 18 h 30. Nous en parlons aussi, avec discrétion, avec M. Girard et
l'infirmière : on va aménager le rythme de Hugo jusqu'aux vacances.

Bien à vous,
Marc Martin""",
        answers="mercier-1",
        filed=SUIVI,
    ),
    Letter(
        "kaci-1",
        "fkaci",
        "mmartin",
        (5, "18:20"),
        "Absence de Sofia vendredi",
        """Bonjour,

Sofia sera absente vendredi matin pour un rendez-vous chez l'orthodontiste. Elle sera là à 13 h 30 et rattrapera les
cours avec Inès.

Cordialement,
Farid Kaci""",
        cc="rleroy",
        filed=(("mmartin", "Élèves/4e B"),),
    ),
    Letter(
        "kaci-2",
        "rleroy",
        "fkaci",
        (4, "08:02"),
        text="""Bonjour Monsieur,

C'est noté. Merci de remplir aussi le billet du carnet de liaison, que Sofia présentera à la vie scolaire à son
retour.

Cordialement,""",
        answers="kaci-1",
    ),
    Letter(
        "benali-inscription",
        "nbenali",
        "rleroy",
        (12, "08:40"),
        "Inscription au Cambridge",
        """Bonjour Madame Leroy,

Sur les conseils de Mme Dupont, je souhaite inscrire ma fille Inès (4e B) à l'examen de Cambridge. Puis-je passer
retirer le dossier vendredi vers 17 heures ?

Nadia Benali""",
        filed=INSCRIPTIONS,
    ),
    Letter(
        "benali-inscription-2",
        "rleroy",
        "nbenali",
        (12, "09:15"),
        text="""Bonjour Madame,

Oui, le secrétariat est ouvert jusqu'à 17 h 30. Je vous prépare le dossier. Il faudra une copie de la pièce
d'identité d'Inès.

Bonne journée,""",
        answers="benali-inscription",
        filed=INSCRIPTIONS,
    ),
    Letter(
        "demi-pension",
        "smercier",
        "rleroy",
        (8, "13:26"),
        "Changement de régime de demi-pension",
        """Bonjour,

À partir de janvier, Hugo mangera au collège quatre jours par semaine au lieu de deux. Y a-t-il un formulaire ?

Merci d'avance,
S. Mercier""",
        filed=INSCRIPTIONS,
    ),
    Letter(
        "demi-pension-2",
        "rleroy",
        "smercier",
        (7, "09:50"),
        text="""Bonjour Madame,

La demande se fait par simple courrier avant le 15 décembre : votre message suffit, je le verse au dossier.
La facture du deuxième trimestre tiendra compte du changement.

Cordialement,""",
        answers="demi-pension",
        filed=INSCRIPTIONS,
    ),
    Letter(
        "certificat",
        "fkaci",
        "rleroy",
        (1, "19:35"),
        "Certificat de scolarité",
        """Bonjour,

Pourriez-vous m'envoyer un certificat de scolarité pour Sofia Kaci (4e B) ? Mon employeur me le demande.

Merci beaucoup,
Farid Kaci""",
        unread="rleroy",
        flagged="rleroy",
    ),
    Letter(
        "benali-4",
        "nbenali",
        "edupont",
        (0, "140"),
        "Rendez-vous ?",
        """Bonjour Madame,

Auriez-vous dix minutes mardi ou jeudi à 17 heures pour parler du voyage en Angleterre ? Nous avons une question sur
l'aide du fonds social.

Bien cordialement,
Nadia Benali""",
    ),
)
