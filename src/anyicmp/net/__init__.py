"""Sockets, non-blocking: one row format for every platform, no event loop, no measurement."""
