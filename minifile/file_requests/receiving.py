"""Files on their way to a file request: from the body of a request to `services.submissions`."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from flask import Response, g, request

from minifile.codes import new_token, token_hash
from minifile.errors import BadOption
from minifile.file_requests import answers
from minifile.services.storing import Incoming
from minifile.services.submission_rows import HandedIn, Sender
from minifile.services.submissions import finish_submission, receive_submission
from minifile.web.answering import Answering
from minifile.web.bodies import FORM_OVERHEAD, LIKELY_OVERHEAD, begin_body, form_files
from minifile.web.current import (
    current_rates,
    current_storage,
    current_terms,
    current_transfers,
    utcnow,
)
from minifile.web.multipart import Part, read_parts
from minifile.web.telling import tell_owner

_PROOF = "X-Submission-Token"
_SAID = ("sender_name", "message")
_BUNDLE = ("bundle", "bundle_files")
_MAX_TOKEN = 64


class _NamesBundle(Exception):
    """A form held no file, but named a bundle whose files have come before."""


class _Form:
    """The parts of a form, as they arrive; a field that is none of the form's is refused."""

    def __init__(self, parts: Iterator[Part], found: Answering) -> None:
        self.fields: dict[str, str] = {}
        self._parts, self._found = parts, found

    def files(self) -> Iterator[Incoming]:
        """Yield the files and read the fields on the way. Raises _NamesBundle at the end."""
        has_file = False
        for incoming in form_files(self._parts, self._read):
            has_file = True
            self._check_bundle(has_file)
            yield incoming
        self._check_bundle(has_file)
        if "bundle" in self.fields:
            raise _NamesBundle

    def _check_bundle(self, has_file: bool) -> None:
        if has_file and "bundle" in self.fields:
            raise BadOption("The files of a bundle come before it is finished; send none with it.")

    def _read(self, name: str, value: str) -> None:
        known = (*_BUNDLE, "submission", *(_SAID if self._found.request.asks_who else ()))
        if name not in known:
            raise BadOption(f"This file request does not ask for the field {name[:60]}.")
        if value.strip():
            self.fields[name] = value.replace("\r\n", "\n").strip()


def receive_form(found: Answering) -> Response:
    """Receive a form of files, or finish the bundle of those that came before it."""
    body = begin_body(found.limits.max_link_size + FORM_OVERHEAD)
    parts = read_parts(request.headers.get("Content-Type", ""), body.buffers())
    form = _Form(parts, found)
    sender = _SenderReader(found, form.fields)
    files = form.files()
    try:
        # What finishes a bundle needs no room: its files have theirs.
        first = next(files, None)
    except _NamesBundle:
        return _answer(found, _finish(found, form.fields, sender), sender)
    coming = files if first is None else chain([first], files)
    return _answer(found, _receive(found, coming, sender, LIKELY_OVERHEAD), sender)


def receive_file(found: Answering, filename: str) -> Response:
    """Receive one file as the body."""
    body = begin_body(found.limits.max_file_size)
    declared = request.headers.get("Content-Type")
    incoming = Incoming(filename, declared, body.chunks(), body.size_bytes)
    sender = _SenderReader(found, {})
    return _answer(found, _receive(found, iter([incoming]), sender), sender)


class _SenderReader:
    """Finds out who sends, once all fields are there; makes a token for who has no cookie."""

    def __init__(self, found: Answering, fields: dict[str, str]) -> None:
        self.new_token: str | None = None
        self._found, self._fields = found, fields

    def read(self) -> Sender:
        said = Sender(None, self._fields.get("sender_name"), self._fields.get("message"))
        given = self._fields.get("submission") or request.headers.get(_PROOF)
        if given is not None:
            self.new_token = None
            return replace(said, sender_hash=token_hash(given[:_MAX_TOKEN]), adds=True)
        if self._found.sender_hash is not None:
            return replace(said, sender_hash=self._found.sender_hash)
        self.new_token = new_token()
        return replace(said, sender_hash=token_hash(self.new_token))


def _receive(
    found: Answering, files: Iterator[Incoming], sender: _SenderReader, overhead_bytes: int = 0
) -> HandedIn:
    with current_transfers().receiving(found.visitor.rate_address):
        return receive_submission(
            found.request,
            files,
            sender.read,
            found.uploader,
            declared_bytes=g.body.size_bytes,
            overhead_bytes=overhead_bytes,
            rates=current_rates(),
            limits=found.limits,
            storage=current_storage(),
            now=utcnow,
        )


def _finish(found: Answering, fields: dict[str, str], sender: _SenderReader) -> HandedIn:
    files = fields.get("bundle_files", "")
    if not (files.isascii() and files.isdigit() and 0 < len(files) < 13 and int(files)):
        raise BadOption("bundle_files must say how many files the bundle has, from 1 on.")
    return finish_submission(
        found.request,
        fields["bundle"],
        int(files),
        sender.read(),
        found.uploader,
        terms=replace(current_terms(), limits=found.limits),
        now=utcnow,
    )


def _answer(found: Answering, handed_in: HandedIn, sender: _SenderReader) -> Response:
    g.link_id = handed_in.link.id
    if handed_in.is_new:
        tell_owner(found.request.id)
    return answers.answer_submission(found, handed_in, sender.new_token)
