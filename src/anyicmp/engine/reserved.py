"""Addresses that are no host's on the internet: what a sweep of others' networks leaves out.

From IANA's registries of special-purpose addresses (RFC 6890, RFC 8190), of multicast (RFC 5771) and of IPv6
unicast. One list and nothing else.
"""

from __future__ import annotations

__all__ = ["RESERVED"]

RESERVED: tuple[str, ...] = (
    "0.0.0.0/8",  # this network (RFC 791)
    "10.0.0.0/8",  # private use (RFC 1918)
    "100.64.0.0/10",  # shared between provider and customers (RFC 6598)
    "127.0.0.0/8",  # loopback (RFC 1122)
    "169.254.0.0/16",  # one link (RFC 3927)
    "172.16.0.0/12",  # private use (RFC 1918)
    "192.0.0.0/24",  # protocol assignments (RFC 6890)
    "192.0.2.0/24",  # documentation (RFC 5737)
    "192.88.99.0/24",  # 6to4 relays, no longer used (RFC 7526)
    "192.168.0.0/16",  # private use (RFC 1918)
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "198.51.100.0/24",  # documentation (RFC 5737)
    "203.0.113.0/24",  # documentation (RFC 5737)
    "224.0.0.0/3",  # multicast (RFC 5771), future use (RFC 1112), limited broadcast (RFC 919)
    "::/3",  # unspecified, loopback, mapped and translated addresses, discard only; none is allocated
    "2001::/23",  # protocol assignments (RFC 2928)
    "2001:db8::/32",  # documentation (RFC 3849)
    "2002::/16",  # 6to4 (RFC 3056)
    "3fff::/20",  # documentation (RFC 9637)
    "4000::/2",  # not allocated (RFC 4291)
    "8000::/1",  # not allocated; unique local (RFC 4193), one link (RFC 4291), multicast (RFC 4291)
)
