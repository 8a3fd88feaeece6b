"""The sentences that a `causes.Cause` fills in, by name: French, then English.

A name is kept with results of jobs and written by `mailserver import --json`: it never changes its meaning. Column
names and attributes (`given_name`, `ENTPersonJointure`) are those of the file, in both languages.
"""

from mailserver.recorded import RECORDED, WORDS
from mailserver.said import Said

NAMES = WORDS | {
    "given_name": Said("prénom", "given_name"),
    "surname": Said("nom", "surname"),
    "role": Said("population", "role"),
    "uai": Said("établissement", "uai"),
    "discipline": Said("discipline", "discipline"),
    "title": Said("civilité", "title"),
    "hidden": Said("caché", "hidden"),
    "address": Said("adresse", "address"),
    "aliases": Said("autres adresses", "aliases"),
    "affiliations": Said("rattachements", "affiliations"),
    "login": Said("identifiant", "login"),
    "state": Said("état", "state"),
    "activated": Said("activation", "activated"),
    "recovery_address": Said("adresse de secours", "recovery_address"),
    "close_at": Said("fermeture", "close_at"),
    "close_reason": Said("motif de la fermeture", "close_reason"),
    "welcome_due": Said("lettre de bienvenue", "welcome_due"),
    "source": Said("export", "source"),
    "source_key": Said("numéro dans l’export", "source_key"),
    "birth_date": Said("date de naissance", "birth_date"),
    "numen": Said("NUMEN", "numen"),
    "ine": Said("INE", "ine"),
    "query": Said("requête", "query"),
    "name": Said("nom", "name"),
    "writers": Said("qui peut écrire", "writers"),
    "moderated": Said("modération", "moderated"),
    "hidden_members": Said("membres cachés", "hidden_members"),
    "answers": Said("où vont les réponses", "answers"),
    "ends": Said("dernier jour", "ends"),
    "owners": Said("responsables", "owners"),
    "named writers": Said("personnes qui peuvent écrire", "named writers"),
    "addresses": Said("adresses", "addresses"),
}
"""Names of ours that a list in a sentence may hold."""

_PLACES = {
    "address-nobody": Said("l’adresse {address} ne mène à personne ici", "{address}: nobody here has this address"),
}
_FILES = {
    "file-empty": Said("le fichier est vide", "the file is empty"),
    "file-gone": Said(
        "le fichier n’est plus gardé : envoyez-le de nouveau", "the file is not kept any more: send it again"
    ),
    "in-file": Said("{file} : {why}", "{file}: {why}"),
    "at-line": Said("ligne {line} : {why}", "line {line}: {why}"),
    "column-unknown": Said(
        "la colonne « {column} » est inconnue ; on connaît {known}", "unknown column {column!r}; known are {known}"
    ),
    "column-missing": Said("la colonne « {column} » manque", "no column {column!r}"),
    "column-twice": Said("une colonne est nommée deux fois", "a column is named twice"),
    "utf-16": Said(
        "le fichier est en UTF-16 ; enregistrez-le en CSV UTF-8", "the file is UTF-16; save it as CSV UTF-8"
    ),
    "read-as": Said(
        "n’est pas en UTF-8 : lu en {encoding}, comme les tableurs l’écrivent",
        "not UTF-8: read as {encoding}, as spreadsheets write it",
    ),
    "not-of-encoding": Said("n’est pas en {encoding}", "not {encoding}"),
    "encoded-twice": Said(
        "UTF-8 lu dans un autre codage, puis enregistré de nouveau",
        "UTF-8 that was read as another encoding and saved again",
    ),
    "not-csv": Said("n’est pas du CSV : {error}", "not CSV: {error}"),
    "line-too-long": Said("une ligne de plus de {most} caractères", "a line of more than {most} characters"),
    "cells": Said("{cells} cellules pour {columns} colonnes", "{cells} cells for {columns} columns"),
    "too-many-places": Said(
        "plus de {most} établissements, classes et groupes", "more than {most} schools, classes and groups"
    ),
    "no-aaf": Said("il n’y a aucun fichier AAF", "no AAF file here"),
    "csv-is-one": Said(
        "ce n’est pas de l’AAF, et un export CSV est un seul fichier", "not AAF, and a CSV export is one file"
    ),
    "too-many-files": Said("plus de {most} fichiers", "more than {most} files"),
    "archive-bomb": Said("l’archive grossit plus de {most} fois", "grows more than {most} times"),
    "record-too-long": Said("un enregistrement de plus de {most} octets", "a record longer than {most} octets"),
    "not-xml": Said("n’est pas du XML : {error}", "not XML: {error}"),
    "not-aaf-type": Said(
        "n’est pas un fichier AAF : son type de document est « {name} »",
        "not an AAF file: its document type is {name!r}",
    ),
    "not-aaf-root": Said("n’est pas un fichier AAF : sa racine est <{name}>", "not an AAF file: its root is <{name}>"),
    "declares-entity": Said("déclare l’entité « {name} »", "declares the entity {name!r}"),
    "too-deep": Said("des éléments imbriqués à plus de {most} niveaux", "elements nested deeper than {most}"),
}

_RECORDS = {
    "cell-empty": Said("{field} : la valeur manque", "{field}: is empty"),
    "text-too-long": Said("{field} : plus de {most} caractères", "{field}: longer than {most} characters"),
    "text-unprintable": Said(
        "{field} : des caractères ne peuvent pas être imprimés", "{field}: has characters that cannot be printed"
    ),
    "not-a-date": Said("{field} : ce n’est pas une date", "{field}: not a date"),
    "not-numen": Said("numen : ce n’est pas la forme d’un NUMEN", "numen: not the shape of a NUMEN"),
    "not-ine": Said("ine : ce n’est pas la forme d’un INE", "ine: not the shape of an INE"),
    "not-uai": Said("{field} : « {uai} » n’a pas la forme d’un UAI", "{field}: {uai!r} is not the shape of a UAI"),
    "not-a-uai": Said("{field} : ce n’est pas un UAI", "{field}: not a UAI"),
    "uai-letter": Said("uai : {uai} devrait finir par {letter}", "uai: {uai} should end in {letter}"),
    "role-unknown": Said("role : « {role} » n’est aucune de {known}", "role: {role!r} is none of {known}"),
    "not-title": Said("title : « {title} » n’est ni M. ni Mme", "title: {title!r} is neither M. nor Mme"),
    "not-yes-no": Said("hidden : « {cell} » n’est ni oui ni non", "hidden: {cell!r} is neither yes nor no"),
    "recovery-address": Said("recovery_address : ce n’est pas une adresse ({error})", "recovery_address: {error}"),
    "no-school": Said(
        "{field} : « {code} » n’est d’aucun établissement ; donnez l’uai de la ligne, ou UAI:CODE",
        "{field}: {code!r} is of no school; give the line's uai, or UAI:CODE",
    ),
    "key-too-long": Said(
        "le numéro dans l’export a plus de {most} caractères, ou ne peut pas être imprimé",
        "the number in the export is longer than {most} characters, or cannot be printed",
    ),
    "structure-key-too-long": Said(
        "le numéro de la structure a plus de {most} caractères",
        "the number of the structure is longer than {most} characters",
    ),
    "code-missing": Said("{field} : un code manque", "{field}: a code is missing"),
    "code-too-long": Said(
        "{field} : un code ou un libellé est trop long ou ne peut pas être imprimé",
        "{field}: a code or label is too long or cannot be printed",
    ),
    "too-many-ties": Said("une personne a au plus {most} rattachements", "a person has at most {most} affiliations"),
    "unknown-category": Said("catégorie inconnue « {category} »", "unknown category {category!r}"),
    "unknown-entity": Said("entité inconnue &{name};", "unknown entity &{name};"),
    "unknown-request": Said("demande inconnue <{name}>", "unknown request <{name}>"),
    "misplaced": Said("<{name}> dans <{around}>", "<{name}> in <{around}>"),
    "no-attribute-name": Said("un attribut sans nom", "an attribute without a name"),
    "unknown-operation": Said(
        "{field} : opération inconnue « {operation} »", "{field}: unknown operation {operation!r}"
    ),
    "value-too-long": Said("une valeur de plus de {most} caractères", "a value longer than {most} characters"),
    "too-many-values": Said("plus de {most} valeurs", "more than {most} values"),
    "no-category": Said("sans catégorie", "without a category"),
    "no-identifier": Said("sans identifiant", "without an identifier"),
}

_PEOPLE = {
    "closed": Said("{login} : le compte est fermé", "{login}: the account is closed"),
    "numbered-twice": Said(
        "{login} : est aussi le numéro {key} de cet export", "{login}: is number {key} of this export too"
    ),
    "nobody-new": Said(
        "personne de connu, et sans nom ou population personne de nouveau",
        "nobody known, and without a name or role nobody new",
    ),
    "name-gone": Said("{login} : il n’y aurait plus de nom", "{login}: the name would be gone"),
    "account-gone": Said("le compte n’existe plus", "the account is not there any more"),
    "two-people": Said("l’INE et le NUMEN sont de deux personnes", "INE and NUMEN belong to two people"),
    "ine-of-another": Said("{login} : cet INE est celui de quelqu’un d’autre", "{login}: this INE is another person's"),
    "numen-of-another": Said(
        "{login} : ce NUMEN est celui de quelqu’un d’autre", "{login}: this NUMEN is another person's"
    ),
    "login-of-another": Said(
        "{login} est l’identifiant de {name}, dont la ligne diffère ({what}) : confirmez que c’est la même personne",
        "{login} is the identifier of {name}, whom the line is unlike ({what}): confirm that they are the same person",
    ),
    "other-mark": Said(
        "{login} : cet identifiant est à une personne qui a un autre {mark}",
        "{login}: this identifier is of a person with another {mark}",
    ),
    "described-twice": Said(
        "{logins} ont ce nom, cette date de naissance et cet établissement",
        "{logins} have this name, birth date and school",
    ),
    "no-letter": Said(
        "aucun identifiant ne peut être fait de ce nom ; donnez-en un",
        "no identifier can be made from this name; give one",
    ),
    "no-address": Said("aucune adresse ne peut être faite de ce nom", "no address can be made from this name"),
    "not-identifier": Said("« {login} » ne peut pas être un identifiant", "{login!r} cannot be an identifier"),
    "function-name": Said(
        "{login} : ce nom désigne une fonction, pas une personne", "{login}: this name means a function, not a person"
    ),
    "identifier-taken": Said(
        "{login} : cet identifiant est ou a été celui de quelqu’un", "{login}: this identifier is or was somebody's"
    ),
    "too-many-homonyms": Said("trop d’homonymes", "too many homonyms"),
}

_REMARKS = {
    "structure-without-uai": Said(
        "structure {structure} : pas d’ENTStructureUAI, laissée de côté",
        "structure {structure} has no ENTStructureUAI: passed over",
    ),
    "structure-unknown": Said(
        "ENTPersonStructRattach : la structure {structure} est inconnue",
        "ENTPersonStructRattach: structure {structure} is unknown",
    ),
    "structure-stays": Said(
        "structure {structure} : un import ne supprime jamais d’établissement",
        "structure {structure}: a school is never removed by an import",
    ),
    "waits-for-full": Said(
        "{field} : sans ENTPersonFonctions, cela attend le prochain export complet",
        "{field}: without ENTPersonFonctions it waits for the next full export",
    ),
    "passed-over": Said("{category} {key} : laissé de côté : {why}", "{category} {key}: passed over: {why}"),
    "attribute-passed-over": Said(
        "{category} : attribut inconnu {field} laissé de côté, {count} fois",
        "{category}: unknown attribute {field} passed over, {count} times",
    ),
    "parents": Said(
        "{count} parents comptés, pas importés : ils n’ont pas de compte",
        "{count} parents counted, not imported: they have no accounts",
    ),
    "not-whole": Said(
        "l’export n’a pas à la fois les personnels et les élèves au complet : personne n’est tenu pour parti",
        "the export has not both staff and pupils complete: nobody is taken for a leaver",
    ),
}

_RUNS = {
    "too-many-leave": Said(
        "{leaving} des {people} personnes de {source} partiraient, et {allowed} le peuvent : l’export est-il complet ?",
        "{leaving} of the {people} people of {source} would leave, and {allowed} may: is the export whole? "
        "If so, --allow-leavers says how many may leave, --yes that all may",
    ),
    "another-import": Said(
        "un autre import de cette instance est en cours", "another import of this instance is under way"
    ),
    "foreign-directory": Said(
        "l’annuaire appartient à quelqu’un d’autre : c’est là que l’on charge les personnes",
        "the directory belongs to somebody else: its owner loads people there",
    ),
    "directory-in-motion": Said(
        "l’annuaire change plus vite qu’un import ne peut suivre",
        "the directory changes faster than an import can follow",
    ),
    "no-run": Said("import {run} : il n’existe pas", "import {run}: no such run"),
    "run-undone": Said("l’import {run} est déjà annulé", "import {run} is taken back already"),
    "run-too-old": Said("l’import {run} est trop ancien pour être annulé", "import {run} is too old to be taken back"),
    "run-followed": Said(
        "l’import {later} est venu après : annulez-le d’abord",
        "import {later} came after it: take that back first, or say --anyway to leave what both have changed",
    ),
    "defect": Said(
        "une erreur de notre côté ({kind}) ; elle est au journal du serveur",
        "a defect of ours ({kind}); it is in the server's log",
    ),
    "gone": Said("n’est plus là", "is gone already"),
    "changed-since": Said("a été modifié depuis", "was changed since"),
    "fields-changed-since": Said("modifié depuis : {fields}", "changed since: {fields}"),
    "closed-since": Said("a été fermé depuis", "is closed since"),
    "suspended-since": Said("a été suspendu depuis", "is suspended since"),
    "activated-since": Said("a été activé", "was activated"),
    "has-people": Said("des personnes y sont", "has people"),
}

SENTENCES = {"plain": Said("{text}", "{text}")} | _PLACES | _FILES | _RECORDS | _PEOPLE | _REMARKS | _RUNS | RECORDED
