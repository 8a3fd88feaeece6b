"""What is wrong with a script: where, and in a sentence for its author."""

import pytest

from mailserver.filters import sieve
from mailserver.texts.languages import ENGLISH, FRENCH


def fault(source: str | bytes, **limits: int) -> sieve.SieveError:
    """The fault of a script that has one."""
    octets = source.encode() if isinstance(source, str) else source
    with pytest.raises(sieve.SieveError) as caught:
        sieve.compile(octets, limits=sieve.Limits(**limits))
    return caught.value


@pytest.mark.parametrize(
    ("script", "line", "column", "english"),
    [
        ("keep", 1, 5, "“;” is missing at the end of “keep”."),
        ("keep\nstop;", 2, 1, "“;” is missing at the end of “keep”."),
        ("keep;\r\nkeep stop;", 2, 6, "“;” is missing at the end of “keep”."),
        ("if true { keep }", 1, 16, "“;” is missing at the end of “keep”."),
        ("keep;;", 1, 6, "“;” does not belong here."),
        ("}", 1, 1, "“}” does not belong here."),
        ("if true { keep;", 1, 16, "The script ends in the middle of a command or a block."),
        ("if true keep;", 1, 1, "“if” takes a block in braces."),
        ("if keep { stop; }", 1, 4, "“keep” is a command, not a test."),
        ("else { keep; }", 1, 1, "“else” does not follow an “if”."),
        ("if true { keep; } keep; elsif true { keep; }", 1, 25, "“elsif” does not follow an “if”."),
        ("if true { keep; } else { keep; } else { keep; }", 1, 34, "“else” does not follow an “if”."),
        ("if { keep; }", 1, 1, "“if” takes a test."),
        ("if true;", 1, 1, "“if” takes a block in braces."),
        ("if (true) { keep; }", 1, 1, "“if” takes a test."),
        ("if anyof true { keep; }", 1, 4, "“anyof” takes tests in parentheses."),
        ("if anyof () { keep; }", 1, 11, "“)” does not belong here."),
        ("if not (true) { keep; }", 1, 4, "“not” takes a test."),
        ("keep { stop; }", 1, 1, "“keep” takes no block."),
        ("zork;", 1, 1, "There is no command “zork”."),
        ("if zork { keep; }", 1, 4, "There is no test “zork”."),
        ("keep; require \"fileinto\";", 1, 7,
         "“require” stands at the beginning of the script, before any other command."),
        ("require \"zork\";", 1, 9, "There is no extension “zork” here."),
        ("require [\"fileinto\",\n \"zork\"];", 2, 2, "There is no extension “zork” here."),
        ("fileinto \"a\";", 1, 1, "“fileinto” needs “require \"fileinto\"”."),
        ("require \"fileinto\"; fileinto :copy \"a\";", 1, 30, "“:copy” needs “require \"copy\"”."),
        ("require \"fileinto\"; fileinto [\"a\"];", 1, 30, "“fileinto” takes a single text, not a list."),
        ("require \"fileinto\"; fileinto 1;", 1, 30, "“fileinto” takes a text."),
        ("require \"fileinto\"; fileinto;", 1, 21, "“fileinto” takes 1 arguments, there are 0."),
        ("require \"fileinto\"; fileinto \"a\" \"b\";", 1, 34, "“fileinto” takes no argument here."),
        ("require \"fileinto\"; fileinto \"a\u0007\";", 1, 30, "“a\u0007” is not the name of a folder."),
        ("if size 1 { keep; }", 1, 4, "“size” takes “:over” or “:under”."),
        ("if size :over :under 1 { keep; }", 1, 15, "“:under” does not go with “:over”."),
        ("if size :over \"1\" { keep; }", 1, 15, "“size” takes a number."),
        ("if size :over 1Q { keep; }", 1, 15, "“1Q” is not a number: only K, M and G may follow one."),
        ("if size :over 99999999999999999999G { keep; }", 1, 15, "This number is too big."),
        ("if header :is :contains \"a\" \"b\" { keep; }", 1, 15, "“:contains” does not go with “:is”."),
        ("if header :is :is \"a\" \"b\" { keep; }", 1, 15, "“:is” is there twice."),
        ("if header :zork \"a\" \"b\" { keep; }", 1, 11, "“header” does not know “:zork”."),
        ("if header :comparator \"a\" { keep; }", 1, 4, "“header” takes 2 arguments, there are 0."),
        ("if header :comparator { keep; }", 1, 11, "A value is missing after “:comparator”."),
        # RFC 5228 section 2.6.2: tags come before what has none.
        ("if header \"a\" :is \"b\" { keep; }", 1, 15, "“:is” belongs before the arguments without a tag."),
        ("require \"copy\"; redirect \"a@b.fr\" :copy;", 1, 35, "“:copy” belongs before the arguments without a tag."),
        ("if size 10 :over { keep; }", 1, 12, "“:over” belongs before the arguments without a tag."),
        ("if header :comparator \"i;x\" \"a\" \"b\" { keep; }", 1, 23, "There is no comparator “i;x”."),
        (
            "if header :comparator \"i;ascii-numeric\" \"a\" \"b\" { keep; }", 1, 23,
            "“i;ascii-numeric” needs “require \"comparator-i;ascii-numeric\"”.",
        ),
        ("require \"relational\"; if header :count \"zz\" \"a\" \"1\" { keep; }", 1, 40,
         "“zz” is not a relation: gt, ge, lt, le, eq or ne."),
        ("if address \"subject\" \"a\" { keep; }", 1, 12, "“subject” is not a field of addresses."),
        ("require \"envelope\"; if envelope \"x\" \"a\" { keep; }", 1, 33, "“x” is not a part of the envelope."),
        ("redirect \"nobody\";", 1, 10, "“nobody” is not an address."),
        ("redirect \"a@b@c.fr\";", 1, 10, "“a@b@c.fr” is not an address."),
        ("redirect \"a@c.fr, b@c.fr\";", 1, 10, "“a@c.fr, b@c.fr” is not an address."),
        ("keep \"a;", 1, 6, "This string has no end: a quotation mark is missing."),
        ("/* keep;", 1, 1, "This comment has no end: “*/” is missing."),
        ("redirect text:\nabc\n..\n", 1, 10, "This text has no end: a line with a single dot is missing."),
        ("keep; %", 1, 7, "The character “%” does not belong here."),
        ("keep;\u00e9", 1, 6, "The character “é” does not belong here."),
        ("keep;\0", 1, 6, "The character “NUL” does not belong here."),
        (b"keep; # \xe9", 1, 9, "The script is not in UTF-8."),
        ("require \"variables\"; set \"1\" \"a\";", 1, 26, "“1” is not the name of a variable."),
        ("require \"variables\"; set \"a b\" \"a\";", 1, 26, "“a b” is not the name of a variable."),
        ("require \"variables\"; set \"a\" \"${b.c}\";", 1, 30, "There is no namespace “b”."),
        ("require \"variables\"; set \"a\" \"${99}\";", 1, 30,
         "“${99}”: there are not that many variables of this kind."),
        ("require \"variables\"; set :upper :lower \"a\" \"b\";", 1, 33, "“:lower” does not go with “:upper”."),
        ("require \"encoded-character\"; redirect \"${unicode:d800}\";", 1, 39, "“d800” is not a Unicode character."),
        ("require \"encoded-character\"; redirect \"${unicode:110000}\";", 1, 39,
         "“110000” is not a Unicode character."),
        ("require \"regex\"; if header :regex \"a\" \"(\" { keep; }", 1, 39,
         "This regular expression is not valid: missing ): (."),
        ("require \"regex\"; if header :regex \"a\" \"(.{1,500}){1,9}\" { keep; }", 1, 39, None),
        ("require \"date\"; if currentdate \"zork\" \"1\" { keep; }", 1, 32, "“zork” is not a part of a date."),
        ("require \"date\"; if currentdate :zone \"Paris\" \"hour\" \"1\" { keep; }", 1, 38,
         "“Paris” is not a time zone such as +0100."),
        ("require \"index\"; if header :last \"a\" \"1\" { keep; }", 1, 28, "“:last” does not go without “:index”."),
        ("require \"index\"; if header :index 0 \"a\" \"1\" { keep; }", 1, 28, "“:index” takes a number from 1."),
        ("require \"mime\"; if header :anychild \"a\" \"1\" { keep; }", 1, 27,
         "“:anychild” does not go without “:mime”."),
        ("require \"foreverypart\"; break;", 1, 25, "“break” is in no loop of this name."),
        ("require \"foreverypart\"; foreverypart :name \"a\" { break :name \"b\"; }", 1, 50,
         "“break” is in no loop of this name."),
        ("require \"enotify\"; notify \"tel:1\";", 1, 27, "“tel:1” is not a valid “mailto:” address."),
        ("require \"enotify\"; notify :importance \"9\" \"mailto:a@b.fr\";", 1, 39,
         "“:importance” takes “1”, “2” or “3”."),
        ("require \"enotify\"; notify \"mailto:a@b.fr?body=a b\";", 1, 27,
         "“mailto:a@b.fr?body=a b” is not a valid “mailto:” address."),
        ("require \"enotify\"; notify \"mailto:a@b.fr?body=50%\";", 1, 27, None),
        ("require \"enotify\"; notify \"mailto:a@b.fr;?body=a\";", 1, 27, None),
        ("require \"enotify\"; notify :options [\"a=b\", \"=c\"] \"mailto:a@b.fr\";", 1, 44,
         "“:options” takes “name=value”."),
        ("require \"enotify\"; notify :options \"a=b\n\" \"mailto:a@b.fr\";", 1, 36, None),
        ("require [\"include\"]; global \"a\";", 1, 22, "“global” needs “require \"variables\"”."),
        ("require [\"include\", \"variables\"]; set \"a\" \"b\"; global \"a\";", 1, 55,
         "“a” is a variable of this script alone already."),
        ("require [\"include\"]; include \"a\u0007\";", 1, 30, "“a\u0007” is not the name of a script."),
        ("require \"editheader\"; addheader \"a:\" \"b\";", 1, 33, "“a:” is not the name of a header field."),
        ("require \"special-use\"; if specialuse_exists \"Junk\" { keep; }", 1, 45,
         "“Junk” is not a special use of a folder."),
        ("require \"imap4flags\"; setflag \"a\" \"b\";", 1, 31, None),
        ("require [\"vacation\", \"fcc\", \"imap4flags\"]; vacation :flags \"a\" \"b\";", 1, 53,
         "“:flags” does not go without “:fcc”."),
    ],
)  # fmt: skip
def test_faults(script: str | bytes, line: int, column: int, english: str | None) -> None:
    found = fault(script)
    assert (found.line, found.column) == (line, column)
    assert english is None or found.text.to(ENGLISH) == english
    assert found.text.to(FRENCH) != found.text.to(ENGLISH)


def test_bounds_of_a_script() -> None:
    assert "octets" in fault(b"#" * 101, script=100).text.to(ENGLISH)
    assert "commands" in fault("keep;" * 11, commands=10).text.to(ENGLISH)
    assert "commands" in fault("if anyof (" + "true, " * 10 + "true) { keep; }", commands=10).text.to(ENGLISH)
    assert "levels" in fault("if true {" * 4 + "keep;" + "}" * 4, nesting=3).text.to(ENGLISH)
    assert "levels" in fault("if " + "not " * 5 + "true { keep; }", nesting=3).text.to(ENGLISH)
    assert "too long" in fault('redirect "' + "a" * 200 + '";', value=100).text.to(ENGLISH)
    assert "too long" in fault('require "regex"; if header :regex "a" "aaaaaaaaa" {}', regex=8).text.to(ENGLISH)
    many = "[" + ", ".join(f'"a{number}"' for number in range(60)) + "]"
    assert "more than 50" in fault(f'require "regex"; if header :regex "a" {many} {{}}').text.to(ENGLISH)
    nested = "if true {" * 3 + "keep;" + "}" * 3
    assert sieve.compile(nested.encode(), limits=sieve.Limits(nesting=3)).steps


def test_what_ihave_makes_false_is_not_looked_at() -> None:
    """A script may use what only other servers know (RFC 5463 section 4)."""
    script = b"""require "ihave";
        if ihave "zork" { zork :a ["b"] 1; }
        elsif allof (ihave "zork", zork "a") { zork; }
        elsif allof (true, ihave "zork") { zork; }
        elsif not ihave "copy" { zork; }
        elsif ihave ["fileinto", "copy"] { fileinto :copy "Notes"; }
        else { zork; }"""
    assert sieve.compile(script).extensions >= {"ihave", "fileinto", "copy"}
    assert "zork" in fault(b'require "ihave"; if not ihave "zork" { zork; }').text.to(ENGLISH)
    assert "zork" in fault(b'require "ihave"; if anyof (ihave "zork", true) { zork; }').text.to(ENGLISH)


def test_numbers_have_no_substrings() -> None:
    script = 'require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "b" { keep; }'
    found = fault(script)
    assert (found.column, found.text.to(ENGLISH)) == (
        42,
        "The comparator “i;ascii-numeric” does not go with “:contains”.",
    )
