"""The house rules that a machine can check."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import FIREFOX, shell, skip_or_fail
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, with_token
from services.making import make_link
from werkzeug.routing import Rule

import minifile
from minifile import errors
from minifile.errors import MinifileError
from minifile.services import links
from minifile.web.error_pages import STATUS

PACKAGE = Path(minifile.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = ("services", "policy", "models", "storage")
ENVIRONMENT = ("os.environ", "os.environb", "os.getenv", "os.putenv")
FIND_LINK = {"find_open_link", "find_managed_link"}
# The two ways from a code to a link are one query.
FINDER = "_find"
ACCEPTS = {
    "html": {"Accept": "text/html", "User-Agent": FIREFOX},
    "json": {"Accept": "application/json"},
    "text": {"Accept": "*/*"},
}


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def children(parent: type) -> Iterator[type]:
    for child in parent.__subclasses__():
        yield child
        yield from children(child)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_calls_go_down_the_layers():
    if find_spec("importlinter") is None:
        skip_or_fail("needs import-linter: make lint installs it, and checks the same")
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as l; l()"]

    done = subprocess.run(
        [*lint, "--no-cache"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_module_has_at_most_300_lines():
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}

    assert {name: lines for name, lines in sizes.items() if lines > 300} == {}


def test_a_function_has_at_most_50_lines():
    sizes = {
        f"{name_of(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in MODULES
        for function in functions(path)
    }

    assert {name: lines for name, lines in sizes.items() if lines > 50} == {}


def test_every_module_says_what_lives_there():
    silent = [name_of(path) for path in MODULES if not ast.get_docstring(tree_of(path))]

    assert silent == []


def test_only_the_settings_read_the_environment():
    reading = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in ENVIRONMENT)
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }

    # prometheus-client is told by a variable where to keep its numbers.
    assert reading == {"config/loading.py", "metrics/recording.py"}


def test_the_core_reads_no_clock():
    core = [path for path in MODULES if name_of(path).split("/")[0] in CORE]

    reading = [
        name_of(path)
        for path in core
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today")
    ]

    assert reading == []


def test_every_failure_is_in_the_errors_module():
    found = {child.__module__.rpartition(".")[0] for child in children(MinifileError)}

    assert found == {errors.__name__}


@pytest.mark.parametrize(
    "error", sorted(children(MinifileError), key=str), ids=lambda e: e.__name__
)
def test_every_failure_has_a_status_of_its_own_or_of_a_parent_that_means_it(error: type):
    found = next(kind for kind in error.__mro__ if kind in STATUS)

    assert found is not MinifileError
    assert 400 <= STATUS[found][0] < 600


@pytest.fixture
def open_forms(app: Flask) -> Flask:
    """The application without the check of its forms' tokens, which comes before any code."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def code_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if "code" in rule.arguments]


def test_there_are_routes_that_take_a_code(app: Flask):
    assert len(code_rules(app)) >= 8


@pytest.mark.parametrize("accept", ACCEPTS.values(), ids=list(ACCEPTS))
def test_every_route_gives_the_same_answer_for_a_code_that_never_was(
    open_forms: Flask, accept: dict[str, str]
):
    # Where there are users, the page says more.
    make_user(open_forms)
    expected = shell(open_forms).get("/neverwas00", headers=accept)

    for method, path in requests_for(open_forms, "neverwas01"):
        answer = asking(open_forms, path).open(path, method=method, headers=accept)

        if path.startswith("/api/"):
            # It says so in JSON whatever is asked for.
            assert answer.status_code == 404, path
            continue
        assert answer.status_code == 404, path
        assert answer.data == (b"" if method == "HEAD" else expected.data), path
        assert comparable(answer.headers) == comparable(expected.headers), path


def asking(app: Flask, path: str) -> FlaskClient:
    """Return who may ask at all: for the API, somebody with a token."""
    return with_token(app, make_user(app)) if path.startswith("/api/") else shell(app)


def requests_for(app: Flask, code: str) -> Iterator[tuple[str, str]]:
    """Yield a request for each route and method that takes a code."""
    for rule in code_rules(app):
        values = dict.fromkeys(rule.arguments, "x") | {"code": code}
        path = app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False)
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield method, path


def comparable(headers) -> dict[str, str]:
    """Leave out what HEAD has of its own, and the request's id: random, it tells nothing."""
    left_out = ("Content-Length", "X-Request-ID")
    return {name: value for name, value in headers.items() if name not in left_out}


def test_every_route_that_takes_a_code_asks_the_one_query_for_it(
    open_forms: Flask, monkeypatch: pytest.MonkeyPatch
):
    """The code is recorded where it becomes a link, and nobody else may make that query."""
    app = open_forms
    asked: list[str] = []
    find = getattr(links, FINDER)
    monkeypatch.setattr(links, FINDER, lambda code: asked.append(code) or find(code))
    with app.app_context():
        code = make_link(app).code

    for method, path in requests_for(app, code):
        asked.clear()
        asking(app, path).open(path, method=method, json={}).close()

        assert asked[:1] == [code], f"{method} {path}"


def test_only_the_two_finders_ask_for_a_link_by_its_code():
    queries = [
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "Link.code"
    ]
    askers = {
        f"{name_of(path)}:{function.name}"
        for path in MODULES
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "read_link"
    }
    users = {
        function.name
        for function in functions(Path(inspect.getfile(links)))
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == FINDER
    }

    assert queries == ["services/records.py"]
    assert askers == {f"services/links.py:{FINDER}"}
    assert users == FIND_LINK
