"""What pupils receive and write."""

from mailserver.demo.letter import Letter

DEVOIRS = (("skaci", "Devoirs"),)

LETTERS = (
    Letter(
        "dm4",
        "mmartin",
        "eleves.4b",
        (8, "17:10"),
        "Devoir maison n° 4",
        """Bonjour à tous,

Voici le devoir maison sur le théorème de Pythagore, à rendre vendredi de la semaine prochaine, sur feuille double.
L'exercice 2 demande un dessin. Les questions, c'est en classe ou ici, jusqu'à jeudi 18 heures.

M. Martin""",
        files=("exercices",),
        filed=DEVOIRS,
        flagged="skaci",
    ),
    Letter(
        "dm4-question",
        "skaci",
        "mmartin",
        (6, "18:05"),
        text="""Bonjour Monsieur,

Dans l'exercice 2, est-ce qu'il faut arrondir la hauteur, ou on peut laisser la racine carrée ?

Merci,
Sofia Kaci, 4e B""",
        answers="dm4",
        filed=(("mmartin", "Élèves/4e B"),),
    ),
    Letter(
        "dm4-reponse",
        "mmartin",
        "skaci",
        (6, "19:20"),
        text="""Bonsoir Sofia,

Bonne question : donne la valeur exacte, puis une valeur arrondie au centimètre. Tu tomberas sur un nombre tout rond,
c'est bon signe.

M. Martin""",
        answers="dm4-question",
        filed=DEVOIRS,
    ),
    Letter(
        "vocabulaire",
        "edupont",
        "eleves.4b",
        (5, "16:30"),
        "Unit 3: vocabulary to learn",
        """Hello everyone,

Here is the vocabulary of Unit 3 for Thursday's test. Learn the words in both directions!
For those who want more: watch the short video in the class folder, with English subtitles.

Ms Dupont""",
        files=("vocabulaire",),
        filed=DEVOIRS,
    ),
    Letter(
        "expose-1",
        "ibenali",
        "skaci lfontaine",
        (7, "17:45"),
        "exposé histoire !!",
        """coucou

on fait l'exposé sur la traite atlantique pour le 5. je prends Nantes et Bordeaux, Sofia le commerce triangulaire,
Lucas les cartes ? on se retrouve au CDI mardi à 13h ?

Inès""",
    ),
    Letter(
        "expose-2",
        "lfontaine",
        "ibenali skaci",
        (7, "18:30"),
        text="ok pour les cartes. mardi j'ai l'escalade, plutôt jeudi ?",
        answers="expose-1",
    ),
    Letter(
        "expose-3",
        "skaci",
        "ibenali lfontaine",
        (7, "18:52"),
        text="""Jeudi 13h au CDI c'est bon pour moi. J'ai demandé à Mme Rousseau, elle nous garde la petite salle.

Sofia""",
        answers="expose-2",
    ),
    Letter(
        "expose-4",
        "nrousseau",
        "skaci",
        (6, "09:05"),
        "Salle de travail jeudi",
        """Bonjour Sofia,

La petite salle du CDI est réservée pour vous trois jeudi de 13 h à 14 h. J'ai mis de côté deux livres et l'atlas
historique. Pensez à noter vos sources !

Mme Rousseau""",
    ),
    Letter(
        "delegues",
        "pgirard",
        "skaci hmercier",
        (10, "10:20"),
        "Formation des délégués",
        """Bonjour Sofia, bonjour Hugo,

La formation des délégués de 4e a lieu mardi de 10 h à 12 h en salle polyvalente. Vous serez dispensés de cours
; pensez à prévenir vos professeurs et à rattraper.

M. Girard, CPE""",
    ),
    Letter(
        "delegues-2",
        "skaci",
        "pgirard",
        (10, "17:02"),
        text="""Bonjour Monsieur,

C'est noté, je serai là. J'ai prévenu Mme Dupont.

Sofia Kaci""",
        answers="delegues",
    ),
    Letter(
        "theatre",
        "sbernard",
        "eleves.4b",
        (4, "12:15"),
        "Le Malade imaginaire : sortie au théâtre",
        """Bonjour,

Nous irons voir « Le Malade imaginaire » au Théâtre de la Source un jeudi de janvier, de 14 h à 16 h. L'invitation du
théâtre est jointe : vous pouvez l'ajouter à votre agenda. Autorisation parentale à rendre avant les vacances.

Mme Bernard""",
        cc="mmartin edupont",
        files=("invitation",),
    ),
    Letter(
        "club",
        "jpetit",
        "eleves.4b",
        (2, "11:50"),
        "AS : tournoi de badminton mercredi",
        """Salut les 4e,

Tournoi de badminton mercredi à 13 h 30, inscriptions par équipes de deux auprès de moi ou de la vie scolaire. Baskets
propres et gourde. Les débutants sont bienvenus.

M. Petit""",
        unread="skaci",
    ),
    Letter(
        "anniversaire",
        "ibenali",
        "skaci",
        (0, "75"),
        "samedi",
        """tu viens samedi pour mon anniv ? mes parents sont d'accord, on fait un laser game à 15h.
ramène rien (enfin si, des bonbons)

Inès""",
    ),
    Letter(
        "brouillon-sofia",
        "skaci",
        "edupont",
        (1, "19:10"),
        "Question sur le test",
        "Bonjour Madame,\n\nEst-ce que pour le test de jeudi il faut aussi savoir ",
        draft=True,
    ),
)
