"""Makes the application: the only place where the parts meet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine, make_url

from minifile import (
    accounts,
    admin,
    analytics,
    api,
    cli,
    download,
    file_requests,
    links,
    metrics,
    site,
    upload,
)
from minifile.config import DEFAULT_THREADS, Settings, load_settings, migrations_path
from minifile.extensions import csrf, db, init_database, unanswered_limits
from minifile.services import rate_limits
from minifile.services.blob_locks import AdvisoryLocks
from minifile.services.counters_engine import open_counters_engine
from minifile.services.oidc_provider import OidcClient, Provider
from minifile.services.origins import Origins
from minifile.services.rate_limits import RateLimits
from minifile.storage import open_storage
from minifile.storage.locks import FileLocks, Locks
from minifile.web import (
    assets,
    error_pages,
    filters,
    headers,
    hosts,
    navigation,
    proxies,
    request_ids,
    routing,
    sessions,
    signing_in,
)
from minifile.web.current import Instance, utcnow
from minifile.web.transfers import Transfers

# Forms without files; uploads never pass through Flask's parser.
_MAX_FORM_BYTES = 256 * 1024


def make_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """Return the application.

    `settings` (lower-case names) win over environment and file. Nothing is started here: no
    scheduler, no migration. Raises ConfigError when the settings can't be used.
    """
    checked = load_settings(settings)
    app = Flask("minifile", instance_path=str(checked.instance_path), static_folder=None)
    _configure(app, checked)
    init_database(app)
    app.extensions["minifile"] = Instance(
        settings=checked,
        storage=open_storage(checked.storage_url, _locks(app, checked)),
        rates=_rate_limits(app, checked),
        migrations=migrations_path(),
        oidc=_oidc(checked),
        origins=Origins(
            is_on=checked.analytics,
            country_file=checked.country_file,
            keep_addresses=checked.keep_addresses,
        ),
        transfers=Transfers(checked.max_transfers_per_address or DEFAULT_THREADS // 2),
    )
    _set_up_web(app, checked)
    for blueprint in (
        site.bp,
        metrics.bp,
        upload.bp,
        upload.tus_bp,
        links.bp,
        analytics.bp,
        accounts.bp,
        admin.bp,
        file_requests.bp,
        file_requests.submit_bp,
        api.bp,
        download.bp,
    ):
        app.register_blueprint(blueprint)
    cli.register(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        MAX_CONTENT_LENGTH=_MAX_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=_MAX_FORM_BYTES,
    )


def _engine_options(settings: Settings) -> dict[str, Any]:
    """Return how connections are pooled; a server's own limit is shared by all processes."""
    sizes = (16, 48) if settings.uses_sqlite else (8, 8)
    return {
        "connect_args": unanswered_limits(make_url(settings.database_url)),
        "pool_size": sizes[0],
        "max_overflow": sizes[1],
        "pool_timeout": 30,
        # Statements in a log must not show codes and hashes.
        "hide_parameters": True,
    }


def _rate_limits(app: Flask, settings: Settings) -> RateLimits:
    return RateLimits(
        _counters(_counters_engine(app, settings), settings),
        {
            rate_limits.WRONG_PASSWORDS: settings.rate_wrong_passwords,
            rate_limits.WRONG_PASSWORDS_LINK: settings.rate_wrong_passwords_link,
            rate_limits.UNKNOWN_CODES: settings.rate_unknown_codes,
            rate_limits.UNKNOWN_USERS: settings.rate_unknown_users,
            rate_limits.UPLOADS: settings.rate_uploads,
            rate_limits.PARTIAL_UPLOADS: settings.rate_partial_uploads,
            rate_limits.WRONG_SIGN_INS: settings.rate_wrong_sign_ins,
            rate_limits.WRONG_SIGN_INS_ADDRESS: settings.rate_wrong_sign_ins_address,
            rate_limits.OIDC_SIGN_INS: settings.rate_oidc_sign_ins,
            rate_limits.MAILS: settings.rate_mails,
            rate_limits.REPORTS: settings.rate_reports,
            rate_limits.REGISTRATIONS: settings.rate_registrations,
            rate_limits.TAKEN_NAMES: settings.rate_taken_names,
        },
        secret_key=settings.secret_key,
    )


def _oidc(settings: Settings) -> Provider | None:
    """Return the OpenID Connect provider of the instance; it is asked when somebody signs in."""
    if not settings.oidc_issuer:
        return None
    return Provider(
        OidcClient(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret or None,
            settings.oidc_scopes,
        )
    )


def _counters(engine: Engine, settings: Settings) -> rate_limits.DatabaseCounters:
    if not settings.rate_limit_url:
        return rate_limits.DatabaseCounters(engine)
    # Loads all that the library can count in, which most instances have no use for.
    from minifile.services.shared_counters import SharedCounters

    return SharedCounters(engine, settings.rate_limit_url)


def _counters_engine(app: Flask, settings: Settings) -> Engine:
    if settings.uses_sqlite:
        return open_counters_engine(str(settings.instance_path / "rate_limits.sqlite"))
    with app.app_context():
        return db.engine


def _locks(app: Flask, settings: Settings) -> Locks:
    """Return who keeps the locks on blobs: the kernel of the one machine, or the database."""
    if settings.uses_sqlite:
        return FileLocks(settings.instance_path / "locks")
    with app.app_context():
        return AdvisoryLocks(db.engine)


def _set_up_web(app: Flask, settings: Settings) -> None:
    request_ids.register(app, settings)
    routing.register(app)
    assets.register(app, Path(app.root_path) / "static")
    sessions.register(app)
    proxies.register(app, settings)
    # Before CSRF, so that a foreign host is refused first.
    hosts.register(app, settings)
    signing_in.register(app)
    # So is who is no admin: what is wrong with the form must not tell that there is one.
    admin.hide(app)
    csrf.init_app(app)
    error_pages.register(app)
    headers.register(app)
    filters.register(app)
    app.context_processor(lambda: {"settings": settings, "now": utcnow()})
    navigation.register(app)
