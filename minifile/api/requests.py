"""Reading a request to the API: who asks by which token, and what the body says."""

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from minifile.errors import BadOption, BadRequest, SignInNeeded, WrongContentType
from minifile.identity import Account, Scope
from minifile.services.ownership import check_scope
from minifile.web.current import current_account

Model = TypeVar("Model", bound=BaseModel)


def token_account(scope: Scope) -> Account:
    """Return the user that the request's API token acts for.

    A cookie is no proof here: nothing that another site makes a browser send is obeyed. Raises
    SignInNeeded, TokenRefused, and Forbidden for a token without the scope.
    """
    account = current_account()
    if account is None or account.token_id is None:
        raise SignInNeeded("Send an API token: Authorization: Bearer mf_…")
    check_scope(account, scope)
    return account


def read_body(model: type[Model]) -> Model:
    """Return the JSON object of the body. Raises BadOption that names the first wrong field."""
    if request.mimetype != "application/json":
        raise WrongContentType("Send JSON, with Content-Type: application/json.")
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise BadRequest("The body is no JSON that can be read.") from None
        field = ".".join(str(part) for part in first["loc"]) or "The body"
        raise BadOption(f"{field[:100]}: {first['msg']}.") from None


def read_page() -> int:
    """Return the number of the page that is asked for, from 1 on. Raises BadOption."""
    value = request.args.get("page", "1")
    if not (value.isascii() and value.isdigit() and 1 <= len(value) < 7 and int(value)):
        raise BadOption("page must be a whole number from 1 on.")
    return int(value)
