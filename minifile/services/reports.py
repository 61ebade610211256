"""Reports: what visitors say of links, and the queue in which admins read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from minifile.errors import BadOption, NotFound
from minifile.extensions import db, write_transaction
from minifile.identity import Actor, UserRole
from minifile.models import Link, Report, User
from minifile.notification_values import NotificationKind
from minifile.services.notifications import notify
from minifile.services.rate_limits import REPORTS, RateLimits
from minifile.services.statements import driver_of
from minifile.services.takedowns import handle_reports
from minifile.values import LinkRecord

PAGE = 20
MAX_MESSAGE = 2000
MAX_CONTACT = 254
# What a link is kept reports of; more of them tell an admin nothing new.
MAX_OPEN = 50

REASONS = {
    "malware": "It is harmful: malware or phishing",
    "illegal": "It is against the law",
    "abuse": "It harasses or exposes somebody",
    "copyright": "It infringes a copyright",
    "other": "Something else",
}


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """What one visitor said."""

    id: int
    link_id: int
    reason: str
    message: str | None
    contact: str | None
    created_at: datetime
    handled_at: datetime | None
    outcome: str | None

    @property
    def is_open(self) -> bool:
        return self.handled_at is None


@dataclass(frozen=True, slots=True)
class ReportedLink:
    """A link with the reports of it, the newest first."""

    link_id: int
    code: str
    takedown_reason: str | None
    reports: Sequence[ReportRecord]

    @property
    def is_open(self) -> bool:
        return any(report.is_open for report in self.reports)


def report_link(
    link: LinkRecord,
    reason: str,
    *,
    message: str = "",
    contact: str = "",
    address: str,
    rates: RateLimits,
    now: datetime,
) -> None:
    """Keep what a visitor says of a link that they may open, and tell the admins who want it.

    Who reports one that has many open reports is thanked all the same. Raises BadOption and
    TooManyTries.
    """
    rates.check(REPORTS, address)
    # A textarea sends a line break as two characters.
    message, contact = message.replace("\r\n", "\n").strip(), contact.strip()
    _check(reason, message, contact)
    with write_transaction() as session:
        count = session.scalar(
            select(func.count()).where(Report.link_id == link.id, Report.handled_at.is_(None))
        )
        if (count or 0) < MAX_OPEN and session.get(Link, link.id) is not None:
            report = Report(
                link_id=link.id,
                reason=reason,
                message=message or None,
                contact=contact or None,
                created_at=now,
            )
            session.add(report)
            session.flush()
            _tell_admins(session, report, now)
    rates.count(REPORTS, address)


def dismiss_reports(link_id: int, *, actor: Actor, now: datetime) -> int:
    """Handle the open reports of a link without doing anything to it; return how many.

    Those that somebody else has handled meanwhile stay as they are. Raises NotFound.
    """
    with write_transaction() as session:
        if session.get(Link, link_id) is None:
            raise NotFound("There is no such link. It may have been purged.")
        return handle_reports(session, [link_id], "dismissed", actor, now)


def count_open_reports() -> int:
    """Return how many reports wait for an admin."""
    query = select(func.count()).where(Report.handled_at.is_(None))
    return db.session.scalar(query) or 0


def list_reported(*, page: int = 1) -> list[ReportedLink]:
    """Return a page of reported links: those with open reports first, the newest report first.

    One link more than PAGE if more follow.
    """
    is_open = func.max(case((Report.handled_at.is_(None), 1), else_=0))
    query = (
        select(Report.link_id)
        .group_by(Report.link_id)
        .order_by(is_open.desc(), func.max(Report.id).desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
    )
    links = list(db.session.scalars(query))
    found = {link.link_id: link for link in _reported(links)}
    return [found[link_id] for link_id in links if link_id in found]


def reports_of(link_id: int) -> Sequence[ReportRecord]:
    """Return what was said of a link, the newest first."""
    query = select(Report).where(Report.link_id == link_id).order_by(Report.id.desc())
    return [_as_record(row) for row in db.session.scalars(query)]


def _tell_admins(session: Session, report: Report, now: datetime) -> None:
    """Tell each admin who has asked for it, within the caller's transaction.

    What the visitor wrote stands on the page only: a mail is no place for a stranger's words.
    """
    admins = select(User.id).where(User.role == UserRole.ADMIN, User.disabled_at.is_(None))
    for admin_id in session.scalars(admins).all():
        notify(
            driver_of(session),
            kind=NotificationKind.REPORT,
            key=f"report:{report.id}:{admin_id}",
            user_id=admin_id,
            link_id=None,
            payload={"report_id": report.id, "link_id": report.link_id, "reason": report.reason},
            now=now,
        )


def _reported(links: Sequence[int]) -> list[ReportedLink]:
    query = (
        select(Report, Link.code, Link.takedown_reason)
        .join(Link, Link.id == Report.link_id)
        .where(Report.link_id.in_(links))
        .order_by(Report.link_id, Report.id.desc())
    )
    rows = db.session.execute(query).all()
    found = []
    for link_id, group in groupby(rows, key=lambda row: row[0].link_id):
        members = list(group)
        reports = [_as_record(report) for report, _, _ in members]
        found.append(ReportedLink(link_id, members[0][1], members[0][2], reports))
    return found


def _check(reason: str, message: str, contact: str) -> None:
    if reason not in REASONS:
        raise BadOption("Choose one of the reasons.")
    if len(message) > MAX_MESSAGE:
        raise BadOption(f"A message has at most {MAX_MESSAGE:,} characters.")
    if len(contact) > MAX_CONTACT:
        raise BadOption(f"A contact has at most {MAX_CONTACT} characters.")
    if "\0" in message + contact:
        raise BadOption("The message holds a character that can't be kept.")


def _as_record(row: Report) -> ReportRecord:
    return ReportRecord(
        row.id,
        row.link_id,
        row.reason,
        row.message,
        row.contact,
        row.created_at,
        row.handled_at,
        row.outcome,
    )
