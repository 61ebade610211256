"""What is refused to users, and to who is not known to be one."""

from minifile.errors.base import BadOption, Conflict, MinifileError


class SignInNeeded(MinifileError):
    """The caller has to say who they are."""

    def __init__(self, message: str = "Sign in first, or send an API token.") -> None:
        super().__init__(message)


class SignInRefused(MinifileError):
    """A name and a password that do not belong together, or to nobody who may sign in."""

    def __init__(self) -> None:
        super().__init__("That name and password do not belong together.")


class TokenRefused(SignInNeeded):
    """An API token that does not hold: unknown, expired, revoked, or its user is disabled."""

    def __init__(self) -> None:
        super().__init__("This API token is not valid. It may have expired or been revoked.")


class BadSignIn(MinifileError):
    """What comes back from the OpenID Connect provider does not fit what was begun here."""

    def __init__(self) -> None:
        super().__init__(
            "This sign-in can't be completed. It is too old, has been used already, or was begun"
            " in another browser. Begin it once more on the sign-in page."
        )


class ConsentRefused(BadSignIn):
    """Somebody has said no at the OpenID Connect provider, or was not let in there."""


class IdentityRefused(MinifileError):
    """Somebody whom the OpenID Connect provider knows may not come in here."""


class IdentityTaken(MinifileError):
    """Identity and account do not fit together: one of them belongs to another already."""


class ProviderUnavailable(MinifileError):
    """The OpenID Connect provider does not answer as it should; `reason` is for the admin."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The service that signs you in does not answer as it should. Try again in a moment."
        )
        self.reason = reason


class InvitationOver(MinifileError):
    """An invitation was used, or its time is over."""


class ResetOver(MinifileError):
    """A secret address that was sent by mail, or handed over, holds no longer."""

    def __init__(self) -> None:
        super().__init__("This address has been used, or its time is over. Ask for another one.")


class WrongOwnPassword(BadOption):
    """Somebody who is signed in gives another password than theirs."""

    def __init__(self) -> None:
        super().__init__("That is not your password. Nothing was done.")


class LastAdmin(Conflict):
    """An instance keeps at least one admin who can sign in."""

    def __init__(self) -> None:
        super().__init__("This is the last admin. Make somebody else an admin first.")
