"""Which IP addresses belong to strangers on the internet, and which to this machine, its network or its cloud."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# What `ipaddress` takes for global and is not for us, or does not know in each version of Python that we run on.
CLOSED_V4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments; a cloud's metadata among them
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("168.63.129.16/32"),  # Azure's metadata and DNS, in a public range
)
# All that is assigned to hosts; loopback, private, link-local, multicast and IPv4-mapped addresses lie outside.
GLOBAL_V6 = IPv6Network("2000::/3")
CLOSED_V6 = (
    IPv6Network("2001::/23"),  # Teredo and other protocols
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: any IPv4 address within
    IPv6Network("3fff::/20"),  # documentation
)
# How a network without IPv4 reaches it (DNS64).
NAT64 = IPv6Network("64:ff9b::/96")
# The spellings of an IPv4 address that the C library takes beside four decimal numbers: 127.1, 0x7f000001, 0177.0.0.1.
NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")


def is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return _is_public_v6(address)
    closed = not address.is_global or address.is_multicast or address.is_reserved
    return not closed and not any(address in network for network in CLOSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in GLOBAL_V6 and not any(address in network for network in CLOSED_V6)


def read_address(host: str) -> Address | None:
    """The address that a host of a URL is, None for a name. Raises ValueError for one in an unusual spelling."""
    if host.startswith("["):
        return ip_address(host.strip("[]").replace("%25", "%"))
    if NUMERIC_END.fullmatch(host):
        return ip_address(host)
    return None
