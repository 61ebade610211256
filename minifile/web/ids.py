"""Ids of rows, as forms send them."""


def read_id(value: str | None) -> int:
    """Return the id in a field; 0, which no row has, where none can be."""
    sent = value or ""
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 19 else 0
