"""Nouns: one table a file."""

from minifile.models.api_token import ApiToken
from minifile.models.audit_entry import AuditEntry
from minifile.models.browser_access import BrowserAccess
from minifile.models.client_salt import ClientSalt
from minifile.models.delivery import Delivery
from minifile.models.file import File
from minifile.models.file_request import FileRequest, RequestAccess, Submission
from minifile.models.grant import Grant
from minifile.models.history import ErrorEntry, PurgeRun, UsageSample, UserSample
from minifile.models.invitation import Invitation
from minifile.models.lease import Lease
from minifile.models.link import Link
from minifile.models.notification import Dispatch, Notification, Subscription, Webhook
from minifile.models.oidc_identity import OidcIdentity
from minifile.models.oidc_sign_in import OidcSignIn
from minifile.models.partial_upload import PartialUpload
from minifile.models.password_reset import PasswordReset
from minifile.models.removed_blob import RemovedBlob
from minifile.models.report import BlockedDigest, Report
from minifile.models.reservation import ANONYMOUS, DailyUpload, Reservation
from minifile.models.slot import Slot
from minifile.models.tally import Breakdown, SeenClient, Tally
from minifile.models.used_code import UsedCode
from minifile.models.user import User
from minifile.models.user_session import UserSession
from minifile.models.visit import Visit

__all__ = [
    "ANONYMOUS",
    "ApiToken",
    "AuditEntry",
    "BlockedDigest",
    "Breakdown",
    "BrowserAccess",
    "ClientSalt",
    "DailyUpload",
    "Delivery",
    "Dispatch",
    "ErrorEntry",
    "File",
    "FileRequest",
    "Grant",
    "Invitation",
    "Lease",
    "Link",
    "Notification",
    "OidcIdentity",
    "OidcSignIn",
    "PartialUpload",
    "PasswordReset",
    "PurgeRun",
    "RemovedBlob",
    "Report",
    "RequestAccess",
    "Reservation",
    "SeenClient",
    "Slot",
    "Submission",
    "Subscription",
    "Tally",
    "UsageSample",
    "UsedCode",
    "User",
    "UserSample",
    "UserSession",
    "Visit",
    "Webhook",
]
