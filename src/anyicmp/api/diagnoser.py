"""Diagnoser: the doors to a diagnosis, a part of the prober.

They check their options and hand over to the files that do the work, which load when they are first needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from anyicmp.api.hearer import Hearer
from anyicmp.results import IPAddress

if TYPE_CHECKING:
    from anyicmp.api.diagnose import DiagnosisStream
    from anyicmp.findings import Diagnosis

__all__ = ["USUAL_PORTS", "Diagnoser"]

USUAL_PORTS = (443, 80)
"""TCP ports that most hosts answer at, with an acceptance or a refusal."""


class Diagnoser(Hearer):
    """Finds out whether one can talk with a host; see `Prober`."""

    async def diagnose(
        self,
        host: str | IPAddress,
        *,
        ports: Iterable[int] = USUAL_PORTS,
        timeout: float = 1.0,
        max_hops: int = 30,
        dscp: int | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        time_limit: float | None = None,
    ) -> Diagnosis:
        """Find out whether one can talk with a host, and if not, which step fails, where, and what to do.

        The steps: its name becomes an address; a route leads there; the next hop has a link address; echo
        requests are answered, else UDP or TCP is; the way is traced; the largest packet is looked for.
        `open_diagnose` says how long that takes at most (`longest`): 67 seconds with the usual timeout, and
        on an ordinary path a second.

        Args:
            host: name or address.
            ports: TCP ports that are tried where echo is not answered, beside a closed UDP port.
            timeout: seconds that each probe waits for its answer.
            max_hops: how far the way is traced, 1 to 255.
            dscp, family, source, interface, mark: as in `ping`.
            time_limit: seconds for the whole call, after which the steps left are skipped.

        Raises:
            ValueError, TypeError: an option is out of range, or the host is a group of hosts.
            SocketPermissionError, UnsupportedError, ClosedError: as `ping`. A name without address is a
                step that failed.
        """
        from anyicmp.api.diagnose import diagnose
        from anyicmp.api.diagnose_options import DiagnoseOptions

        options = DiagnoseOptions.check(
            self,
            ports=ports,
            timeout=timeout,
            max_hops=max_hops,
            dscp=dscp,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
        )
        return await diagnose(self, host, options, time_limit=time_limit)

    def open_diagnose(
        self,
        host: str | IPAddress,
        *,
        ports: Iterable[int] = USUAL_PORTS,
        timeout: float = 1.0,
        max_hops: int = 30,
        dscp: int | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
    ) -> DiagnosisStream:
        """Diagnose, step by step, as each ends; `result` is the whole. Options and exceptions as `diagnose`.

        `longest` says how many seconds it takes at most.
        """
        from anyicmp.api.diagnose import DiagnosisStream
        from anyicmp.api.diagnose_options import DiagnoseOptions

        options = DiagnoseOptions.check(
            self,
            ports=ports,
            timeout=timeout,
            max_hops=max_hops,
            dscp=dscp,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
        )
        return DiagnosisStream(self, host, options, owns=self.owned)
