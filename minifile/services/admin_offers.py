"""What an admin has handed out, and who takes it up later: invitations and resets.

They are worth as much as their maker's role, and end with it: an admin must not come back by one.
"""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from minifile.errors import Forbidden
from minifile.identity import Actor, UserRole
from minifile.models import Invitation, PasswordReset, User


def check_maker(session: Session, actor: Actor) -> None:
    """Raise Forbidden for who is no admin any more; the shell and the instance always may.

    To be asked once the row that names the maker is written, which holds the maker's row.
    """
    if actor.user_id is None:
        return
    is_admin = (User.role == UserRole.ADMIN.value) & User.disabled_at.is_(None)
    query = select(User.id).where(User.id == actor.user_id, is_admin)
    if session.scalar(query) is None:
        raise Forbidden("Only admins can do that.")


def withdraw_offers(session: Session, maker_id: int) -> None:
    """Delete what a user has made and nobody has used, within the caller's transaction."""
    is_open = Invitation.used_at.is_(None)
    session.execute(delete(Invitation).where(Invitation.inviter_id == maker_id, is_open))
    session.execute(delete(PasswordReset).where(PasswordReset.maker_id == maker_id))
