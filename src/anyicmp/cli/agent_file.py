"""The file of `anyicmp monitor`: TOML to what to watch and how, with errors that name the line.

Whether a value is in range is the library's to say. Nothing is watched or served here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from anyicmp import MonitorTarget, Prober

__all__ = ["AgentFile", "AgentFileError", "Module", "read_agent_file"]

FOR_TARGETS = {
    field.name
    for field in attrs.fields(MonitorTarget)
    if field.name not in {"host", "key", "labels", "payload"}
}
FOR_ALL = (FOR_TARGETS - {"family"}) | {"resolve_interval", "path_changes"}
RESERVED = {"ip", "host", "source", "tos", "key", "le", "type", "code", "reason"}
"""Labels that the metrics have anyway."""

TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("host", "key", "listen", "source", "interface"), (str,)),
    **dict.fromkeys(("dont_fragment", "path_changes"), (bool,)),
    **dict.fromkeys(("labels", "monitor", "module"), (dict,)),
    "target": (list,),
}
"""What a key's value must be; a number where nothing stands here."""

WORDS = {str: "text", bool: "true or false", dict: "a table", list: "an array of tables ([[target]])"}


class AgentFileError(ValueError):
    """The file says something that cannot be; the text names file and line."""


@attrs.frozen(kw_only=True)
class Module:
    """How /probe probes: a way to ping, named in the request.

    Attributes:
        count: probes.
        interval, timeout: seconds.
        options: further options of `Prober.ping`.
        family: 4 or 6, None for either.
    """

    count: int = 1
    interval: float = 0.2
    timeout: float = 5.0
    family: int | None = None
    options: dict[str, Any] = attrs.field(factory=dict)


MODULES = {"icmp": Module(), "icmp_v4": Module(family=4), "icmp_v6": Module(family=6)}
"""Those that need not be in the file."""

FOR_MODULES = {"count", "interval", "timeout", "family", "size", "ttl", "dscp", "dont_fragment", "source"}


@attrs.frozen(kw_only=True)
class AgentFile:
    """What to watch, and how.

    Attributes:
        listen: host and port of the HTTP server, None for none.
        options: of `Prober.open_monitor`.
        targets: in the order of the file.
        modules: by name.
    """

    listen: tuple[str, int] | None
    options: dict[str, Any]
    targets: tuple[MonitorTarget, ...]
    modules: dict[str, Module]


def read_agent_file(path: str | Path, prober: Prober, *, listen: str | None = None) -> AgentFile:
    """Read a file. Raises AgentFileError for what cannot be, OSError for a file that cannot be read.

    `prober` checks the options; it need not be open. `listen` replaces the file's.
    """
    return _Reader(str(path), Path(path).read_text("utf-8"), prober).read(listen)


class _Reader:
    def __init__(self, name: str, text: str, prober: Prober) -> None:
        self._name = name
        self._text = text
        self._prober = prober

    def read(self, instead: str | None) -> AgentFile:
        try:
            values = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise AgentFileError(f"{self._name}: no TOML: {error}") from error
        self._check(values, {"monitor", "module", "target"}, "", 1)
        given = dict(values.get("monitor", {}))
        self._check(given, FOR_ALL | {"listen"}, "monitor", 1)
        listen = given.pop("listen", "127.0.0.1:9374")
        self._try(given, (), "monitor", 1)
        targets = tuple(self._targets(values.get("target", []), given))
        if not targets:
            raise AgentFileError(f"{self._name}: no [[target]]: there is nothing to watch")
        return AgentFile(
            listen=self._listen(listen if instead is None else instead),
            options=given,
            targets=targets,
            modules={**MODULES, **dict(self._modules(values.get("module", {})))},
        )

    def _targets(self, tables: list[Any], options: Mapping[str, Any]) -> Iterator[MonitorTarget]:
        seen: dict[str, int] = {}
        for n, table in enumerate(tables, 1):
            if not isinstance(table, dict):
                raise self._wrong("target", n, "", f"a table is wanted here, not {table!r}")
            self._check(table, FOR_TARGETS | {"host", "key", "labels"}, "target", n)
            if "host" not in table:
                raise self._wrong("target", n, "", "a target has a host")
            self._check_labels(table.get("labels", {}), n)
            target = MonitorTarget(**table)
            self._try(options, (target,), "target", n)
            if target.name in seen:
                where = f"line {self._line('target', seen[target.name], '')}"
                why = f"{target.name!r} is at {where} already: give it a key"
                raise self._wrong("target", n, "host", why)
            seen[target.name] = n
            yield target

    def _modules(self, tables: Mapping[str, Any]) -> Iterator[tuple[str, Module]]:
        for name, table in tables.items():
            where = f"module.{name}"
            if not isinstance(table, dict):
                raise self._wrong("module", 1, name, f"a table is wanted here, not {table!r}")
            self._check(table, FOR_MODULES, where, 1)
            own = {key: table[key] for key in ("count", "interval", "timeout", "family") if key in table}
            options = {key: value for key, value in table.items() if key not in own}
            checked = {key: value for key, value in own.items() if key != "family"}
            try:
                self._prober.open_ping("127.0.0.1", **checked, **options)
            except (TypeError, ValueError) as error:
                raise self._wrong(where, 1, str(error).split(" ", 1)[0], str(error)) from error
            yield name, Module(**own, options=options)

    def _listen(self, text: str) -> tuple[str, int] | None:
        if not text:
            return None
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
            wanted = f'"address:port" is wanted, such as "127.0.0.1:9374", not {text!r}'
            raise self._wrong("monitor", 1, "listen", wanted)
        return host.removeprefix("[").removesuffix("]"), int(port)

    def _check(self, table: Mapping[str, Any], known: set[str], where: str, n: int) -> None:
        """Keys and types."""
        for key, value in table.items():
            if key not in known:
                why = f"unknown key {key!r}; known here: {', '.join(sorted(known))}"
                raise self._wrong(where, n, key, why)
            wanted = TYPES.get(key, (int, float))
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                words = WORDS.get(wanted[0], "a number")
                raise self._wrong(where, n, key, f"{key} must be {words}, not {value!r}")

    def _check_labels(self, labels: Mapping[str, Any], n: int) -> None:
        for name, value in labels.items():
            if not re.fullmatch(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", name) or name in RESERVED:
                raise self._wrong("target", n, "labels", f"{name!r} is no name for a label of a target")
            if not isinstance(value, str):
                raise self._wrong("target", n, "labels", f"the label {name} must be text, not {value!r}")

    def _try(
        self, options: Mapping[str, Any], targets: tuple[MonitorTarget, ...], where: str, n: int
    ) -> None:
        """Have the library check the values."""
        try:
            self._prober.open_monitor(targets, **options)
        except (TypeError, ValueError) as error:
            words = str(error).split(" ", 1)
            raise self._wrong(where, n, "host" if words[0] == "a" else words[0], str(error)) from error

    def _wrong(self, where: str, n: int, key: str, why: str) -> AgentFileError:
        return AgentFileError(f"{self._name}, line {self._line(where, n, key)}: {why}")

    def _line(self, where: str, n: int, key: str) -> int:
        """Where a key of the n-th table of that name stands, or the table itself."""
        table, at, times = "", 1, 0
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := re.match(r"\s*\[\[?\s*([^\[\]]+?)\s*\]", line):
                table = header[1].replace('"', "").replace(" ", "")
                times += table == where
                if table == where and times == n:
                    at = number
                elif table.startswith(f"{where}.") and times == n and key and table.endswith(f".{key}"):
                    return number
            elif key and table == where and (times == n or not where):
                found = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*[.=]", line)
                if found and found[1] == key:
                    return number
            if not where and key and re.match(rf"\s*\[\[?\s*{re.escape(key)}\s*[\].]", line):
                return number
        return at
