"""The oracle tshark: packets in, dissected fields out."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

TSHARK = shutil.which("tshark")

Fields = dict[str, list[str]]
"""Field name to its values, in the order of the packet; only fields that are there."""


def version() -> str:
    """The version of the installed tshark."""
    assert TSHARK
    shown = subprocess.run([TSHARK, "--version"], capture_output=True, text=True, check=True).stdout
    return shown.split()[2]


def dissect(packets: list[bytes], names: list[str], folder: Path) -> list[Fields]:
    """What tshark finds in each IP packet."""
    assert TSHARK
    capture = folder / "packets.pcap"
    # Classic pcap, link type 101: raw IP (draft-ietf-opsawg-pcap).
    with capture.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
        for number, packet in enumerate(packets):
            file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
    command = [TSHARK, "-n", "-r", str(capture), "-T", "fields"]
    command += ["-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=;"]
    # A structure without a length field is looked for; quoted fragments are not put together.
    for option in ("icmp.favor_icmp_mpls:TRUE", "ip.defragment:FALSE", "ipv6.defragment:FALSE"):
        command += ["-o", option]
    for name in names:
        command += ["-e", name]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = shown.split("\n")[: len(packets)]
    found = []
    for line in lines:
        cells = line.split("\t")
        found.append({name: cell.split(";") for name, cell in zip(names, cells, strict=True) if cell})
    return found
