"""The generated pages of the documentation say what the code does."""

from __future__ import annotations

from messages_page import PAGE, page


def test_the_messages_page_is_current():
    assert PAGE.read_text("utf-8") == page(), "run python tests/wire/messages_page.py --write"
