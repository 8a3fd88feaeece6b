"""What the secretariat, the direction and the academy's IT write."""

from mailserver.demo.letter import Letter, page

COMMANDES = (("rleroy", "Gestion/Commandes"),)
CONSEILS = (("rleroy", "Direction/Conseils"),)
INCIDENTS = (("admin", "Exploitation/Incidents"),)

LETTERS = (
    Letter(
        "ca-1",
        "ilambert",
        "rleroy",
        (16, "08:20"),
        "Conseil d'administration : préparation",
        """Régine,

Pour le conseil d'administration, merci de préparer les convocations (le quorum est à 13). À l'ordre du jour : budget
initial, voyage en Angleterre de Mme Dupont, convention avec le Théâtre de la Source, questions diverses.

I. L.""",
        filed=CONSEILS,
        flagged="rleroy",
    ),
    Letter(
        "ca-2",
        "rleroy",
        "ilambert",
        (15, "11:32"),
        text="""Madame,

Les convocations partent ce soir. Il me manque la fiche de présentation du voyage ; Mme Dupont me la promet pour
lundi. La salle polyvalente est réservée de 18 h à 21 h.""",
        answers="ca-1",
        filed=CONSEILS,
    ),
    Letter(
        "commande-1",
        "rleroy",
        "gallia",
        (14, "10:05"),
        "Commande de papier, collège Les Tilleuls",
        """Bonjour,

Merci de livrer 40 cartons de papier A4 80 g et 12 de papier A3, à l'ordre du collège Les Tilleuls, bon de commande
n° 318. Livraison possible du lundi au vendredi, 8 h - 11 h 30, par la cour de service.

Cordialement,""",
        filed=COMMANDES,
    ),
    Letter(
        "commande-2",
        "gallia",
        "rleroy",
        (13, "15:48"),
        "Re: Commande de papier, collège Les Tilleuls",
        """Bonjour Madame,

Votre commande n° 318 est enregistrée. Livraison prévue mardi entre 8 h et 10 h, par notre transporteur.

Le service clients, Papeterie Gallia""",
        answers="commande-1",
        filed=COMMANDES,
    ),
    Letter(
        "musee-1",
        "khaddad",
        "musee",
        (18, "16:10"),
        "Visite de la section archéologie, deux classes de 6e",
        """Madame, Monsieur,

Je souhaite réserver une visite guidée de la section archéologie pour deux classes de 6e (52 élèves), un mardi ou un
jeudi matin de janvier.

Karim Haddad, collège Les Tilleuls""",
        cc="rleroy",
    ),
    Letter(
        "musee-2",
        "musee",
        "khaddad",
        (16, "14:30"),
        text="""Bonjour Monsieur,

Nous vous proposons le jeudi 21 janvier, à 9 h 30 pour la première classe et 10 h 30 pour la seconde. La visite est
gratuite pour les collégiens du département.

Le service des publics scolaires""",
        cc="rleroy",
        answers="musee-1",
    ),
    Letter(
        "rectorat-bourses",
        "vroux",
        "secretariats",
        (11, "09:40"),
        "Campagne de bourses : tableau de suivi",
        """Bonjour Régine,

Tu utilises encore l'ancien tableau pour les bourses, ou tu as basculé sur le nouveau ? Chez nous, au lycée,
l'import ne prend pas les dossiers incomplets.

Valérie""",
    ),
    Letter(
        "rectorat-bourses-2",
        "rleroy",
        "vroux",
        (11, "10:12"),
        text="""Le nouveau, mais je garde une copie de l'ancien... Pour les dossiers incomplets, mets « 0 » dans
la colonne des
revenus, l'import passe et tu corriges ensuite.

Régine""",
        answers="rectorat-bourses",
    ),
    Letter(
        "rectorat-bourses-3",
        "vroux",
        "rleroy",
        (11, "10:15"),
        text="Tu me sauves la matinée !",
        answers="rectorat-bourses-2",
    ),
    Letter(
        "conseils-planning",
        "ilambert",
        "rleroy pgirard",
        (9, "17:55"),
        "Planning des conseils de classe",
        """Bonjour à tous les deux,

Voici l'ordre que je vous propose : 6e lundi et mardi, 5e jeudi, 4e et 3e la semaine suivante, à 17 h 15 et 18 h 15.
Régine, pouvez-vous envoyer les convocations aux délégués de parents ?

I. Lambert""",
        filed=CONSEILS,
    ),
    Letter(
        "conseils-planning-2",
        "rleroy",
        "ilambert",
        (8, "09:20"),
        text="""C'est parti ce matin. Le créneau des 4e B tombe en même temps que la réunion d'orientation des
3e : je propose de
la décaler à 18 h 30.""",
        cc="pgirard",
        answers="conseils-planning",
        filed=CONSEILS,
    ),
    Letter(
        "photocopies",
        "edupont",
        "rleroy",
        (6, "07:55"),
        "Photocopies pour jeudi",
        """Bonjour Régine,

Est-ce que je peux avoir 60 exemplaires du document joint pour jeudi matin ? Recto verso, agrafés si possible.

Merci mille fois,
Émilie""",
        files=("vocabulaire",),
    ),
    Letter(
        "photocopies-2",
        "rleroy",
        "edupont",
        (6, "10:30"),
        text="C'est fait, dans votre casier. (Le photocopieur du premier est en panne, venez au rez-de-chaussée.)",
        answers="photocopies",
    ),
    Letter(
        "mairie",
        "mairie",
        "mdubois",
        (10, "11:00"),
        "Travaux de peinture pendant les vacances",
        """Madame la Directrice,

Les travaux de peinture des classes du rez-de-chaussée auront lieu pendant les vacances de Noël. Merci de faire
dégager les murs la dernière semaine.

Le service des écoles""",
        cc="cfaure",
    ),
    Letter(
        "theatre-convention",
        "theatre",
        "rleroy",
        (5, "15:12"),
        "Convention de partenariat, représentation scolaire",
        """Bonjour Madame,

Veuillez trouver l'invitation à la représentation du « Malade imaginaire ». La convention signée peut nous être
retournée par courrier ou déposée à la billetterie.

Camille Ferrand
Théâtre de la Source, jeune public""",
        cc="sbernard",
        files=("invitation",),
        filed=CONSEILS,
    ),
    Letter(
        "bienvenue",
        "admin",
        "personnels.tilleuls eleves.4b hchevalier lfournier jnouveau vroux mdubois cfaure orenaud admin",
        (30, "08:00"),
        "Bienvenue dans votre nouvelle messagerie",
        """Bonjour,

Votre boîte académique est prête. Vous pouvez la consulter :
 - sur le web, en version simplifiée ou complète, à l'école, chez vous ou sur un téléphone ;
 - dans votre logiciel habituel (IMAP), avec le même identifiant et le même mot de passe ;
 - avec votre agenda et vos contacts, à l'adresse /dav/.

Les messages indésirables vont dans le dossier Indésirables : jetez-y un œil de temps en temps.

Souvenez-vous : votre mot de passe ne se saisit que sur la page de connexion. Aucun courriel ne vous le
demandera jamais.""",
        html=page(
            "Bienvenue dans votre messagerie",
            "Bonjour,",
            "Votre boîte académique est prête. Vous pouvez la consulter :",
            "<b>sur le web</b>, en version simplifiée ou complète, à l'école, chez vous ou sur un téléphone ;",
            "<b>dans votre logiciel habituel</b> (IMAP), avec le même identifiant et le même mot de passe ;",
            "<b>avec votre agenda et vos contacts</b>, à l'adresse <code>/dav/</code>.",
            "Les messages indésirables vont dans le dossier <i>Indésirables</i> : jetez-y un œil de temps en temps.",
            "<b>Votre mot de passe ne se saisit que sur la page de connexion.</b> "
            "Aucun courriel ne vous le demandera jamais.",
        ),
        files=("notice",),
    ),
    Letter(
        "maintenance",
        "admin",
        "directions secretariats personnels.tilleuls",
        (5, "16:00"),
        "Maintenance de la messagerie samedi de 6 h à 7 h",
        """Bonjour,

La messagerie sera interrompue samedi de 6 heures à 7 heures pour une mise à jour. Aucun message ne sera perdu :
ceux qui arrivent pendant ce temps sont remis à la fin de l'intervention.

Merci de votre patience,""",
    ),
    Letter(
        "hameconnage",
        "admin",
        "directions secretariats personnels.tilleuls",
        (2, "09:10"),
        "Attention : faux messages « Votre boîte est pleine »",
        """Bonjour,

Une vague de faux messages vous annonce que votre boîte est pleine et vous demande de « revalider » votre compte.
Ne cliquez pas, ne répondez pas : signalez-les comme indésirables, puis supprimez-les.

Si vous avez saisi votre mot de passe sur une autre page que celle de la messagerie, changez-le tout de suite et
prévenez-nous.""",
        flagged="rleroy",
    ),
    Letter(
        "hameconnage-2",
        "rleroy",
        "admin",
        (2, "09:35"),
        text="""Bonjour,

J'en ai reçu deux ce matin, bien rangés dans les indésirables. Faut-il vous les transmettre ?

Régine Leroy""",
        answers="hameconnage",
    ),
    Letter(
        "hameconnage-3",
        "admin",
        "rleroy",
        (2, "10:02"),
        text="""Bonjour Madame,

Non, merci : le bouton « indésirable » suffit, il nous apprend à les reconnaître.""",
        answers="hameconnage-2",
    ),
    Letter(
        "incident-1",
        "orenaud",
        "admin",
        (9, "07:42"),
        "File d'attente vers un opérateur",
        """Salut,

Depuis 6 h, les messages vers courriel.example s'accumulent (340 en file, « 421 try again later »). Ils limitent les
connexions, visiblement. Je descends à deux connexions en parallèle et je surveille.

Olivier""",
        filed=INCIDENTS,
        flagged="admin",
    ),
    Letter(
        "incident-2",
        "admin",
        "orenaud",
        (9, "08:15"),
        text="La file se vide : 120 à l'instant. Je laisse le réglage jusqu'à ce soir.",
        answers="incident-1",
        filed=INCIDENTS,
    ),
    Letter(
        "incident-3",
        "orenaud",
        "admin",
        (9, "11:30"),
        text="Zéro en attente. On note dans le carnet d'exploitation.",
        answers="incident-2",
        filed=INCIDENTS,
    ),
    Letter(
        "compte-nouveau",
        "hchevalier",
        "admin",
        (3, "14:20"),
        "Nouvelle collègue d'anglais",
        """Bonjour,

Mme Julie Nouveau a pris ses fonctions lundi au lycée Jean-Rostand. Son identifiant est bien créé, mais elle n'a
pas encore activé son compte : a-t-elle besoin d'autre chose que son NUMEN ?

Hélène Chevalier""",
    ),
    Letter(
        "compte-nouveau-2",
        "admin",
        "hchevalier",
        (3, "14:55"),
        text="""Bonjour Madame,

Son identifiant (jnouveau), son NUMEN et sa date de naissance suffisent pour la première connexion. Elle choisira
alors son mot de passe.""",
        answers="compte-nouveau",
    ),
    Letter(
        "veille-1",
        "veille",
        "admin",
        (4, "07:00"),
        "[Veille] Bulletin de sécurité hebdomadaire",
        """Bulletin de la semaine

1. Hausse des hameçonnages imitant des messageries académiques : expéditeurs récents, domaines jetables.
2. Mises à jour de sécurité des navigateurs : à déployer.
3. Rappel : désactivez les comptes des personnels partis.

CERT Éducation""",
        filed=(("admin", "Exploitation/Veille"),),
    ),
    Letter(
        "compte-parti",
        "mdubois",
        "admin",
        (6, "11:45"),
        "Compte de M. Parti",
        """Bonjour,

M. Gérard Parti est en retraite depuis le 1er du mois. Pouvez-vous suspendre son compte ?

Martine Dubois, école Jules-Ferry""",
    ),
    Letter(
        "compte-parti-2",
        "admin",
        "mdubois",
        (6, "12:05"),
        text="C'est fait. Ses messages sont conservés pendant le délai réglementaire. Bonne retraite à lui !",
        answers="compte-parti",
    ),
    Letter(
        "quota",
        "cfaure",
        "admin",
        (0, "30"),
        "Ma boîte est-elle pleine ?",
        """Bonjour,

J'ai reçu un message qui dit que ma boîte est pleine et que je dois cliquer. Je ne l'ai pas fait. C'est un vrai ?

Céline Faure""",
        flagged="admin",
    ),
    Letter(
        "ca-3",
        "ilambert",
        "rleroy",
        (0, "62"),
        "Procès-verbal du conseil d'administration",
        """Régine,

Le procès-verbal est signé. Merci de le transmettre au rectorat et d'en afficher une copie en salle des professeurs.

I. L.""",
    ),
    Letter(
        "brouillon-regine",
        "rleroy",
        "professeurs.tilleuls",
        (1, "16:20"),
        "Casiers : merci de les vider avant les vacances",
        "Bonjour,\n\nPlusieurs casiers débordent. Merci de les vider avant",
        draft=True,
    ),
)
