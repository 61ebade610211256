"""Webhooks as a way of telling: one notification is posted once."""

from datetime import datetime, timedelta
from importlib.metadata import version

from minifile.notification_values import SendAnswer
from minifile.services.dispatching import Claimed
from minifile.services.posting import PATIENCE
from minifile.services.webhooks import Sending, send_to_webhook
from minifile.web.current import current_settings


def send_by_webhook(
    claimed: Claimed, *, now: datetime, patience: timedelta = PATIENCE
) -> SendAnswer:
    """Post a notification to its webhook, within the application's context."""
    settings = current_settings()
    sending = Sending(
        public_url=settings.public_url,
        allowed=settings.webhook_allowed_networks,
        agent=f"minifile/{version('minifile')}",
        patience=patience,
    )
    return send_to_webhook(claimed, sending, now=now)
