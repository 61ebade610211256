"""What the API answers: from the records of the services to its models."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Response

from minifile.api.schemas import (
    FileAnswer,
    LimitsAnswer,
    LimitsPatch,
    LinkAnswer,
    LinkInList,
    LinkList,
    MeAnswer,
    UsageAnswer,
    UserAnswer,
    UserList,
)
from minifile.identity import Account
from minifile.services.links import standing
from minifile.services.owned_links import OwnedLink
from minifile.services.quotas import use_of
from minifile.services.users import UserRecord
from minifile.values import ENDLESS, Limits, LinkRecord
from minifile.web.addresses import file_as_json, short_link
from minifile.web.current import public_url


def raw(document: dict[str, Any]) -> Response:
    """Answer with a document that is JSON already."""
    return Response(json.dumps(document), content_type="application/json")


def me(account: Account, limits: Limits, *, now: datetime) -> MeAnswer:
    return MeAnswer.model_validate(
        {
            "id": account.id,
            "name": account.name,
            "role": account.role,
            "scopes": sorted(account.scopes),
            "limits": _limits(limits),
            "usage": _usage(account.id, now),
        }
    )


def link_list(links: Sequence[OwnedLink], page: int, *, has_more: bool) -> LinkList:
    return LinkList(links=[_in_list(link) for link in links], page=page, has_more=has_more)


def link(record: LinkRecord, *, now: datetime) -> LinkAnswer:
    return LinkAnswer.model_validate(
        {
            "code": record.code,
            "url": short_link(record),
            "state": standing(record, now),
            "is_private": record.is_private,
            "has_password": record.is_locked,
            "note": record.note,
            "download_count": record.download_count,
            "max_downloads": record.max_downloads,
            "created_at": record.created_at,
            "expires_at": record.expires_at,
            "size": record.size_bytes,
            "files": [FileAnswer.model_validate(file_as_json(record, f)) for f in record.files],
        }
    )


def user_list(users: Sequence[UserRecord], page: int, *, has_more: bool, now: datetime) -> UserList:
    return UserList(users=[user(each, now=now) for each in users], page=page, has_more=has_more)


def user(record: UserRecord, *, now: datetime) -> UserAnswer:
    lifetime = record.limits.max_lifetime
    return UserAnswer.model_validate(
        {
            "id": record.id,
            "name": record.name,
            "email": record.email,
            "role": record.role,
            "disabled": record.disabled_at is not None,
            "created_at": record.created_at,
            "signed_in_at": record.signed_in_at,
            "limits": LimitsPatch(
                max_file_size=record.limits.max_file_size,
                quota=record.limits.quota,
                max_links=record.limits.max_links,
                max_lifetime_seconds=None if lifetime is None else int(lifetime.total_seconds()),
                daily_upload=record.limits.daily_upload,
            ),
            "usage": _usage(record.id, now),
        }
    )


def _in_list(link: OwnedLink) -> LinkInList:
    return LinkInList.model_validate(
        {
            "code": link.code,
            "url": f"{public_url()}/{link.code}",
            "name": link.filename,
            "files": link.files,
            "size": link.size_bytes,
            "state": link.standing,
            "is_private": link.is_private,
            "download_count": link.download_count,
            "max_downloads": link.max_downloads,
            "expires_at": link.expires_at,
        }
    )


def _limits(limits: Limits) -> LimitsAnswer:
    return LimitsAnswer(
        max_file_size=_unless_endless(limits.max_file_size),
        max_link_size=_unless_endless(limits.max_link_size),
        max_lifetime_seconds=int(limits.max_lifetime.total_seconds()),
        quota=limits.quota,
        max_links=limits.max_links,
        daily_upload=limits.daily_upload,
    )


def _unless_endless(size_bytes: int) -> int | None:
    return None if size_bytes >= ENDLESS else size_bytes


def _usage(user_id: int, now: datetime) -> UsageAnswer:
    use = use_of(user_id, now)
    return UsageAnswer(
        size=use.size_bytes,
        reserved=use.reserved_bytes,
        links=use.links,
        uploaded_today=use.today_bytes,
    )
