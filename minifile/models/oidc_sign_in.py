"""A sign-in by OpenID Connect that is on its way at the provider."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class OidcSignIn(Base):
    """One sign-in that was begun: used once, by the browser that began it, within minutes.

    Of the state in the provider's address and of the secret in the browser's cookie only the
    SHA-256 is kept. Nonce and code verifier are of no use without both.
    """

    __tablename__ = "oidc_sign_in"
    __table_args__ = (Index("ix_oidc_sign_in_expires_at", "expires_at"),)

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str] = mapped_column(String(64))
    code_verifier: Mapped[str] = mapped_column(String(128))
    next_path: Mapped[str | None] = mapped_column(String(2000))
    user_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    """The user who links their account; None for who signs in."""
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
