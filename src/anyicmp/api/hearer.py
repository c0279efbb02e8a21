"""Hearer: the door to all ICMP that reaches this host, a part of the prober.

It checks its options and hands over to the file that does the work, which loads when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from anyicmp.api.clock import SystemClocks
from anyicmp.api.sweeper import Sweeper
from anyicmp.errors import SocketPermissionError
from anyicmp.net.transport import Transport

if TYPE_CHECKING:
    from anyicmp.api.listener import Intake, Kind, Listener, ListenOptions
    from anyicmp.net.recorder import Recorder, RecordingTransport

__all__ = ["Hearer"]


class Hearer(Sweeper):
    """Hears what reaches the host that it probes from; see `Prober`."""

    def open_listener(
        self,
        types: Iterable[Kind] | Kind | None = None,
        *,
        family: int | None = None,
        interface: str | None = None,
        buffer: int = 10_000,
    ) -> Listener:
        """Hear every ICMP message that reaches this host, whoever it is for, and yield each as `Received`.

        It needs raw sockets, and filters by type in the kernel. A message that another program asked for
        comes here too, and so does what this host sends to itself. Whoever is slower than the messages come
        loses the oldest; `dropped` counts them.

        Args:
            types: kinds of message, None: all. Each is a class of `anyicmp.wire`, a member of its `Type4` or
                `Type6`, the name of such ("redirect", of either version), or a number.
            family: 4 or 6 for that IP version alone; None: the prober's.
            interface: name of the interface to hear at, instead of the prober's.
            buffer: messages that are kept for a slow consumer.

        Raises:
            ValueError, TypeError: an option is out of range.
            SocketPermissionError, UnsupportedError, ClosedError: on entering, before anything is heard.
        """
        from anyicmp.api.listener import Listener, ListenOptions

        options = ListenOptions.check(
            types,
            family=self.family if family is None else family,
            interface=self._route.interface if interface is None else interface,
            buffer=buffer,
            receive_buffer=self._receive_buffer,
        )
        return Listener(self, lambda: self.intake(options), owns=self.owned)

    def intake(self, options: ListenOptions) -> Intake:
        """Begin to hear; until `unwatch` the end of the prober ends it. Raises as `open_listener` does."""
        from anyicmp.api.listener import Intake

        self._check_open()
        if self._privileged is False:
            raise SocketPermissionError("hearing all ICMP needs raw sockets, which privileged=False forbids")
        intake = Intake(self._environment, options)
        self.watch(intake)
        return intake

    def taped(self, recorder: Recorder) -> Callable[[Transport], RecordingTransport]:
        """What makes of a transport one that is recorded too."""
        environment = self._environment
        clocks = environment.clocks or SystemClocks()
        return lambda transport: recorder.wrap(transport, clocks.real, environment.own_address)
