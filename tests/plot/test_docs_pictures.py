"""The pictures of the documentation are those that its own program makes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import anyio
import pytest

from anyicmp.plot.document import report

DOCS = Path(__file__).parent.parent.parent / "docs"


def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pictures", DOCS / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_images(picture: str) -> str:
    """Each release of zlib packs the same pixels differently."""
    return re.sub(r"base64,[^\"]*", "base64,", picture.strip())


def test_each_picture_that_a_page_shows_is_there() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in (DOCS / "how-to" / "pictures.md", DOCS / "how-to" / "report.md")
        for link in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", page.read_text("utf-8"))
    }
    assert len(shown) == 7
    assert all(path.is_file() for path in shown)


@pytest.mark.slow
def test_the_pictures_are_up_to_date() -> None:
    pictures, files = anyio.run(program().measured)
    for name, picture in pictures.items():
        assert without_images(picture) == without_images(
            (DOCS / "pictures" / f"{name}.svg").read_text("utf-8")
        )
    assert "5 measurements from 5 files" in report(files)
