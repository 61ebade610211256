"""GET /, POST / and PUT: from a request to `services.uploads`, and the answer."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from flask import Blueprint, Response, g, make_response, render_template, request

from minifile.errors import BadOption, MinifileError, NotFound
from minifile.extensions import exempt_from_csrf
from minifile.identity import Account
from minifile.services.bundles import finish_bundle
from minifile.services.new_shares import find_user_ids
from minifile.services.storing import Incoming
from minifile.services.uploads import receive_upload
from minifile.units import write_duration
from minifile.upload.answers import answer_upload
from minifile.upload.options import OptionReader, expected_sha256, read_bundle, read_bundle_files
from minifile.values import ENDLESS, Visitor
from minifile.web.bodies import (
    FORM_OVERHEAD,
    LIKELY_OVERHEAD,
    begin_body,
    end_unread_body,
    form_files,
)
from minifile.web.body import Body
from minifile.web.compression import compress
from minifile.web.current import (
    current_account,
    current_limits,
    current_rates,
    current_settings,
    current_storage,
    current_terms,
    current_transfers,
    ensure_browser,
    public_url,
    uploading_visitor,
    utcnow,
)
from minifile.web.error_pages import answer_refusal, say_when_to_retry, status_of
from minifile.web.lifetimes import lifetime_choices
from minifile.web.multipart import Part, read_parts
from minifile.web.negotiate import answer_format, is_command_line_tool
from minifile.web.transfers import NoUpload
from minifile.web.usage import Usage, usage_of

bp = Blueprint("upload", __name__)
bp.after_request(end_unread_body)


@bp.get("/")
def new() -> Response:
    """Show the upload page; a shell is told what to type."""
    if is_command_line_tool():
        text = render_template(
            "upload/help.txt", url=f"{public_url()}/", limits=current_limits(), endless=ENDLESS
        )
        return Response(f"{text}\n", content_type="text/plain; charset=utf-8")
    account = current_account()
    if account is None and not current_limits().anyone_may_upload:
        response = make_response(render_template("accounts/sign_in_needed.html"))
    else:
        ensure_browser()
        response = _upload_page()
    response.vary.update(("Accept", "User-Agent"))
    # There is no secret in it: the form is judged by headers. Who is signed in has a form with a
    # token in the head.
    return compress(response) if account is None else response


@bp.post("/")
@exempt_from_csrf  # Judged by headers: the form token stands behind the body.
def create() -> Response:
    """Receive a form: any number of files in fields of any name, options in any order."""
    visitor = uploading_visitor()
    options, body = _begin(visitor)
    parts = read_parts(request.headers.get("Content-Type", ""), body.buffers())
    form = _Form(parts, options)
    try:
        return _receive(form.files(), options, visitor, LIKELY_OVERHEAD)
    except _NamesBundle:
        return _finish(form, options, visitor)


@bp.put("/")
@bp.put("/<filename>")
@exempt_from_csrf  # Judged by headers: the form token stands behind the body.
def put(filename: str = "") -> Response:
    """Receive one file as the body."""
    visitor = uploading_visitor()
    options, body = _begin(visitor)
    incoming = Incoming(
        filename,
        request.headers.get("Content-Type"),
        body.chunks(),
        body.size_bytes,
    )
    return _receive(iter([incoming]), options, visitor)


@bp.put("/<path:_path>")
@exempt_from_csrf  # Judged by headers: the form token stands behind the body.
def put_deeper(_path: str) -> Response:
    """Refuse a path with folders: only a form makes them."""
    raise NotFound("A PUT takes one name behind the slash. Send folders with a form.")


@bp.errorhandler(MinifileError)
def refuse(error: MinifileError) -> Response:
    """Show the refusal where it happened: on the upload page, for who sent its form."""
    if answer_format() != "html" or request.method != "POST":
        return answer_refusal(error)
    response = _upload_page(str(error))
    response.status_code = status_of(error)[0]
    say_when_to_retry(response, error)
    return response


def _begin(visitor: Visitor) -> tuple[OptionReader, Body]:
    """Read what the headers say; not one byte of the body has been read."""
    limits = current_limits()
    body = begin_body(limits.max_link_size + FORM_OVERHEAD)
    g.options = OptionReader(limits, _name_check(visitor.account))
    g.options.read_request(request)
    return g.options, body


def _name_check(account: Account | None) -> Callable[[Sequence[str]], object] | None:
    if account is None:
        return None
    return partial(find_user_ids, asker=account, rates=current_rates())


def _receive(
    files: Iterator[Incoming], options: OptionReader, visitor: Visitor, overhead_bytes: int = 0
) -> Response:
    with current_transfers().receiving(visitor.rate_address):
        new_link = receive_upload(
            files,
            options.options,
            visitor,
            declared_bytes=g.body.size_bytes,
            overhead_bytes=overhead_bytes,
            expected_sha256=expected_sha256(request.headers),
            rates=current_rates(),
            limits=current_limits(),
            storage=current_storage(),
            now=utcnow,
        )
    g.link_id = new_link.link.id
    return answer_upload(new_link, visitor)


def _finish(form: "_Form", options: OptionReader, visitor: Visitor) -> Response:
    """Make the link of files that came as resumable uploads."""
    new_link = finish_bundle(
        read_bundle(form.fields["bundle"]),
        read_bundle_files(form.fields.get("bundle_files", "")),
        options.options(),
        visitor,
        terms=current_terms(),
        now=utcnow,
    )
    g.link_id = new_link.link.id
    return answer_upload(new_link, visitor)


class _NamesBundle(NoUpload):
    """A form held no file, but named a bundle whose files have come before."""


class _Form:
    """The parts of a form, as they arrive."""

    def __init__(self, parts: Iterator[Part], options: OptionReader) -> None:
        self.fields: dict[str, str] = {}
        self._parts, self._options = parts, options
        self._has_file = False

    def files(self) -> Iterator[Incoming]:
        """Yield the files and read the fields on the way. Raises _NamesBundle at the end."""
        for incoming in form_files(self._parts, self._read):
            self._has_file = True
            self._check_bundle()
            yield incoming
        if "bundle" in self.fields:
            raise _NamesBundle

    def _read(self, name: str, value: str) -> None:
        if name in ("bundle", "bundle_files") and value.strip():
            self.fields[name] = value
            self._check_bundle()
        self._options.read(name, value)

    def _check_bundle(self) -> None:
        if self._has_file and "bundle" in self.fields:
            raise BadOption("The files of a bundle come before it is finished; send none with it.")


def _may_share() -> bool:
    account = current_account()
    return account is not None and account.session_id is not None


def _usage() -> list[Usage]:
    """Return how much is left of what is limited, for who is signed in."""
    account = current_account()
    if account is None:
        return []
    return [each for each in usage_of(account.id) if each.limit is not None]


def _upload_page(error: str | None = None) -> Response:
    limits = current_limits()
    page = render_template(
        "upload/new.html",
        limits=limits,
        choices=lifetime_choices(current_settings(), limits),
        default_choice=write_duration(limits.default_lifetime),
        example_url=f"{public_url()}/",
        error=error,
        may_share=_may_share(),
        usage=_usage(),
        endless=ENDLESS,
        sent=g.options.shown() if error and "options" in g else {},
    )
    return make_response(page)
