"""What accounts leave behind: deleted once nobody can use it any more, and not before."""

from datetime import timedelta

from conftest import NOW
from flask import Flask
from sqlalchemy import func, select

from minifile.extensions import db
from minifile.identity import BY_SHELL
from minifile.models import Invitation, PasswordReset, UserSession
from minifile.services.invitations import invite
from minifile.services.password_resets import make_reset
from minifile.services.stale_rows import delete_stale_rows
from minifile.services.user_sessions import SessionTimes, open_session
from minifile.services.users import create_user

DAY = timedelta(days=1)
TIMES = SessionTimes(idle=7 * DAY, at_most=30 * DAY)


def left() -> list[int]:
    models = (UserSession, PasswordReset, Invitation)
    return [db.session.scalar(select(func.count()).select_from(each)) or 0 for each in models]


def test_ended_sessions_resets_and_old_invitations_go(everywhere: Flask):
    alice = create_user("Alice", password="correct horse battery", actor=BY_SHELL, now=NOW)
    open_session(alice.id, user_agent="x", times=TIMES, now=NOW)
    make_reset(alice.id, lifetime=DAY, actor=BY_SHELL, now=NOW)
    invite(lifetime=7 * DAY, actor=BY_SHELL, now=NOW)

    found = []
    for days in (0, 1, 7, 36, 37):
        delete_stale_rows(times=TIMES, now=NOW + days * DAY)
        found.append(left())

    assert found == [[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
