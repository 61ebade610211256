"""Reads pages and exports of a running server as those who may, and takes the pages apart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from replay.people import TOOLS
from replay.truth import Client, TrueLink
from replay.world import UPLOADER, World

Asked = dict[str, str]


@dataclass
class Row:
    """A row of a table: what its cells stand for and what they say, by their labels."""

    attributes: dict[str, str]
    values: dict[str, int] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


@dataclass
class Reader:
    """Who looks at numbers: users and an admin by their tokens, a sender by that of the link."""

    world: World
    tokens: dict[int, str]
    """By the users' ids, each with the scope `read`."""
    admin: str
    seen: list[bytes] = field(default_factory=list)
    """All that was answered."""

    def place(self, scope: str, subject: int) -> str:
        """Return where the numbers of a link, a user or all of them are."""
        if scope == "link":
            link = self.link(subject)
            return f"/links/{link.code}/{link.owner_token}/analytics"
        return "/account/analytics" if scope == "user" else "/admin/analytics"

    def link(self, link_id: int) -> TrueLink:
        return next(each for each in self.world.truth.links if each.id == link_id)

    def page(self, scope: str, subject: int, asked: Asked) -> "Page":
        return Page(self._get(scope, subject, self.place(scope, subject), asked).decode())

    def pages(self, scope: str, subject: int, asked: Asked) -> Iterator["Page"]:
        """Yield a page and those that its way to what is older leads to."""
        page = self.page(scope, subject, asked)
        yield page
        while page.older:
            path = self.place(scope, subject) + page.older.partition("#")[0]
            page = Page(self._get(scope, subject, path, {}).decode())
            yield page

    def export(self, scope: str, subject: int, table: str, asked: Asked) -> bytes:
        """Return an export; `table` is named with its form, such as `files.csv`."""
        return self._get(scope, subject, f"{self.place(scope, subject)}/{table}", asked)

    def _get(self, scope: str, subject: int, path: str, asked: Asked) -> bytes:
        headers = {}
        if scope != "link":
            token = self.admin if scope == "all" else self.tokens[subject]
            headers["Authorization"] = f"Bearer {token}"
        client = Client(UPLOADER, TOOLS[0])
        query = f"?{urlencode(asked)}" if asked else ""
        answer = self.world.ask(client, path + query, html=True, **headers)
        assert answer.status == 200, (path, query, answer.status, answer.body)
        self.seen.append(answer.body)
        return answer.body


class Page(HTMLParser):
    """The numbers of a page, found by what its elements say of themselves."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.counters: dict[str, int] = {}
        self.ever: dict[str, int] = {}
        self.tables: dict[str, list[Row]] = {}
        self.said: list[tuple[int, str]] = []
        """Each number with the words that stand for it."""
        self.older = ""
        self._rows: list[Row] | None = None
        self._label = ""
        self._value: int | None = None
        self._words: list[str] = []
        self.feed(html)

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a table; of one that is not there, none."""
        return self.tables.get(name, [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "table":
            self._rows = self.tables.setdefault(_name_of(given), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append(Row(given))
        elif tag in ("td", "th") or "data-counter" in given or "data-ever" in given:
            self._begin(given)
        elif tag == "a" and given.get("rel") == "next":
            self.older = given["href"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._rows = None
        elif tag == "thead" and self._rows is not None:
            self._rows.clear()
        elif tag in ("td", "th"):
            words = self._end()
            if self._rows:
                self._rows[-1].words[self._label] = words
        elif tag in ("b", "span") and self._value is not None and self._rows is None:
            self._end()

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def _begin(self, given: dict[str, str]) -> None:
        self._words, self._label = [], given.get("data-label", given.get("class", ""))
        self._value = int(given["data-value"]) if "data-value" in given else None
        if self._value is None:
            return
        if "data-counter" in given:
            self.counters[given["data-counter"]] = self._value
        elif "data-ever" in given:
            self.ever[given["data-ever"]] = self._value
        elif self._rows:
            self._rows[-1].values[self._label] = self._value

    def _end(self) -> str:
        words = " ".join("".join(self._words).split())
        if self._value is not None:
            self.said.append((self._value, words))
        self._words, self._value = [], None
        return words


def _name_of(given: dict[str, str]) -> str:
    if "data-kind" in given:
        return f"by {given['data-kind']}"
    marked = (name for name in ("data-files", "data-top", "data-deliveries") if name in given)
    return given.get("id") or next(marked, "")


def is_said(value: int, words: str) -> bool:
    """Say whether a number is told right by its words: exactly, or as a size is rounded."""
    number, _, unit = words.split(" of ")[0].partition(" ")
    shown = float(number.replace(",", ""))
    if unit not in _UNITS:
        return shown == value
    rounded = 0.5 if shown >= 100 else 0.05
    return abs(shown - value / _UNITS[unit]) <= rounded * 1.001


_UNITS = {unit: 1024**power for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), 1)}
