"""What teachers write to one another."""

from mailserver.demo.letter import Letter

VOYAGE = (("edupont", "Projets/Voyage Angleterre"), ("mmartin", "Projets"))
CLASSE = (("edupont", "Élèves/4e B"), ("mmartin", "Élèves/4e B"))

LETTERS = (
    Letter(
        "voyage-1",
        "edupont",
        "equipe.4b",
        (24, "12:40"),
        "Voyage en Angleterre : qui accompagne ?",
        """Bonjour à tous,

Je relance le projet de séjour dans le Kent pour les deux classes de 4e, sur une semaine au printemps.
Il me faut trois accompagnateurs en plus de moi, dont au moins un homme pour la répartition dans les familles.

Horizons Scolaires m'envoie un devis dans la semaine. Je vise 380 euros par élève, avec l'aide du foyer et du
fonds social pour les familles qui en ont besoin.

Qui serait partant ?

Émilie""",
        cc="ilambert",
        filed=VOYAGE,
    ),
    Letter(
        "voyage-2",
        "mmartin",
        "edupont",
        (24, "13:05"),
        text="""Partant ! J'étais de celui d'il y a trois ans, bons souvenirs (sauf la traversée du retour).
Pense à poser les dates avant que le brevet blanc ne soit fixé.""",
        cc="equipe.4b",
        answers="voyage-1",
        filed=VOYAGE,
    ),
    Letter(
        "voyage-3",
        "jpetit",
        "edupont",
        (23, "18:22"),
        text="""Je veux bien aussi, à condition de ne pas tomber sur la semaine de l'UNSS.

Julien""",
        cc="mmartin",
        answers="voyage-1",
        filed=VOYAGE,
    ),
    Letter(
        "voyage-4",
        "khaddad",
        "edupont",
        (23, "20:15"),
        text="""Bonsoir Émilie,

Pas cette année pour moi (le petit dernier arrive en mars !), mais je m'occupe volontiers de la préparation en
classe : la ville médiévale, Canterbury, et la bataille d'Angleterre à Douvres.""",
        answers="voyage-1",
        filed=VOYAGE,
    ),
    Letter(
        "voyage-devis",
        "horizons",
        "edupont",
        (19, "10:31"),
        "Votre séjour dans le Kent : devis n° 2026-1187",
        """Madame,

Suite à notre échange téléphonique, veuillez trouver ci-joint notre devis pour un séjour de cinq jours et
quatre nuits, 49 élèves et 4 accompagnateurs.

Les familles d'accueil se trouvent toutes dans un rayon de quinze minutes autour du point de rendez-vous.
Une option sans acompte est posée pendant trente jours.

Nous restons à votre disposition,

Mathilde Aubry
Horizons Scolaires""",
        files=("devis",),
        filed=VOYAGE,
        flagged="edupont",
    ),
    Letter(
        "voyage-5",
        "edupont",
        "ilambert",
        (18, "11:10"),
        "Voyage en Angleterre : devis reçu",
        """Madame la Principale,

J'ai reçu le devis d'Horizons Scolaires : 18 620 euros pour 49 élèves, soit 380 euros par famille avant aides.
Marc Martin et Julien Petit accompagnent ; il manque une personne.

Pourrions-nous l'inscrire à l'ordre du jour du prochain conseil d'administration ?

Bien cordialement,
Émilie Dupont""",
        cc="rleroy mmartin",
        files=("devis",),
        filed=VOYAGE,
    ),
    Letter(
        "voyage-6",
        "ilambert",
        "edupont",
        (17, "08:05"),
        text="""Bonjour Émilie,

Très bien. Régine l'inscrit au conseil d'administration. Prévoyez une page de présentation : objectifs, budget,
part des familles, calendrier. Pour la quatrième personne, voyez avec Anne Leclerc : une infirmière dans le car,
cela rassure les parents.

I. Lambert""",
        cc="rleroy",
        answers="voyage-5",
        filed=VOYAGE,
        flagged="edupont",
    ),
    Letter(
        "voyage-7",
        "aleclerc",
        "edupont",
        (15, "14:48"),
        "Angleterre",
        """Coucou Émilie,

C'est d'accord pour moi si mon remplacement est trouvé pour la semaine. Il me faudra les fiches sanitaires trois
semaines avant le départ, et les PAI à part, sous pli.

Anne""",
        filed=VOYAGE,
    ),
    Letter(
        "voyage-kent",
        "college_kent",
        "edupont",
        (9, "17:20"),
        "Your visit in the spring",
        """Dear Émilie,

How lovely to hear from you again! We would be delighted to welcome your pupils for a morning at Oakwood.
Our Year 8s have started writing letters for their French partners; expect a parcel before Christmas.

Would the Tuesday suit you? We could do an assembly, two shared lessons and lunch in the canteen.

Warmest wishes,
Sarah Whitfield
Head of Modern Languages, Oakwood School""",
        html="<p>Dear Émilie,</p><p>How lovely to hear from you again! We would be delighted to welcome your pupils "
        "for a morning at Oakwood. Our Year 8s have started writing letters for their French partners; expect a parcel "
        "before Christmas.</p><p>Would the <b>Tuesday</b> suit you? We could do an assembly, two shared lessons and "
        'lunch in the canteen.</p><p><img src="cid:kent@demo" width="480" alt="The hills behind the school"></p>'
        "<p>Warmest wishes,<br>Sarah Whitfield<br><i>Head of Modern Languages, Oakwood School</i></p>",
        files=("cid:kent",),
        filed=VOYAGE,
        flagged="edupont",
    ),
    Letter(
        "voyage-8",
        "edupont",
        "college_kent",
        (8, "12:52"),
        text="""Dear Sarah,

Tuesday is perfect, thank you so much. The pupils are thrilled about the letters.
I will send you the list of names and their timetable as soon as the school board has said yes.

All the best,
Émilie""",
        answers="voyage-kent",
        filed=VOYAGE,
    ),
    Letter(
        "reunion-4b",
        "mmartin",
        "equipe.4b",
        (12, "07:50"),
        "4e B : point sur la classe avant le conseil",
        """Bonjour,

Avant le conseil de classe, je vous propose qu'on se retrouve vingt minutes en salle B12, jeudi à 13 h 10.

À voir ensemble :
 - le bavardage en fin de journée (le nouveau plan de classe est joint) ;
 - Hugo Mercier, dont les résultats baissent partout depuis un mois ;
 - la mise en place du tutorat.

Merci de remplir les moyennes d'ici là. Les miennes y sont déjà.

Marc""",
        files=("plan", "moyennes"),
        filed=CLASSE,
        flagged="edupont",
    ),
    Letter(
        "reunion-4b-2",
        "sbernard",
        "mmartin",
        (12, "10:12"),
        text="""Présente. Pour Hugo : il ne rend plus rien en français depuis la Toussaint, mais il écoute. Je
crois qu'il y a
quelque chose à la maison. Philippe, tu as des nouvelles ?""",
        cc="equipe.4b",
        answers="reunion-4b",
        filed=CLASSE,
    ),
    Letter(
        "reunion-4b-3",
        "pgirard",
        "sbernard",
        (12, "11:40"),
        text="""Je vois sa mère demain matin. Je vous en dis plus jeudi, de vive voix.

Philippe""",
        cc="mmartin edupont",
        answers="reunion-4b-2",
        filed=CLASSE,
    ),
    Letter(
        "reunion-4b-4",
        "edupont",
        "mmartin",
        (11, "08:20"),
        text="""J'y serai. Moyennes d'anglais saisies. Le nouveau plan de classe fait déjà des miracles le
vendredi à 16 h, merci !

Émilie""",
        answers="reunion-4b",
        filed=CLASSE,
    ),
    Letter(
        "projet-lecture",
        "nrousseau",
        "edupont sbernard",
        (20, "09:35"),
        "Défi lecture : les livres sont arrivés",
        """Bonjour toutes les deux,

Les vingt-cinq titres du défi lecture sont au CDI, dont six en anglais facile (merci Émilie pour la liste).
On peut lancer les équipes après les vacances. Je propose le créneau du mardi, 11 h - 12 h, à partir de la rentrée.

J'ai gardé de côté « The Canterville Ghost » pour les plus courageux.

Nathalie""",
    ),
    Letter(
        "projet-lecture-2",
        "sbernard",
        "nrousseau",
        (20, "12:30"),
        text="Parfait pour moi. Les 4e B ont déjà trouvé le nom de leurs équipes, je te laisse la surprise...",
        cc="edupont",
        answers="projet-lecture",
    ),
    Letter(
        "copies",
        "cmoreau",
        "edupont",
        (6, "16:55"),
        "Échange de salle lundi ?",
        """Salut Émilie,

J'aurais besoin de la salle B07 lundi en M3 pour une dissection (oui, le cœur de mouton...). Tu pourrais prendre
mon labo à la place ? Il est propre, promis.

Claire""",
    ),
    Letter(
        "copies-2",
        "edupont",
        "cmoreau",
        (6, "17:21"),
        text="""Ça marche pour lundi, mais tu me dois un café. Et tu aères avant 11 h !

Émilie""",
        answers="copies",
    ),
    Letter(
        "copies-3",
        "cmoreau",
        "edupont",
        (5, "07:48"),
        text="Un café et un croissant. Merci !",
        answers="copies-2",
    ),
    Letter(
        "conseil-pedagogique",
        "ilambert",
        "professeurs.tilleuls",
        (7, "17:30"),
        "Conseil pédagogique : ordre du jour",
        """Mesdames, Messieurs,

Le conseil pédagogique se tiendra jeudi à 17 heures en salle polyvalente. Vous trouverez l'ordre du jour ci-joint.
Merci à chaque coordonnateur de préparer en une page le bilan des évaluations de sa discipline.

Isabelle Lambert""",
        cc="pgirard rleroy",
        files=("ordre-du-jour",),
        flagged="edupont mmartin",
    ),
    Letter(
        "brevet-blanc",
        "ilambert",
        "professeurs.tilleuls",
        (4, "11:15"),
        "Brevet blanc : appel à sujets",
        """Bonjour,

Les épreuves blanches auront lieu fin janvier. Les équipes de français, de mathématiques, d'histoire-géographie et
de sciences m'envoient leurs sujets pour le 10 décembre au plus tard, afin que Mme Leroy les fasse reprographier.

Les surveillances seront affichées en salle des professeurs la première semaine de janvier.

I. Lambert""",
        cc="rleroy",
    ),
    Letter(
        "brevet-blanc-2",
        "mmartin",
        "ilambert",
        (4, "13:44"),
        text="""Bonjour,

Le sujet de mathématiques est prêt, je vous le dépose sous enveloppe demain matin avec le barème.

Marc Martin""",
        answers="brevet-blanc",
    ),
    Letter(
        "galette",
        "jpetit",
        "personnels.tilleuls",
        (3, "10:02"),
        "Repas de Noël du personnel",
        """Salut à toutes et à tous,

Repas de Noël le dernier jeudi avant les vacances, à 12 h 15, au réfectoire côté profs. Chacun apporte quelque chose :
entrée pour les A-G, plat pour les H-M, dessert pour les autres. Boissons : l'amicale.

Répondez-moi avant vendredi, que je compte les assiettes.

Julien""",
    ),
    Letter(
        "galette-2",
        "edupont",
        "jpetit",
        (3, "10:40"),
        text="Avec plaisir ! Dupont, donc une entrée : je fais des mince pies, et tant pis si c'est un dessert.",
        answers="galette",
    ),
    Letter(
        "galette-3",
        "nrousseau",
        "jpetit",
        (2, "08:31"),
        text="Présente, avec une bûche sans gluten.",
        cc="personnels.tilleuls",
        answers="galette",
    ),
    Letter(
        "tice",
        "khaddad",
        "mmartin edupont",
        (2, "21:07"),
        "Vidéoprojecteur B12",
        """Bonsoir,

Le vidéoprojecteur de la B12 passe au vert au bout de dix minutes. J'ai prévenu l'informatique. En attendant, celui
de la B14 est libre en M1 et M2.

Karim""",
        unread="mmartin",
    ),
    Letter(
        "evaluation-commune",
        "mmartin",
        "edupont",
        (1, "18:42"),
        "Évaluation de vendredi",
        """Émilie,

Est-ce que tu as prévu un contrôle vendredi avec les 4e B ? J'ai mon devoir sur Pythagore en M2, et Sophie une dictée
en M4. Ça fait beaucoup. Je peux décaler à lundi.

Marc""",
        unread="edupont",
        flagged="edupont",
    ),
    Letter(
        "cdi-relance",
        "nrousseau",
        "edupont",
        (0, "95"),
        "Ton retard au CDI :-)",
        """Émilie,

Trois livres à rendre depuis septembre, dont « Wuthering Heights ». Les élèves, eux, ont une amende en chocolat.

Nathalie""",
    ),
    Letter(
        "conseil-classe",
        "mmartin",
        "equipe.4b",
        (0, "48"),
        "4e B : conseil de classe, appréciations à relire",
        """Bonjour,

Les appréciations générales sont rédigées. Relisez-les d'ici demain soir, surtout celles d'Inès (félicitations ?) et
de Hugo (mise en garde ou non, après ce que nous a dit Philippe).

Marc""",
        files=("convocation",),
    ),
    Letter(
        "brouillon-voyage",
        "edupont",
        "equipe.4b",
        (1, "22:10"),
        "Voyage en Angleterre : présentation au conseil d'administration",
        """Bonjour à tous,

Voici la page que je présenterai au conseil d'administration. Dites-moi si

Objectifs :
 - la langue, bien sûr ;
 -
Budget : 18 620 euros, dont""",
        draft=True,
    ),
    Letter(
        "brouillon-sujet",
        "mmartin",
        "cmoreau",
        (2, "17:15"),
        "Sujet de sciences du brevet blanc",
        """Claire,

Pour le sujet commun, je te propose de partir du vol en montgolfière : volume, masse volumique, et pour toi""",
        draft=True,
    ),
)
