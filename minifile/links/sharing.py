"""Who may open a link: the part of the sender's page in which a signed-in owner says so."""

from collections.abc import Callable, Sequence
from functools import partial

from flask_wtf import FlaskForm

from minifile.errors import Forbidden
from minifile.identity import Account, Scope
from minifile.links.mailing import check_mails, mail_recipients
from minifile.links.sharing_forms import (
    GrantForm,
    MailRecipientForm,
    PrivacyForm,
    RecipientForm,
    RevokeGrantForm,
    RevokeRecipientForm,
)
from minifile.services.new_shares import read_names
from minifile.services.shared_with import SeenGrant, SeenRecipient, Sharing
from minifile.services.sharing import (
    add_grants,
    add_recipients,
    revoke_grant,
    revoke_recipient,
    set_private,
)
from minifile.units import plural
from minifile.values import LinkRecord
from minifile.web.addresses import short_address
from minifile.web.current import (
    current_account,
    current_limits,
    current_rates,
    require_account,
    utcnow,
)
from minifile.web.ids import read_id


class SharingForms:
    """The forms of this part, and what each does; what it returns is said on the page."""

    def __init__(self, meta: dict[str, bool]) -> None:
        self.privacy = PrivacyForm(meta=meta)
        self.grant = GrantForm(meta=meta)
        self.revoke_grant = RevokeGrantForm(meta=meta)
        self.recipient = RecipientForm(meta=meta)
        self.mail_recipient = MailRecipientForm(meta=meta)
        self.revoke_recipient = RevokeRecipientForm(meta=meta)

    @property
    def was_sent(self) -> bool:
        return any(form.is_submitted() for form, _ in self._all())

    def actions(self, link: LinkRecord) -> Sequence[tuple[FlaskForm, Callable[[], str]]]:
        """Return each form with what carries it out."""
        return [(form, partial(act, link)) for form, act in self._all()]

    def _all(self) -> Sequence[tuple[FlaskForm, Callable[[LinkRecord], str]]]:
        return (
            (self.privacy, self._set_private),
            (self.grant, self._grant),
            (self.revoke_grant, self._revoke_grant),
            (self.recipient, self._add_recipients),
            (self.mail_recipient, self._mail_recipient),
            (self.revoke_recipient, self._revoke_recipient),
        )

    def _set_private(self, link: LinkRecord) -> str:
        is_private = self.privacy.private.data == "1"
        _owner(link)
        set_private(link, is_private=is_private, now=utcnow())
        return "The link is private now." if is_private else "Anybody can open the link now."

    def _grant(self, link: LinkRecord) -> str:
        names = read_names(self.grant.names.data or "")
        added = add_grants(link, names, _owner(link), rates=current_rates(), now=utcnow())
        return f"Shared with {plural(added, 'more user')}."

    def _revoke_grant(self, link: LinkRecord) -> str:
        _owner(link)
        revoke_grant(link, read_id(self.revoke_grant.user_id.data), now=utcnow())
        return "Revoked for this user."

    def _add_recipients(self, link: LinkRecord) -> str:
        owner = _owner(link)
        addresses = read_names(self.recipient.addresses.data or "")
        code_length = current_limits().code_length
        if self.recipient.by_mail.data:
            check_mails(addresses)
        added = add_recipients(link, addresses, code_length=code_length, now=utcnow())
        said = f"{plural(len(added), 'recipient')} added."
        if not self.recipient.by_mail.data:
            return f"{said} Send each the link of their own."
        mail_recipients(link, added, owner.name)
        return f"{said} The links are on their way by mail."

    def _mail_recipient(self, link: LinkRecord) -> str:
        recipient_id = read_id(self.mail_recipient.recipient_id.data)
        mail_recipients(link, [recipient_id], _owner(link).name)
        return "The link is on its way by mail."

    def _revoke_recipient(self, link: LinkRecord) -> str:
        _owner(link)
        revoke_recipient(link, read_id(self.revoke_recipient.recipient_id.data), now=utcnow())
        return "Revoked for this recipient."


def may_share(link: LinkRecord) -> bool:
    """Say whether the owner's account itself asks; the owner token alone shares with nobody."""
    account = current_account()
    return account is not None and account.id == link.owner_id and account.may(Scope.MANAGE)


def sharing_as_json(link: LinkRecord, sharing: Sharing) -> dict[str, object]:
    """Return who may open the link, as the sender is told."""
    return {
        "is_private": link.is_private,
        "grants": [_grant_as_json(each) for each in sharing.grants],
        "recipients": [_recipient_as_json(each) for each in sharing.recipients],
    }


def _owner(link: LinkRecord) -> Account:
    account = require_account(Scope.MANAGE)
    if account.id != link.owner_id:
        raise Forbidden("Only the user whose link it is can say who may open it.")
    return account


def _grant_as_json(grant: SeenGrant) -> dict[str, object]:
    return {
        "user_id": grant.user_id,
        "name": grant.name,
        "created_at": grant.created_at.isoformat(),
        "started": grant.started,
        "completed": grant.completed,
        "last_at": grant.last_at and grant.last_at.isoformat(),
    }


def _recipient_as_json(recipient: SeenRecipient) -> dict[str, object]:
    return {
        "id": recipient.id,
        "address": recipient.address,
        "url": short_address(recipient.code),
        "state": recipient.standing,
        "created_at": recipient.created_at.isoformat(),
        "max_downloads": recipient.max_downloads,
        "started": recipient.started,
        "completed": recipient.completed,
        "last_at": recipient.last_at and recipient.last_at.isoformat(),
    }
