"""Settings: every key with its default, unit and one comment."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
)

from minifile.config.mail import check_mail_from, check_mail_url
from minifile.config.metrics import check_metrics_bind, check_metrics_token
from minifile.config.networks import read_network
from minifile.config.oidc import check_issuer, check_scopes, read_scopes
from minifile.config.urls import (
    check_database_url,
    check_download_mode,
    check_public_url,
    check_rate_limit_url,
    check_storage_url,
)
from minifile.identity import Allowance
from minifile.units import parse_size, read_duration, read_grace, read_off, split
from minifile.values import Limits

# Threads of a server process whose own number is not known (see server/sizing.py for ours).
DEFAULT_THREADS = 200

Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Duration = Annotated[timedelta, BeforeValidator(read_duration), Field(gt=timedelta(0))]
Grace = Annotated[timedelta, BeforeValidator(read_grace), Field(ge=timedelta(0))]
Names = Annotated[tuple[str, ...], BeforeValidator(split)]
Networks = Annotated[
    tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(read_network)], ...],
    BeforeValidator(split),
]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(split), Field(min_length=1)]
RateLimit = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(read_off)]
OptionalSize = Annotated[Size | None, BeforeValidator(read_off)]
OptionalCount = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(read_off)]
OptionalDuration = Annotated[Duration | None, BeforeValidator(read_off)]


class Settings(BaseModel):
    """The settings of one instance, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    # The folder that holds the database, the secret key and the uploads.
    instance_path: Path
    # Signs the cookie. Made and kept in the instance folder when not given.
    secret_key: str = Field(min_length=16, repr=False)
    # Where rows live. The default is minifile.sqlite in the instance folder.
    database_url: Annotated[str, AfterValidator(check_database_url)] = Field(repr=False)
    # Where bytes live. The default is the folder uploads in the instance folder.
    storage_url: Annotated[str, AfterValidator(check_storage_url)] = Field(repr=False)
    # The address that links begin with, such as https://files.example.org. Default: the Host asked.
    public_url: Annotated[str, AfterValidator(check_public_url)] | None = None
    # Host names the server answers to. Default: its own names, localhost and IP addresses.
    trusted_hosts: Names = ()
    # How many proxies in front may be believed about the visitor's address.
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    # The largest file, in bytes.
    max_file_size: Size = 2 * 2**30
    # The largest upload as a whole, in bytes.
    max_link_size: Size = 10 * 2**30
    # How many files one link may hold.
    max_link_files: int = Field(default=1000, ge=1, le=10_000)
    # Accepted types: extensions and media types (pdf, .docx, image/*). Empty accepts all.
    allowed_types: Names = ()
    # Refused types, written the same way.
    blocked_types: Names = ()
    # How long a link lives when the sender does not say.
    default_lifetime: Duration = timedelta(days=1)
    # How long a link may live at most.
    max_lifetime: Duration = Field(default=timedelta(days=30), validate_default=True)
    # The lifetimes offered on the upload page.
    lifetime_choices: Durations = (
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=7),
        timedelta(days=30),
    )
    # How many characters a code has.
    code_length: int = Field(default=10, ge=8, le=64)
    # How often expired links are purged.
    purge_interval: Duration = timedelta(hours=1)
    # How long the sender may undo a revoke; the bytes are kept until then. 0: not at all.
    revoke_grace: Grace = timedelta(minutes=10)
    # Whether it is recorded how links are used: by which programs, from where, pages opened.
    analytics: bool = True
    # Whether the addresses of who downloads are kept and shown to who shares; it is said there.
    keep_addresses: bool = False
    # A file in MaxMind's format (.mmdb) by which addresses are told their countries.
    country_file: Path | None = None
    # How long single downloads are told of in analytics; what they add up to stays.
    analytics_retention: Grace = timedelta(days=30)
    # How long what was sent of notifications stands in the log.
    notification_retention: Duration = timedelta(days=30)
    # How long a client may come back to a download it began.
    delivery_lease: Duration = Field(default=timedelta(hours=24), le=timedelta(hours=24))
    # How long a resumable upload that nobody goes on with is kept.
    partial_lifetime: Duration = timedelta(days=1)
    # Uploads are refused when less than this would stay free on the storage, in bytes.
    keep_free: Size = 2**30
    # How long a stopping server waits for transfers.
    stop_timeout: Duration = timedelta(minutes=10)
    # A request whose headers are not complete after so long is given up.
    header_timeout: Duration = timedelta(seconds=30)
    # A body that sends nothing for so long is given up.
    body_idle_timeout: Duration = timedelta(seconds=60)
    # A body that arrives more slowly than this on average is given up, in bytes a second.
    body_min_rate: Size = 1024
    # Where rate limits are counted: redis://… or rediss://…. Default: in the database.
    rate_limit_url: Annotated[str, AfterValidator(check_rate_limit_url)] = Field(
        default="", repr=False
    )
    # Wrong link passwords for one link from one address in 15 minutes.
    rate_wrong_passwords: RateLimit = 10
    # Wrong passwords for one link from all addresses in 15 minutes.
    rate_wrong_passwords_link: RateLimit = 100
    # Unknown codes asked for from one address in 10 minutes.
    rate_unknown_codes: RateLimit = 60
    # Links made from one address in a minute.
    rate_uploads: RateLimit = 300
    # Resumable uploads begun from one address in a minute.
    rate_partial_uploads: RateLimit = 3000
    # Names or addresses of no user, with which one user wanted to share, in 10 minutes.
    rate_unknown_users: RateLimit = 30
    # Wrong passwords for one user from one address in 15 minutes.
    rate_wrong_sign_ins: RateLimit = 10
    # Wrong sign-ins from one address, whatever the names, in 15 minutes.
    rate_wrong_sign_ins_address: RateLimit = 50
    # Sign-ins begun at the provider from one address in 15 minutes.
    rate_oidc_sign_ins: RateLimit = 300
    # Sign-in by OpenID Connect: the provider's address, exactly as it calls itself.
    oidc_issuer: Annotated[str, AfterValidator(check_issuer)] = ""
    # What this instance is called there, and its secret. A public client has none.
    oidc_client_id: str = Field(default="", validate_default=True)
    oidc_client_secret: str = Field(default="", repr=False)
    # What the button says: Sign in with …
    oidc_name: str = Field(default="OpenID Connect", min_length=1, max_length=60)
    # What is asked for at the provider.
    oidc_scopes: Annotated[
        tuple[str, ...], BeforeValidator(read_scopes), AfterValidator(check_scopes)
    ] = ("openid", "profile", "email")
    # Whether who signs in there for the first time gets an account here.
    oidc_create_users: bool = True
    # The claim that says who is an admin, such as groups or realm_access.roles.
    oidc_role_claim: str = ""
    # The values of that claim that make an admin.
    oidc_admin_values: Names = Field(default=(), validate_default=True)
    # The claim that holds a user's quota, in bytes or as 10GiB.
    oidc_quota_claim: str = ""
    # Reports of links from one address in an hour.
    rate_reports: RateLimit = 10
    # Mails (resets, confirmations) caused by one address, or going to one, in an hour.
    rate_mails: RateLimit = 10
    # Accounts made from one address in an hour, where REGISTRATION is open.
    rate_registrations: RateLimit = 10
    # Names of other users that are asked for as one's own from one address in 10 minutes.
    rate_taken_names: RateLimit = 30
    # Who makes accounts: who is invited, or anybody (open).
    registration: Literal["invited", "open"] = "invited"
    # The server that takes our mail: smtp://user:password@host:587?tls=starttls (or tls, none).
    mail_url: Annotated[str, AfterValidator(check_mail_url)] = Field(default="", repr=False)
    # Networks that are not public and that webhooks may be sent to all the same: 10.0.0.0/8.
    webhook_allowed_networks: Networks = ()
    # What stands in the From of each mail.
    mail_from: Annotated[str, AfterValidator(check_mail_from)] = Field(
        default="", validate_default=True
    )
    # Who may upload: anyone, or users who are signed in.
    upload_access: Literal["anyone", "users"] = "anyone"
    # A session that is not used for so long ends.
    session_idle: Duration = timedelta(days=7)
    # A session ends after so long, however much it is used.
    session_lifetime: Duration = timedelta(days=30)
    # What users may have, unless an admin says otherwise for one of them; off: no limit.
    user_max_file_size: OptionalSize = None
    # Bytes of all live links of a user together.
    user_quota: OptionalSize = None
    # Live links of a user.
    user_max_links: OptionalCount = None
    # How long a user's link may live at most. Default: MAX_LIFETIME.
    user_max_lifetime: OptionalDuration = None
    # Bytes a user may upload in a day (UTC).
    user_daily_upload: OptionalSize = None
    # The same for admins.
    admin_max_file_size: OptionalSize = None
    admin_quota: OptionalSize = None
    admin_max_links: OptionalCount = None
    admin_max_lifetime: OptionalDuration = None
    admin_daily_upload: OptionalSize = None
    # The same for all senders who are not signed in, together where it is a sum.
    anonymous_max_file_size: OptionalSize = None
    anonymous_quota: OptionalSize = None
    anonymous_max_links: OptionalCount = None
    anonymous_max_lifetime: OptionalDuration = None
    anonymous_daily_upload: OptionalSize = None
    # Uploads and downloads from one address at once in a process. Default: half of its threads.
    max_transfers_per_address: int | None = Field(default=None, ge=1)
    # Who sends the bytes of files without a download limit: minifile itself (stream), the nginx in
    # front, told by X-Accel-Redirect (x-accel), or the bucket (redirect; docs/deploy.md).
    download_mode: Literal["stream", "x-accel", "redirect"] = "stream"
    # How lines of the log are written: for people, or one JSON object each.
    log_format: Literal["text", "json"] = "text"
    # Who sends this as a Bearer may read /metrics. Without it nothing is there.
    metrics_token: Annotated[str, AfterValidator(check_metrics_token)] = Field(
        default="", repr=False
    )
    # Where the server answers /metrics besides, on a port of its own, such as 127.0.0.1:9100.
    metrics_bind: Annotated[str, AfterValidator(check_metrics_bind)] = ""
    # Where to report a security problem (a mailto: or https: address), for security.txt.
    security_contact: str | None = None

    @field_validator("max_lifetime")
    @classmethod
    def _check_lifetimes(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        if value < info.data.get("default_lifetime", timedelta(0)):
            raise ValueError("shorter than DEFAULT_LIFETIME")
        return value

    @field_validator("download_mode")
    @classmethod
    def _check_mode(cls, value: str, info: ValidationInfo) -> str:
        storage_url = info.data.get("storage_url")
        if storage_url is not None:
            check_download_mode(value, storage_url)
        return value

    @field_validator("oidc_client_id", "oidc_admin_values")
    @classmethod
    def _check_oidc(cls, value: Any, info: ValidationInfo) -> Any:
        needed_by = "oidc_role_claim" if info.field_name == "oidc_admin_values" else "oidc_issuer"
        if not value and info.data.get(needed_by):
            raise ValueError(f"is needed, since {needed_by.upper()} is set")
        return value

    @field_validator("mail_url")
    @classmethod
    def _check_mail_url(cls, value: str, info: ValidationInfo) -> str:
        # By whatever name a stranger asks, a secret in a mail must lead to this instance.
        if value and info.data.get("public_url") is None:
            raise ValueError("needs PUBLIC_URL, with which the addresses in mails begin")
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("mail_url"):
            raise ValueError("is needed with MAIL_URL: the address that mails come from")
        return value

    def note_sources(self, sources: Mapping[str, str]) -> None:
        """Keep where each setting came from that does not have its default."""
        self._sources = dict(sources)

    def source_of(self, name: str) -> str:
        """Return where a setting came from, in a word or two."""
        return self._sources.get(name, "default")

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def limits(self) -> Limits:
        return Limits(
            max_file_size=self.max_file_size,
            max_link_size=self.max_link_size,
            max_link_files=self.max_link_files,
            default_lifetime=self.default_lifetime,
            max_lifetime=self.max_lifetime,
            keep_free=self.keep_free,
            code_length=self.code_length,
            allowed_types=self.allowed_types,
            blocked_types=self.blocked_types,
            anyone_may_upload=self.upload_access == "anyone",
        )

    @property
    def allowances(self) -> dict[str, Allowance]:
        """What users of each role may have, and under `anonymous` who is not signed in."""
        names = [field.name for field in fields(Allowance)]
        return {
            role: Allowance(**{name: getattr(self, f"{role}_{name}") for name in names})
            for role in ("anonymous", "user", "admin")
        }
