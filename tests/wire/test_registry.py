"""The tables: complete, consistent with one another, and each code told apart in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from anyicmp import wire
from anyicmp.wire import CODES, MESSAGES, Type4, Type6, decode, message_class
from anyicmp.wire.meanings import PARAMETER_PROBLEM, REDIRECT, TIME_EXCEEDED, UNREACHABLE
from anyicmp.wire.opaque import OPAQUE
from anyicmp.wire.registry import DEPRECATED, SOURCES

REGISTERED4 = {0, 3, 4, 5, 6, *range(8, 20), *range(20, 44), 253, 254, 255}
REGISTERED6 = {0, 1, 2, 3, 4, 100, 101, 127, *range(128, 162), 200, 201, 255}


def test_all_registered_types_have_a_name_and_a_document():
    assert set(Type4) == set(SOURCES[4]) == REGISTERED4
    assert set(Type6) == set(SOURCES[6]) == REGISTERED6


def test_every_registered_type_is_read_or_explained():
    for version, numbers in ((4, REGISTERED4), (6, REGISTERED6)):
        read = {number for v, number in MESSAGES if v == version}
        assert read | set(OPAQUE[version]) == numbers
        assert not read & set(OPAQUE[version])


def test_each_class_reads_the_types_that_the_table_gives_it():
    for (version, number), where in MESSAGES.items():
        cls = message_class(version, number)
        assert cls.TYPES[version] == number
        assert cls.__name__ == where.partition(":")[2]
        assert getattr(wire, cls.__name__) is cls


def test_deprecated_types_say_so():
    for version, numbers in DEPRECATED.items():
        for number in numbers:
            text = decode(bytes((number, 0)) + bytes(30), version=version, verify=False).explain()
            assert "obsolete" in text or "deprecated" in text


@pytest.mark.parametrize(
    ("version", "number", "meanings"),
    [
        (4, 3, UNREACHABLE),
        (6, 1, UNREACHABLE),
        (4, 11, TIME_EXCEEDED),
        (6, 3, TIME_EXCEEDED),
        (4, 12, PARAMETER_PROBLEM),
        (6, 4, PARAMETER_PROBLEM),
        (4, 5, REDIRECT),
    ],
)
def test_every_code_is_told_apart(version: int, number: int, meanings: dict[int, dict[int, str]]):
    assert set(meanings[version]) == set(CODES[version, number])
    texts = {
        decode(bytes((number, code)) + bytes(6), version=version, verify=False).explain()
        for code in meanings[version]
    }
    assert len(texts) == len(meanings[version])
    unregistered = decode(bytes((number, 200)) + bytes(6), version=version, verify=False).explain()
    assert "code 200" in unregistered


@pytest.mark.parametrize(
    ("octets", "version", "words"),
    [
        (b"\3\0", 4, "network"),
        (b"\3\1", 4, "host"),
        (b"\3\2", 4, "protocol"),
        (b"\3\3", 4, "port"),
        (b"\3\4\0\0\0\0\5\xdc", 4, "1500"),
        (b"\3\4", 4, "does not say"),
        (b"\3\x0d", 4, "prohibited"),
        (b"\5\0\0\0\xc0\0\2\1", 4, "whole network through the gateway 192.0.2.1"),
        (b"\5\1\0\0\xc0\0\2\1", 4, "one host through the gateway 192.0.2.1"),
        (b"\x0b\0", 4, "in transit"),
        (b"\x0b\1", 4, "reassembly"),
        (b"\x0c\0\0\0\x14", 4, "octet 20"),
        (b"\2\0\0\0\0\0\5\0", 6, "1280"),
        (b"\1\4", 6, "port"),
    ],
)
def test_what_people_need_to_know(octets: bytes, version: int, words: str):
    assert words in decode(octets.ljust(8, b"\0"), version=version, verify=False).explain().lower()


def test_names_of_types_and_codes():
    assert wire.type_name(4, 11) == "time exceeded"
    assert wire.type_name(6, 99) is None
    assert wire.code_name(4, 3, 13) == "communication administratively prohibited"
    assert wire.code_name(4, 3, 99) is wire.code_name(4, 8, 0) is None
    assert Type4.ECHO is Type4.ECHO_REQUEST


def test_everything_on_the_shelf_is_there():
    for name in wire.__all__:
        assert getattr(wire, name) is not None
    with pytest.raises(AttributeError):
        wire.nothing_of_this_name  # noqa: B018
    assert "Timestamp" in dir(wire)


def test_bodies_beyond_the_everyday_ones_load_when_first_met():
    program = (
        "import sys, anyicmp.wire as wire\n"
        "rare = ['neighbor', 'option', 'multicast', 'router', 'timestamp', 'interface', 'extended_echo',\n"
        "        'node_information', 'opaque']\n"
        "assert not [name for name in rare if 'anyicmp.wire.' + name in sys.modules]\n"
        "wire.decode(bytes([14]) + bytes(19), version=4, verify=False)\n"
        "assert 'anyicmp.wire.timestamp' in sys.modules\n"
        "wire.MtuOption\n"
        "assert 'anyicmp.wire.option' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
