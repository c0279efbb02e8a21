"""The reference page of all messages, written from the code.

python tests/wire/messages_page.py --write     writes docs/reference/messages.md
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import attrs

from anyicmp import wire
from anyicmp.wire import CODES, MESSAGES, Message, Type4, Type6, decode, message_class
from anyicmp.wire.extension import OBJECTS, ExtensionObject
from anyicmp.wire.message import code_name, type_name
from anyicmp.wire.option import OPTIONS
from anyicmp.wire.registry import DEPRECATED, SOURCES

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "messages.md"

HEAD = """\
# All messages

<!-- Written by `python tests/wire/messages_page.py --write`; a test compares it. -->

Every type of the IANA registries of ICMP and ICMPv6, the class of `anyicmp.wire` that reads it, and the
document that defines it. `Opaque` keeps the body as bytes under the registry's name; a number that is not
here is read by `Unknown`. All classes have `version`, `type`, `code` and `explain()`.
"""


def summary(cls: type) -> str:
    """The first line of the docstring."""
    return (cls.__doc__ or "").strip().partition("\n")[0]


def own_fields(cls: type) -> str:
    """The fields of a class that are its own to say."""
    common = {"version", "code"} if issubclass(cls, Message) else set()
    names = [field.name for field in attrs.fields(cls) if field.name not in common]
    return ", ".join(f"`{name}`" for name in names) or "none"


def types(version: int) -> list[str]:
    """The table of one IP version."""
    names = Type4 if version == 4 else Type6
    lines = ["| type | name | class | defined by |", "|---|---|---|---|"]
    for member in names:
        number = member.value
        label = type_name(version, number) or ""
        mark = " (deprecated)" if number in DEPRECATED[version] else ""
        kind = message_class(version, number).__name__
        document = SOURCES[version][number]
        lines.append(f"| {number} | {label}{mark} | `{kind}` | {document} |")
    return lines


def classes() -> list[str]:
    """The table of message classes and their fields."""
    lines = ["| class | fields |", "|---|---|"]
    met: list[type[Message]] = []
    for version, number in MESSAGES:
        cls = message_class(version, number)
        if cls not in met:
            met.append(cls)
    ordered = sorted([*met, wire.Opaque, wire.Unknown], key=lambda cls: cls.__name__)
    return lines + [f"| `{cls.__name__}` | {own_fields(cls)} |" for cls in ordered]


def parts() -> list[str]:
    """Extension objects and options."""
    lines = ["| class | what it is | fields |", "|---|---|---|"]
    objects: list[type[ExtensionObject]] = []
    for where in OBJECTS.values():
        module, _, name = where.partition(":")
        objects.append(getattr(import_module(f"anyicmp.wire.{module}"), name))
    every = [*objects, wire.RawObject, *OPTIONS.values(), wire.RawOption]
    return lines + [f"| `{cls.__name__}` | {summary(cls)} | {own_fields(cls)} |" for cls in every]


def codes() -> list[str]:
    """What each code is called and means."""
    lines = ["| message | code | name | in words |", "|---|---|---|---|"]
    for (version, number), members in CODES.items():
        kind = f"ICMP{'v6' if version == 6 else ''} {type_name(version, number)}"
        for member in members:
            octets = bytes((number, member.value)).ljust(24, b"\0")
            text = decode(octets, version=version, verify=False).explain()
            text = re.sub(r"^[^:]+: ", "", text) if kind.endswith(("advertisement", "reply")) else text
            lines.append(f"| {kind} | {member.value} | {code_name(version, number, member)} | {text} |")
    return lines


def page() -> str:
    """The page's text."""
    sections = [
        HEAD,
        "## ICMP\n",
        *types(4),
        "\n## ICMPv6\n",
        *types(6),
        "\n## Message classes\n",
        *classes(),
        "\n## Extension objects and neighbour discovery options\n",
        *parts(),
        "\n## Codes\n",
        "The last column is `explain()` for a message without content.\n",
        *codes(),
    ]
    return "\n".join(sections) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), "utf-8")
    else:
        sys.stdout.write(page())
