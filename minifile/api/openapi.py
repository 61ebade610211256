"""The API in the words of OpenAPI 3.1: the routes are told here, what they take by the models."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from minifile.api.schemas import (
    LinkAnswer,
    LinkList,
    LinkPatch,
    MeAnswer,
    UserAnswer,
    UserList,
    UserPatch,
)
from minifile.identity import Scope
from minifile.services.owned_links import SORTS, STANDINGS

_CODE = {
    "name": "code", "in": "path", "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{3,64}$"},
}  # fmt: skip
_USER_ID = {
    "name": "user_id", "in": "path", "required": True,
    "schema": {"type": "integer", "minimum": 0},
}  # fmt: skip
_PROBLEMS = {
    "400": "The body can't be read",
    "401": "No API token that holds",
    "403": "The token lacks the scope",
    "404": "Nothing of the user's is here",
    "409": "It no longer fits, such as the last admin",
    "410": "The link has ended",
    "415": "The body is not declared as JSON",
    "422": "A field or parameter is out of range or unknown",
    "429": "Too many tries",
}


@cache
def describe() -> dict[str, Any]:
    """Return the OpenAPI document."""
    models: list[type[BaseModel]] = [
        LinkPatch, LinkList, LinkAnswer, MeAnswer, UserPatch, UserAnswer, UserList,
    ]  # fmt: skip
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "minifile",
            "version": "1",
            "description": "Uploads are plain HTTP: PUT /<filename>, POST / or tus below /tus/,"
            " with the same token. docs/api.md tells more.",
        },
        "paths": _paths(),
        "components": {
            "schemas": {**schemas["$defs"], "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
    },
    "required": ["title", "status", "detail"],
}


def _paths() -> dict[str, Any]:
    page = _query("page", {"type": "integer", "minimum": 1, "maximum": 999_999, "default": 1})
    search = _query("q", {"type": "string"})
    state = _query("state", {"type": "string", "enum": ["", *STANDINGS]})
    sort = _query("sort", {"type": "string", "enum": list(SORTS)})
    return {
        "/api/v1/me": {
            "get": _operation("Who the token acts for", Scope.READ, MeAnswer, []),
        },
        "/api/v1/links": {
            "get": _operation("My links", Scope.READ, LinkList, [search, state, sort, page]),
        },
        "/api/v1/links/{code}": {
            "parameters": [_CODE],
            "get": _operation("One link", Scope.READ, LinkAnswer, []),
            "patch": _operation("Change a link", Scope.MANAGE, LinkAnswer, [], LinkPatch),
            "delete": _operation("Revoke a link for good", Scope.MANAGE, None, []),
        },
        "/api/v1/users": {
            "get": _operation("Users", Scope.ADMIN, UserList, [search, page]),
        },
        "/api/v1/users/{user_id}": {
            "parameters": [_USER_ID],
            "get": _operation("One user", Scope.ADMIN, UserAnswer, []),
            "patch": _operation("Change a user", Scope.ADMIN, UserAnswer, [], UserPatch),
        },
    }


def _query(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _operation(
    summary: str,
    scope: Scope,
    answer: type[BaseModel] | None,
    parameters: list[dict[str, Any]],
    body: type[BaseModel] | None = None,
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": summary,
        "description": f"Needs the scope `{scope}`.",
        "parameters": parameters,
        "responses": {
            **(
                {"204": {"description": "Done"}}
                if answer is None
                else {"200": {"description": summary, "content": _json_of(answer.__name__)}}
            ),
            **{status: _problem(words) for status, words in _PROBLEMS.items()},
        },
    }
    if body is not None:
        told["requestBody"] = {"required": True, "content": _json_of(body.__name__)}
    return told


def _json_of(model: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}


def _problem(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {"application/problem+json": {"schema": schema}}}
