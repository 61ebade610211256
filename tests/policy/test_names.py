"""Names that visitors give, cleaned and numbered."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minifile.policy.names import clean_filename, clean_path, natural_order, number_equal_names

# Text with the characters that cleaning is about, and with lone surrogates.
AWKWARD = st.text(
    st.sampled_from("aA.e\u0301 /\\\u202e\u200d\ud800\x00\nCON1¹é日👩") | st.characters()
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("report.pdf", "report.pdf", id="plain"),
        pytest.param("/etc/passwd", "passwd", id="folders"),
        pytest.param("C:\\Users\\alice\\a.txt", "a.txt", id="windows folders"),
        pytest.param("..\\../x", "x", id="both separators"),
        pytest.param("e\u0301.txt", "é.txt", id="decomposed accent"),
        pytest.param("a\r\nb\x00\x7f.txt", "ab.txt", id="controls"),
        pytest.param("\u202egpj.exe", "gpj.exe", id="right-to-left override"),
        pytest.param("\u2066\u200f\u061ca\u2069\ufeff", "a", id="isolates and marks"),
        pytest.param("a\ud800b", "ab", id="lone surrogate"),
        pytest.param("👩\u200d👧.png", "👩\u200d👧.png", id="joined emoji"),
        pytest.param("❤\ufe0f.png", "❤\ufe0f.png", id="variation selector"),
        pytest.param("  a b \u00a0", "a b", id="surrounding space"),
        pytest.param("a. . .", "a", id="trailing dots"),
        pytest.param(".bashrc", ".bashrc", id="leading dot"),
        pytest.param("", "download", id="empty"),
        pytest.param("..", "download", id="parent folder"),
        pytest.param("a/", "download", id="folder only"),
        pytest.param("\u202e \x00", "download", id="nothing visible"),
    ],
)
def test_a_filename_becomes_one_safe_base_name(raw: str, clean: str) -> None:
    assert clean_filename(raw) == clean


@pytest.mark.parametrize(
    "raw", ["CON", "con.txt", "Aux .log", "NUL.", "COM0", "lpt9.tar.gz", "COM¹.txt", "CONIN$"]
)
def test_a_windows_device_name_gets_an_underscore(raw: str) -> None:
    assert clean_filename(raw).startswith("_")


@pytest.mark.parametrize("raw", ["console.txt", "auxiliary", "COM10", "nullable.py"])
def test_a_name_that_only_starts_like_a_device_is_kept(raw: str) -> None:
    assert clean_filename(raw) == raw


@pytest.mark.parametrize(
    ("raw", "ending"),
    [
        pytest.param("日" * 200 + ".pdf", "日.pdf", id="one extension"),
        pytest.param("x" * 300 + ".tar.gz", "x.tar.gz", id="compound extension"),
        pytest.param("x" * 300 + "." + "y" * 33, "x" * 9, id="too long for an extension"),
        pytest.param("x" * 300 + ". Smith", "x" * 9, id="end of a sentence"),
    ],
)
def test_a_long_name_is_cut_before_its_extension(raw: str, ending: str) -> None:
    name = clean_filename(raw)

    assert 250 < len(name.encode()) <= 255
    assert name.endswith(ending)


def test_a_device_name_that_appears_by_cutting_is_defused() -> None:
    assert clean_filename("CON" + " " * 300 + "x") == "_CON"


@given(AWKWARD)
@example("CON" + "." + "x" * 251)
@example("a" * 254 + "é.txt")
def test_a_clean_filename_is_safe_and_stays_as_it_is(raw: str) -> None:
    name = clean_filename(raw)

    assert name == clean_filename(name)
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & set("/\\\x00\r\n\u202e")
    assert name not in {".", ".."}
    assert unicodedata.is_normalized("NFC", name)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("photos/may/a.jpg", "photos/may/a.jpg", id="folders kept"),
        pytest.param("/../a//./b/../c.txt", "a/b/c.txt", id="no way up"),
        pytest.param("a\\b/c\\d.txt", "b/d.txt", id="backslash within a segment"),
        pytest.param("aux/con.txt", "_aux/_con.txt", id="devices"),
        pytest.param("\u202e/a", "a", id="segment of nothing visible"),
        pytest.param("///", "download", id="nothing"),
    ],
)
def test_a_path_keeps_its_folders_and_nothing_unsafe(raw: str, clean: str) -> None:
    assert clean_path(raw) == clean


def test_a_path_too_deep_loses_its_leading_folders() -> None:
    path = clean_path("/".join(f"f{number}" for number in range(40)))

    assert path.split("/") == [f"f{number}" for number in range(8, 40)]


def test_a_path_too_long_loses_its_leading_folders() -> None:
    path = clean_path("top/" + "/".join("日" * 80 for _ in range(6)) + "/a.txt")

    assert path.endswith("日/a.txt")
    assert not path.startswith("top")
    assert len(path.encode()) <= 1024


@given(AWKWARD)
def test_a_clean_path_stays_as_it_is_and_so_do_its_segments(raw: str) -> None:
    path = clean_path(raw)

    assert path == clean_path(path)
    assert all(segment == clean_filename(segment) for segment in path.split("/"))
    assert len(path.encode()) <= 1024


@pytest.mark.parametrize(
    ("names", "numbered"),
    [
        pytest.param(["a.txt"] * 3, ["a.txt", "a (2).txt", "a (3).txt"], id="equal"),
        pytest.param(["a.txt", "b.txt"], ["a.txt", "b.txt"], id="different"),
        pytest.param(["a.txt", "A.TXT"], ["a.txt", "A (2).TXT"], id="other case"),
        pytest.param(["é", "e\u0301"], ["é", "e\u0301 (2)"], id="other Unicode form"),
        pytest.param(["x/a.c", "y/a.c"], ["x/a.c", "y/a.c"], id="other folder"),
        pytest.param(["x/a.c", "x/a.c"], ["x/a.c", "x/a (2).c"], id="same folder"),
        pytest.param(["b.tar.gz"] * 2, ["b.tar.gz", "b (2).tar.gz"], id="compound extension"),
        pytest.param([".env"] * 2, [".env", ".env (2)"], id="no extension"),
        pytest.param(["a", "a", "a (2)"], ["a", "a (3)", "a (2)"], id="number given later"),
        pytest.param(["a (2)", "a", "a"], ["a (2)", "a", "a (3)"], id="number given earlier"),
        pytest.param(["a", "A/b"], ["a (2)", "A/b"], id="name of a folder given later"),
        pytest.param(["a/b/c", "a/b"], ["a/b/c", "a/b (2)"], id="name of a folder in a folder"),
    ],
)
def test_equal_names_are_numbered_before_the_extension(
    names: list[str], numbered: list[str]
) -> None:
    assert number_equal_names(names) == numbered


@given(st.lists(st.text("aAé.( )2/", max_size=6).map(clean_path), max_size=30))
def test_numbered_names_are_unique_and_numbering_again_changes_nothing(names: list[str]) -> None:
    numbered = number_equal_names(names)

    assert len({name.casefold() for name in numbered}) == len(names)
    assert number_equal_names(numbered) == numbered


def test_a_number_never_makes_a_name_too_long() -> None:
    longest = clean_filename("日" * 100 + ".pdf")

    numbered = number_equal_names([longest] * 1000)

    assert len(set(numbered)) == 1000
    assert max(len(name.encode()) for name in numbered) <= 255


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["a.txt"] * 10_000, id="equal names"),
        pytest.param([f"{'x' * 246}{n:04}.txt" for n in range(5_000)] * 2, id="equal when cut"),
    ],
)
def test_ten_thousand_names_are_numbered_in_linear_time(names: list[str]) -> None:
    started = time.process_time()

    numbered = number_equal_names(names)

    assert len(set(numbered)) == 10_000
    # It takes about 0.2 s; one loop for each name would take minutes.
    assert time.process_time() - started < 5


def test_names_are_sorted_as_people_sort_them():
    names = ["b/2.jpg", "B/10.jpg", "a10", "a2", "a", "Ä", "٣.txt", "²", "7" * 40, "1", ""]

    assert sorted(names, key=natural_order) == [
        "", "1", "7" * 40, "a", "a2", "a10", "b/2.jpg", "B/10.jpg", "²", "Ä", "٣.txt",
    ]  # fmt: skip
