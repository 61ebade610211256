"""Networks in settings, as 10.0.0.0/8 or fd00::/8."""

from ipaddress import IPv4Network, IPv6Network, ip_network


def read_network(value: object) -> IPv4Network | IPv6Network:
    """Read a network. Raises ValueError with a sentence."""
    try:
        return ip_network(str(value).strip())
    except ValueError:
        raise ValueError(f"{value!r} is no network; write it as 10.0.0.0/8") from None
