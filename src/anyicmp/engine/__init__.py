"""Sans-I/O and deterministic: a function of verb, time and bytes. No socket, clock, loop or chance here."""
