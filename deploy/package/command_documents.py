"""Manual pages and bash's completion out of what `typer … utils docs` says of the commands.

In FOLDER, made from en.md and fr.md: en.8.md and fr.8.md for go-md2man, and completion.bash.
"""

import re
import sys
from pathlib import Path

NAME = {
    "en": "messaging service of an academy",
    "fr": "service de messagerie d’une académie",
}
HEAD = {"en": "NAME", "fr": "NOM"}
COMPLETION = """# Completion of mailserver(8), made with the package.
_mailserver() {{
    local path=mailserver word index
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${{COMP_WORDS[index]}}
        case " ${{_mailserver_verbs[$path]}} " in *" $word "*) path+=" $word" ;; esac
    done
    word=${{COMP_WORDS[COMP_CWORD]}}
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${{_mailserver_options[$path]}}" -- "$word")
    elif [[ -n ${{_mailserver_verbs[$path]}} ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${{_mailserver_verbs[$path]}}" -- "$word")
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}}
declare -A _mailserver_verbs=(
{verbs})
declare -A _mailserver_options=(
{options})
complete -F _mailserver mailserver
"""


def manual(text: str, language: str) -> str:
    """A page for go-md2man: the title line and NAME, then the program and a section for each command."""
    body = re.sub(r"^#+ `(.+)`$", lambda found: f"# {found[1].upper()}", text, flags=re.MULTILINE)
    # Choices too long for a line have places to break.
    body = re.sub(r"<[^<>]{60,}>", lambda found: found[0].replace("|", " | "), body)
    return f"% MAILSERVER 8\n\n# {HEAD[language]}\n\nmailserver \\- {NAME[language]}\n\n{body}"


def completion(text: str) -> str:
    """What may stand behind each command: its verbs, its options."""
    verbs: dict[str, list[str]] = {}
    options: dict[str, list[str]] = {}
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        path = section.partition("\n")[0].strip("`")
        head, _, tail = path.rpartition(" ")
        if head and tail != "job":
            verbs.setdefault(head, []).append(tail)
        found = re.findall(r"^\* `(-[^`]*)`", section, flags=re.MULTILINE)
        options[path] = sorted({word for line in found for word in re.findall(r"(?<![\w-])--?[\w-]+", line)})
    return COMPLETION.format(verbs=_array(verbs), options=_array(options))


def _array(words: dict[str, list[str]]) -> str:
    return "".join(f'    ["{path}"]="{" ".join(found)}"\n' for path, found in words.items())


def main() -> None:
    folder = Path(sys.argv[1])
    for language in HEAD:
        text = (folder / f"{language}.md").read_text(encoding="utf-8")
        (folder / f"{language}.8.md").write_text(manual(text, language), encoding="utf-8")
    english = (folder / "en.md").read_text(encoding="utf-8")
    (folder / "completion.bash").write_text(completion(english), encoding="utf-8")


if __name__ == "__main__":
    main()
