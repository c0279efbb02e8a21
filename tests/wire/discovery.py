"""Neighbour discovery with its options, and multicast listener discovery."""

from __future__ import annotations

from ipaddress import IPv6Address

from constants import QUOTE6, summed6
from everyday import Entry

from anyicmp.wire import (
    MtuOption,
    MulticastAddressRecord,
    MulticastListenerDone,
    MulticastListenerQuery,
    MulticastListenerReport,
    MulticastListenerReport2,
    NeighborAdvertisement,
    NeighborSolicitation,
    PrefixInformation,
    RawOption,
    RecursiveDnsServers,
    Redirect6,
    RedirectedHeader,
    RouteInformation,
    RouterAdvertisement6,
    RouterSolicitation6,
    SourceLinkAddress,
    TargetLinkAddress,
    parse_quoted,
)

LINK_LOCAL = "fe800000000000000000000000000001"
TARGET = "20010db8000000000000000000000021"
OTHER = "20010db8000100000000000000000000"
GROUP = "ff02000000000000000000000000fb01"
MAC = "02005e100001"
QUOTE = QUOTE6.ljust(64, b"\0")


def address(text: str) -> IPv6Address:
    return IPv6Address(bytes.fromhex(text))


DISCOVERY = [
    Entry(
        "router solicitation 6",
        summed6("85 00 0000", "00000000", "01 01", MAC),
        RouterSolicitation6(options=(SourceLinkAddress(address=bytes.fromhex(MAC)),)),
    ),
    Entry(
        "router solicitation 6 with an address of another link",
        summed6("85 00 0000", "00000000", "01 02 02005efffe100001 000000000000"),
        RouterSolicitation6(
            options=(SourceLinkAddress(address=bytes.fromhex("02005efffe100001000000000000")),)
        ),
    ),
    Entry(
        "router solicitation 6 with an option of later standards",
        summed6(
            "85 00 0000",
            "00000000",
            "05 01 0000 00000578",
            "1a 02 010203040506 a922 44dc77b44e62",
            "05 01 0000 000005dc",
        ),
        RouterSolicitation6(
            options=(
                MtuOption(mtu=1400),
                RawOption(number=26, payload=bytes.fromhex("010203040506a92244dc77b44e62")),
                MtuOption(mtu=1500),
            )
        ),
    ),
    Entry("router solicitation 6 without options", summed6("85 00 0000", "00000000"), RouterSolicitation6()),
    Entry(
        "router advertisement 6",
        summed6(
            "86 00 0000",
            "40 fd 0708",  # hop limit 64; M O H, preference low, P, both spare bits; lifetime 1800
            "00007530 000003e8",
            "01 01" + MAC,
            "05 01 0000 000005dc",
            "03 04 40 e0 00278d00 00093a80 00000000" + OTHER,
            "18 02 30 08 00000e10 20010db800010000",
            "18 01 00 18 ffffffff",
            "19 03 0000 00000708" + TARGET,
            "0e 01 a1a2a3a4a5a6",
        ),
        RouterAdvertisement6(
            hop_limit=64,
            managed=True,
            other=True,
            home_agent=True,
            preference=3,
            proxy=True,
            flags=1,
            lifetime=1800,
            reachable_time=30000,
            retransmit_timer=1000,
            options=(
                SourceLinkAddress(address=bytes.fromhex(MAC)),
                MtuOption(mtu=1500),
                PrefixInformation(
                    prefix=address(OTHER),
                    prefix_length=64,
                    on_link=True,
                    autonomous=True,
                    router_address=True,
                    valid_lifetime=2592000,
                    preferred_lifetime=604800,
                ),
                RouteInformation(prefix=address(OTHER), prefix_length=48, preference=1, lifetime=3600),
                RouteInformation(prefix=IPv6Address(0), prefix_length=0, preference=3, lifetime=0xFFFFFFFF),
                RecursiveDnsServers(servers=(address(TARGET),), lifetime=1800),
                RawOption(number=14, payload=bytes.fromhex("a1a2a3a4a5a6")),
            ),
        ),
    ),
    Entry(
        "router that is no default router",
        summed6("86 00 0000", "00 00 0000", "00000000 00000000"),
        RouterAdvertisement6(),
    ),
    Entry(
        "neighbour solicitation",
        summed6("87 00 0000", "00000000", TARGET, "01 01", MAC),
        NeighborSolicitation(
            target=address(TARGET), options=(SourceLinkAddress(address=bytes.fromhex(MAC)),)
        ),
    ),
    Entry(
        "neighbour advertisement",
        summed6("88 00 0000", "e0000000", TARGET, "02 01", MAC),
        NeighborAdvertisement(
            target=address(TARGET),
            router=True,
            solicited=True,
            override=True,
            options=(TargetLinkAddress(address=bytes.fromhex(MAC)),),
        ),
    ),
    Entry(
        "neighbour advertisement of a host",
        summed6("88 00 0000", "20000000", TARGET),
        NeighborAdvertisement(target=address(TARGET), override=True),
    ),
    Entry(
        "redirect 6",
        summed6(
            "89 00 0000",
            "00000000",
            LINK_LOCAL,
            TARGET,
            "02 01" + MAC,
            "04 09 000000000000" + QUOTE.hex(),
        ),
        Redirect6(
            target=address(LINK_LOCAL),
            destination=address(TARGET),
            options=(
                TargetLinkAddress(address=bytes.fromhex(MAC)),
                RedirectedHeader(quoted=parse_quoted(QUOTE, 6)),
            ),
        ),
    ),
    Entry(
        "redirect 6 to a neighbour",
        summed6("89 00 0000", "00000000", TARGET, TARGET),
        Redirect6(target=address(TARGET), destination=address(TARGET)),
    ),
    Entry(
        "multicast listener query",
        summed6("82 00 0000", "03e8 0000", GROUP),
        MulticastListenerQuery(maximum_response_code=1000, group=address(GROUP)),
    ),
    Entry(
        "multicast listener query 2",
        summed6("82 00 0000", "9234 0000", "00" * 16, "0a 7d 0002", TARGET, OTHER),
        MulticastListenerQuery(
            maximum_response_code=0x9234,
            suppress=True,
            robustness=2,
            interval_code=125,
            sources=(address(TARGET), address(OTHER)),
        ),
    ),
    Entry(
        "multicast listener report",
        summed6("83 00 0000", "0000 0000", GROUP),
        MulticastListenerReport(group=address(GROUP)),
    ),
    Entry(
        "multicast listener done",
        summed6("84 00 0000", "0000 0000", GROUP),
        MulticastListenerDone(group=address(GROUP)),
    ),
    Entry(
        "multicast listener report 2",
        summed6(
            "8f 00 0000",
            "0000 0003",
            "04 00 0000" + GROUP,
            "01 00 0002" + GROUP + TARGET + OTHER,
            "09 02 0001" + GROUP + TARGET + "a1a2a3a4a5a6a7a8",
        ),
        MulticastListenerReport2(
            records=(
                MulticastAddressRecord(type=4, group=address(GROUP)),
                MulticastAddressRecord(
                    type=1, group=address(GROUP), sources=(address(TARGET), address(OTHER))
                ),
                MulticastAddressRecord(
                    type=9,
                    group=address(GROUP),
                    sources=(address(TARGET),),
                    auxiliary=bytes.fromhex("a1a2a3a4a5a6a7a8"),
                ),
            )
        ),
    ),
    Entry(
        "empty multicast listener report 2", summed6("8f 00 0000", "0000 0000"), MulticastListenerReport2()
    ),
]
