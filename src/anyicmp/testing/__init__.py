"""For tests of whoever probes: networks in memory, virtual time, checks of a transport's contract."""
