"""What can be said of settings that are allowed, but may not be meant."""

import stat
from collections.abc import Iterator
from urllib.parse import urlsplit

from minifile.config.buckets import parse_bucket_url
from minifile.config.mail import parse_mail_url
from minifile.config.metrics import parse_address
from minifile.config.settings import Settings
from minifile.config.urls import is_installed
from minifile.values import Level, Verdict

# Fewer, or fewer different ones, can be guessed; what we make has 64 of 16.
_KEY_CHARACTERS, _KEY_LETTERS = 32, 8
_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")
# By extra: a module of it.
_EXTRAS = {
    "postgres": "psycopg",
    "s3": "botocore",
    "gcs": "google.cloud.storage",
    "redis": "redis",
    "oidc": "authlib",
    "metrics": "prometheus_client",
    "analytics": "ua_parser",
    "preview": "nh3",
}


def advise(settings: Settings) -> Iterator[Verdict]:
    """Yield a verdict for each group of settings, and for what is installed."""
    yield _on_secret_key(settings)
    yield _on_public_url(settings)
    yield _on_proxies(settings)
    yield _on_downloads(settings)
    yield _on_host_names(settings)
    yield _on_rate_limits(settings)
    yield from _on_mail(settings)
    yield from _on_metrics(settings)
    yield _on_extras()


def _on_secret_key(settings: Settings) -> Verdict:
    part, path = "secret key", settings.instance_path / "secret_key"
    is_kept = path.exists() and path.read_text("ascii").strip() == settings.secret_key
    if is_kept and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Verdict(Level.WARNING, part, f"Others may read {path}: chmod 600 mends it.")
    if len(settings.secret_key) < _KEY_CHARACTERS or len(set(settings.secret_key)) < _KEY_LETTERS:
        sentence = "It is short enough to be guessed: openssl rand -hex 32 makes a better one."
        return Verdict(Level.WARNING, part, sentence)
    return Verdict(Level.OK, part, f"It is kept in {path}." if is_kept else "It is long.")


def _on_public_url(settings: Settings) -> Verdict:
    part, url = "public URL", settings.public_url
    if url is None:
        if settings.trusted_proxies:
            sentence = "Links begin with what the proxy says was asked for; PUBLIC_URL makes sure."
            return Verdict(Level.WARNING, part, sentence)
        return Verdict(Level.OK, part, "Links begin with the address that was asked for.")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _OWN_MACHINE:
        sentence = f"{url} is not encrypted: whoever is on the way can read files and passwords."
        return Verdict(Level.WARNING, part, sentence)
    return Verdict(Level.OK, part, f"Links begin with {url}.")


def _on_proxies(settings: Settings) -> Verdict:
    part, count = "proxies", settings.trusted_proxies
    is_encrypted = (settings.public_url or "").startswith("https:")
    if not count and is_encrypted:
        sentence = (
            "PUBLIC_URL is https, which takes a proxy in front, but TRUSTED_PROXIES is 0: visitors"
            " can't be told apart, and cookies are not marked as secure."
        )
        return Verdict(Level.WARNING, part, sentence)
    if not count and settings.download_mode == "x-accel":
        sentence = "DOWNLOAD_MODE is x-accel, which takes nginx in front, but TRUSTED_PROXIES is 0."
        return Verdict(Level.WARNING, part, sentence)
    if not count:
        return Verdict(Level.OK, part, "None is believed; visitors come straight to minifile.")
    whom = "The one proxy" if count == 1 else f"The last {count} proxies"
    sentence = f"{whom} in front may say who a visitor is: nobody else must reach minifile."
    return Verdict(Level.OK, part, sentence)


def _on_downloads(settings: Settings) -> Verdict:
    part = "downloads"
    if settings.download_mode == "x-accel":
        return Verdict(Level.OK, part, "nginx sends files without a download limit.")
    if settings.download_mode == "stream":
        return Verdict(Level.OK, part, "minifile sends all bytes itself.")
    public = urlsplit(settings.public_url or "")
    bucket = urlsplit(parse_bucket_url(settings.storage_url).endpoint or "https://")
    if public.scheme == "https" and bucket.scheme == "http":
        sentence = "DOWNLOAD_MODE is redirect: browsers don't go from https to an http endpoint."
        return Verdict(Level.WARNING, part, sentence)
    if bucket.hostname in _OWN_MACHINE and public.hostname not in (None, *_OWN_MACHINE):
        sentence = "DOWNLOAD_MODE is redirect, to an endpoint that only this machine can reach."
        return Verdict(Level.WARNING, part, sentence)
    return Verdict(Level.OK, part, "The bucket sends files without a download limit.")


def _on_host_names(settings: Settings) -> Verdict:
    part, names = "host names", settings.trusted_hosts
    for name in names:
        if "/" in name or "*" in name or (":" in name and not name.startswith("[")):
            sentence = (
                f"TRUSTED_HOSTS: {name} fits no request; write names alone, without scheme and"
                " port, and .example.org for all names below it."
            )
            return Verdict(Level.WRONG, part, sentence)
    own = urlsplit(settings.public_url or "").hostname
    answered = sorted({*names, *([own] if own else [])}) or ["the names of this machine"]
    return Verdict(Level.OK, part, f"Answers to {', '.join(answered)}, localhost and addresses.")


def _on_rate_limits(settings: Settings) -> Verdict:
    part = "rate limits"
    names = [name for name in Settings.model_fields if name.startswith("rate_")]
    missing = [name.upper() for name in names if getattr(settings, name) is None]
    missing = [name for name in missing if name != "RATE_LIMIT_URL"]
    if missing:
        sentence = f"Off are {', '.join(missing)}: nothing slows down who tries them all."
        return Verdict(Level.WARNING, part, sentence)
    return Verdict(Level.OK, part, "All are on.")


def _on_mail(settings: Settings) -> Iterator[Verdict]:
    """Say something only where there is something to say: most instances send no mail."""
    if not settings.mail_url:
        return
    server = parse_mail_url(settings.mail_url)
    if server.encryption == "none" and server.host not in _OWN_MACHINE:
        sentence = "MAIL_URL says tls=none: whoever is on the way can read what resets a password."
        yield Verdict(Level.WARNING, "mail", sentence)


def _on_metrics(settings: Settings) -> Iterator[Verdict]:
    """Say something only where there are metrics."""
    if not settings.metrics_bind or settings.metrics_token:
        return
    host, _ = parse_address(settings.metrics_bind)
    if host not in _OWN_MACHINE:
        sentence = "Whoever reaches METRICS_BIND can read it; METRICS_TOKEN asks for more."
        yield Verdict(Level.WARNING, "metrics", sentence)


def _on_extras() -> Verdict:
    present = [extra for extra, module in _EXTRAS.items() if is_installed(module)]
    absent = [extra for extra in _EXTRAS if extra not in present]
    sentence = f"Installed are {', '.join(present) or 'none'}; not {', '.join(absent) or 'none'}."
    if not absent:
        sentence = "All are installed."
    return Verdict(Level.OK, "extras", sentence)
