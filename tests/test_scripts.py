"""The scripts of the pages: what they say stands in one catalogue, and they need nothing else."""

import re
from pathlib import Path

import minifile

FOLDER = Path(minifile.__file__).parent / "static" / "js"
CATALOGUE = FOLDER / "words.js"
SCRIPTS = {
    str(path.relative_to(FOLDER)): path.read_text()
    for path in FOLDER.rglob("*.js")
    if path != CATALOGUE
}


def without_comments(script: str) -> str:
    return re.sub(r"/\*.*?\*/|^\s*//.*$", "", script, flags=re.DOTALL | re.MULTILINE)


def test_every_word_of_the_catalogue_is_said_somewhere():
    names = re.findall(r"^    (\w+):", CATALOGUE.read_text(), re.MULTILINE)
    said = "".join(SCRIPTS.values())

    unused = [name for name in names if not re.search(rf'(\.{name}\b|"{name}")', said)]

    assert len(names) > 20
    assert unused == []


def test_no_script_says_a_sentence_of_its_own():
    # Two words or more that begin like a sentence, or one that is given to be shown.
    sentence = re.compile(
        r"""(["'`])[A-Z][a-z]+ [a-z][^"'`]*\1|textContent = [^;]*?(["'`])[A-Z]\w+[^"'`]*\2"""
    )

    found = {
        name: [match[0] for match in sentence.finditer(without_comments(script))]
        for name, script in SCRIPTS.items()
    }

    assert {name: words for name, words in found.items() if words} == {}


def test_scripts_import_only_what_lies_beside_them():
    for name, script in SCRIPTS.items():
        for address in re.findall(r'from "([^"]+)"', script):
            assert ((FOLDER / name).parent / address).is_file(), f"{name} imports {address}"


def test_no_script_needs_what_the_policy_forbids():
    forbidden = re.compile(
        r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|\.style\b"
    )

    assert [name for name, script in SCRIPTS.items() if forbidden.search(script)] == []
