"""The front door of a diagnosis: one step after the other, and the verdict at the end.

What is looked at is in `inquiry.py`, what follows from it in `judgement.py`.
"""

from __future__ import annotations

import anyio
import anyio.lowlevel

from anyicmp.api.diagnose_options import DiagnoseOptions
from anyicmp.api.facts import Finding
from anyicmp.api.hearer import Hearer
from anyicmp.api.inquiry import Inquiry
from anyicmp.api.judgement import conclude, judge
from anyicmp.api.options import seconds
from anyicmp.api.stream import Stream
from anyicmp.findings import STEPS, Diagnosis, DiagnosisStep, StepName
from anyicmp.results import IPAddress

__all__ = ["DiagnosisStream", "diagnose"]


async def diagnose(
    prober: Hearer,
    host: str | IPAddress,
    options: DiagnoseOptions,
    *,
    time_limit: float | None,
) -> Diagnosis:
    """Find out whether one can talk with a host; see `Prober.diagnose`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    async with DiagnosisStream(prober, host, options, owns=False) as stream:
        with anyio.move_on_after(limit):
            async for _ in stream:
                pass
        return stream.result


class DiagnosisStream(Stream[DiagnosisStep]):
    """Steps of a diagnosis as each ends: an async context manager and, inside, an async iterator.

    Leaving the block ends the diagnosis.

    Attributes:
        longest: seconds that the whole takes at most.
    """

    def __init__(
        self,
        prober: Hearer,
        host: str | IPAddress,
        options: DiagnoseOptions,
        *,
        owns: bool,
    ) -> None:
        """`owns`: the stream opens and closes the prober with itself."""
        super().__init__(prober, owns=owns)
        self._inquiry = Inquiry(prober, host, options)
        self._findings: dict[StepName, Finding] = {}
        self._steps: list[DiagnosisStep] = []
        self._ended = ""
        self._guard = anyio.ResourceGuard("iterating over")
        self.longest = self._inquiry.longest

    async def _begin(self) -> None:
        """Nothing is sent before the first step is asked for."""

    def _end(self) -> None:
        self._inquiry.close()

    @property
    def result(self) -> Diagnosis:
        """The diagnosis, after the last step; before it, as far as it has come: the rest is skipped.

        Raises ClosedError before the block is entered.
        """
        self._check_begun()
        late = [
            DiagnosisStep(name=name, status="skipped", detail="no time was left")
            for name in STEPS[len(self._steps) :]
        ]
        facts = self._inquiry.facts
        verdict, culprit = conclude(facts, self._findings)
        return Diagnosis(
            host=facts.host,
            target=facts.addresses[0] if facts.addresses else None,
            steps=(*self._steps, *late),
            verdict=verdict,
            culprit=culprit,
        )

    async def _next(self) -> DiagnosisStep:
        with self._guard:
            if len(self._steps) == len(STEPS):
                raise StopAsyncIteration
            name = STEPS[len(self._steps)]
            if self._ended:
                await anyio.lowlevel.checkpoint()
                finding = Finding(status="skipped", detail=self._ended)
            else:
                await self._inquiry.look[name]()
                finding = judge(name, self._inquiry.facts)
                self._ended = finding.ends
            self._findings[name] = finding
            step = DiagnosisStep(name=name, status=finding.status, detail=finding.detail, data=finding.data)
            self._steps.append(step)
            return step
