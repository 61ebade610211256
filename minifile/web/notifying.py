"""What can be chosen on the pages about notifications: kinds, and ways of telling."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from wtforms import SelectMultipleField

from minifile.identity import Account
from minifile.notification_values import NotificationKind
from minifile.services.choices import Choice, Habits
from minifile.services.webhooks import WebhookRecord
from minifile.web.forms import StrictForm
from minifile.web.letters import sends_mail
from minifile.web.notification_words import KIND_WORDS, one_line

_OF_A_LINK = (
    NotificationKind.FIRST_DOWNLOAD,
    NotificationKind.DOWNLOAD,
    NotificationKind.EXHAUSTED,
    NotificationKind.UNFETCHED,
)
_OF_AN_ACCOUNT = (*_OF_A_LINK, NotificationKind.SUBMISSION, NotificationKind.QUOTA)
_OF_ADMINS = (NotificationKind.REPORT,)
_MAIL = "mail"


class ChoicesForm(StrictForm):
    """What somebody is told of: a value for each kind and each way. The page sets the choices."""

    wanted = SelectMultipleField("Tell me of")


@dataclass(frozen=True, slots=True)
class Target:
    """One way of telling: `mail`, or the id of a webhook."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a form offers: a box for each kind and target, named by both."""

    kinds: Sequence[tuple[str, str]]
    targets: Sequence[Target]

    @property
    def has_mail(self) -> bool:
        """Say whether mail is one of the ways."""
        return any(target.key == _MAIL for target in self.targets)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """All boxes, for a form."""
        return [
            (f"{kind} {target.key}", f"{words}: {target.words}")
            for kind, words in self.kinds
            for target in self.targets
        ]

    def read(self, boxes: Collection[str]) -> set[Choice]:
        """Return what ticked boxes stand for."""
        return {_choice(box) for box in boxes}

    @property
    def all(self) -> set[Choice]:
        return {_choice(box) for box, _ in self.choices}


def boxes_of(choices: Collection[Choice]) -> list[str]:
    """Return the boxes that stand for choices."""
    return [f"{each.kind} {each.webhook_id or _MAIL}" for each in choices]


def offer_for_account(account: Account, habits: Habits, webhooks: Sequence[WebhookRecord]) -> Offer:
    """Return what somebody may choose for all their links."""
    kinds = [*_OF_AN_ACCOUNT, *(_OF_ADMINS if account.is_admin else ())]
    return _offer(kinds, habits, webhooks)


def offer_for_link(habits: Habits, webhooks: Sequence[WebhookRecord]) -> Offer:
    """Return what an owner may choose for one link."""
    return _offer(_OF_A_LINK, habits, webhooks)


def _offer(kinds: Sequence[str], habits: Habits, webhooks: Sequence[WebhookRecord]) -> Offer:
    targets = [
        Target(str(each.id), webhook_words(at, each.url)) for at, each in enumerate(webhooks, 1)
    ]
    if sends_mail() and habits.email is not None:
        targets.insert(0, Target(_MAIL, "By mail"))
    named = [(kind, KIND_WORDS[kind][0].upper() + KIND_WORDS[kind][1:]) for kind in kinds]
    return Offer(named, targets)


def webhook_words(number: int, url: str) -> str:
    """Return what a webhook is called on the pages: which one it is, and on which host."""
    return f"Webhook {number}: {one_line(urlsplit(url).hostname or url, 60)}"


def _choice(box: str) -> Choice:
    kind, _, key = box.partition(" ")
    return Choice(kind, None if key == _MAIL else int(key))
