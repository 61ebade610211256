"""Who may do what: every route, everybody who may ask, every state of a link.

What is expected stands in `matrix.md`, to be read and checked. A request carries nothing but the
proof of who asks (no form is filled in), so 422 there says: you may, but say what.
`python -m pytest tests/authorisation --write-matrix` writes what is, to be compared.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from authorisation.world import ASKERS, WRONG_TOKEN, World
from cast import Sent
from conftest import BROWSER_ACCEPT
from flask import Flask

TABLE = Path(__file__).parent / "matrix.md"
STATES = (
    "public", "private", "locked", "private, locked", "exhausted", "expired", "revoked",
    "taken down", "never was",
)  # fmt: skip
# Routes without a link in them are asked for once.
NO_LINK = "-"
# Routes that say the same to everybody, and what others prove by a secret of their own.
LEFT_OUT = {
    "static", "site.favicon", "site.healthz", "site.readyz", "site.robots", "site.security",
    "api.openapi", "tus.describe", "tus.override", "tus.look", "tus.receive", "tus.end",
    "upload.put_deeper",
}  # fmt: skip

Cells = dict[str, str]
Key = tuple[str, str]


@pytest.fixture
def world(make_app: Callable[..., Flask]) -> World:
    app = make_app(rate_uploads="off", rate_unknown_codes="off")
    # The forms' tokens have tests of their own; here everybody brings one.
    app.config["WTF_CSRF_ENABLED"] = False
    return World(app)


def test_everybody_gets_what_the_matrix_says(world: World, request: pytest.FixtureRequest):
    found = {key: ask_everybody(world, *key) for key in keys(world.app)}
    if request.config.getoption("write_matrix"):
        TABLE.write_text(written(found))

    expected = read(TABLE.read_text())

    assert {key: cells for key, cells in found.items() if cells != expected.get(key)} == {}
    assert set(expected) == set(found)


def keys(app: Flask) -> Iterator[Key]:
    """Yield each route with its method, and each state of the link in it."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in LEFT_OUT]
    for rule in sorted(rules, key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            for state in STATES if takes_link(rule.rule) else (NO_LINK,):
                yield f"{method} {rule.rule}", state


def takes_link(rule: str) -> bool:
    return "<code:code>" in rule


def ask_everybody(world: World, route: str, state: str) -> Cells:
    return {who: ask(world, route, state, who) for who in ASKERS}


def ask(world: World, route: str, state: str, who: str) -> str:
    """Make the request, and return its status; where it leads to, if that tells something."""
    method, _, rule = route.partition(" ")
    # What only reads may be read by all.
    sent = world.link("public" if state == NO_LINK else state, is_shared=method == "GET")
    client = world.asker(who, sent)
    accept = "application/json" if client.environ_base["HTTP_ACCEPT"] == "*/*" else BROWSER_ACCEPT
    answer = client.open(
        path_of(rule, sent, who),
        method=method,
        headers={"Accept": accept, "Tus-Resumable": "1.0.0"},
        data=b"x" if method == "PUT" else None,
        buffered=True,
    )
    leads = answer.headers.get("Location", "")
    return f"{answer.status_code}{' login' if leads.startswith('/login') else ''}"


def path_of(rule: str, sent: Sent, who: str) -> str:
    """Fill in an address; only the owner token's holder knows it."""
    token = sent.owner_token if who == "owner token" else WRONG_TOKEN
    values = {"code": sent.code, "owner_token": token, "filename": "a.txt", "token": "y" * 32}
    values |= {"table": "timeline", "form": "json"}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values.get(match[1], "987654321"), rule)


def written(found: dict[Key, Cells]) -> str:
    """Return the table; rows of one route that say the same stand in one line."""
    lines = ["# Who may do what", "", EXPLAINED, ""]
    head = ["route", "link", *ASKERS]
    lines += [row(head), row(["---"] * len(head))]
    for route in dict.fromkeys(route for route, _ in found):
        for states, cells in grouped(route, found):
            lines.append(row([f"`{route}`", "; ".join(states), *cells]))
    return "\n".join(lines) + "\n"


EXPLAINED = """\
What each route answers to each asker, for a link in each state: an HTTP status, `303 login` for a
way to the sign-in page. Alice owns the link; `granted` is Bob, with whom every private one is
shared; `other` is Charlie. `t:` are API tokens by scope: those of Alice, for `t:admin` that of an
admin; `t:expired` is Alice's too. Requests carry nothing but the proof, so 422 means: allowed, but
say what. 404 has the bytes of an unknown address."""


def grouped(route: str, found: dict[Key, Cells]) -> Iterator[tuple[list[str], list[str]]]:
    by_cells: dict[tuple[str, ...], list[str]] = {}
    for (of_route, state), cells in found.items():
        if of_route == route:
            by_cells.setdefault(tuple(cells.values()), []).append(state)
    for cells, states in by_cells.items():
        yield states, list(cells)


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def read(text: str) -> dict[Key, Cells]:
    """Return what the table says for each route, state and asker."""
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return {
        (cells[0].strip("` "), state): dict(zip(ASKERS, cells[2:], strict=True))
        for cells in rows
        for state in cells[1].split("; ")
    }
