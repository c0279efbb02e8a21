"""Topology: a simulated internet put together from named nodes and the links between them.

Values only. What nodes and links may do is in `nodes.py` and `link.py`; nothing moves here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from anyicmp.testing.internet.link import Link
from anyicmp.testing.internet.nodes import Host, Router
from anyicmp.testing.internet.tables import ScenarioError, read
from anyicmp.testing.internet.values import sources

__all__ = ["CLIENT", "Topology"]

CLIENT = "client"


class Topology:
    """Named nodes and the links between them, put together by keyword.

    Attributes:
        name, about: for people.
        seed: decides all that chance decides.
        client: the addresses of the probing host, whose name is "client".
        nodes: name to `Router` or `Host`.
        links: `Link` objects, in the order in which they were added.
        origin: the file that it was read from, or "".
    """

    def __init__(
        self,
        *,
        name: str = "",
        about: str = "",
        seed: int = 0,
        client: str | Iterable[str] = ("192.0.2.1", "2001:db8::1"),
    ) -> None:
        self.name = name
        self.about = about
        self.seed = seed
        self.client = sources(client)
        self.nodes: dict[str, Router | Host] = {}
        self.links: list[Link] = []
        self.origin = ""

    def copy(self) -> Topology:
        """Another with the same nodes and links, to which further ones may be added."""
        copy = Topology(name=self.name, about=self.about, seed=self.seed)
        copy.client, copy.origin = self.client, self.origin
        copy.nodes, copy.links = dict(self.nodes), list(self.links)
        return copy

    def router(self, name: str, /, *address: str, **options: Any) -> Topology:
        """Add a `Router` by its keywords. Raises ScenarioError."""
        return self._add(name, Router, {"address": address, **options})

    def host(self, name: str, /, *address: str, **options: Any) -> Topology:
        """Add a `Host` by its keywords. Raises ScenarioError."""
        return self._add(name, Host, {"address": address, **options})

    def _add(self, name: str, cls: type[Router | Host], options: Mapping[str, Any]) -> Topology:
        if name in self.nodes or name == CLIENT:
            raise ScenarioError(name, "there is a node of this name already")
        self.nodes[name] = read(cls, options)
        return self

    def link(self, *path: str, **options: Any) -> Topology:
        """Add equal links along a path of nodes, by the keywords of `Link.make`. Raises ScenarioError."""
        if len(path) < 2:
            raise ScenarioError("path", "a link takes two names of nodes or more")
        for name in path:
            if name != CLIENT and name not in self.nodes:
                raise ScenarioError("path", f"no node is named {name!r}")
        for source, target in pairwise(path):
            if any({link.source, link.target} == {source, target} for link in self.links):
                raise ScenarioError("path", f"{source!r} and {target!r} are linked already")
            self.links.append(Link.make(source, target, **options))
        return self
