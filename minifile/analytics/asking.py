"""What the address of a page or an export asks for: the stretch of time, and whose clock."""

from dataclasses import dataclass
from datetime import datetime

from flask import Response, request

from minifile.analytics.moments import chosen_days
from minifile.services.counts import Subject
from minifile.services.periods import (
    RANGES,
    AskedPeriod,
    Period,
    Step,
    is_zone,
    read_period,
)

_COOKIE = "zone"
_A_YEAR = 365 * 24 * 3600
_UTC = "UTC"
_KEPT = ("range", "from", "to", "step", "zone", "file")


@dataclass(frozen=True, slots=True)
class AskedZone:
    """The time zone of who asks; `is_known` unless nobody has said one yet."""

    name: str
    is_known: bool


def asked_zone() -> AskedZone:
    """Return the zone that the address names, else the one that the browser keeps, else UTC."""
    asked = request.args.get("zone", "").strip()
    if asked:
        return AskedZone(asked, is_known=True)
    kept = request.cookies.get(_COOKIE, "")
    return AskedZone(kept, is_known=True) if is_zone(kept) else AskedZone(_UTC, is_known=False)


def keep_zone(response: Response) -> Response:
    """Let the browser keep a zone that its address names; it is good by now."""
    asked = request.args.get("zone", "").strip()
    if asked and asked != request.cookies.get(_COOKIE):
        response.set_cookie(
            _COOKIE, asked, max_age=_A_YEAR, secure=request.is_secure, samesite="Lax"
        )
    response.vary.add("Cookie")
    return response


def asked_period(subject: Subject, *, default: str, now: datetime) -> Period:
    """Return the period that the address asks for. Raises BadOption."""
    args = request.args
    asked = AskedPeriod(
        range=args.get("range", "") or default,
        zone=asked_zone().name,
        step=args.get("step", ""),
        first_day=args.get("from", ""),
        last_day=args.get("to", ""),
    )
    return read_period(asked, subject, now=now)


def about_period(period: Period) -> dict[str, object]:
    """Return what each page shows of its period, and how to choose another."""
    kept = {name: value for name, value in request.args.items() if name in _KEPT and value}
    return {
        "period": period,
        "zone": asked_zone(),
        "ranges": RANGES,
        "steps": list(Step),
        "chosen": chosen_days(period),
        # What the ways to exports and to the next page ask for, too.
        "asked": kept,
    }


def asked_id(name: str) -> int | None:
    """Return a number of the address; None for what is none."""
    value = request.args.get(name, "")
    is_number = value.isascii() and value.isdigit() and len(value) < 19
    return int(value) if is_number else None
