"""The package as a product: what is shipped, what is needed, what the README promises to the letter."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import anyicmp

ROOT = Path(__file__).parent.parent
FRAGMENTS = sorted((ROOT / "changelog.d").glob("*.*.md"))
COMMANDS = (
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[cli]' && .venv/bin/anyicmp sweep 127.0.0.0/24",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -q",
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_types_are_shipped() -> None:
    assert importlib.resources.files(anyicmp).joinpath("py.typed").is_file()


def test_the_version_is_the_distribution_s() -> None:
    assert anyicmp.__version__ == importlib.metadata.version("anyicmp")


def test_the_core_needs_anyio_and_attrs_and_nothing_else() -> None:
    requirements = importlib.metadata.requires("anyicmp") or []
    core = [line for line in requirements if "extra ==" not in line]
    assert sorted(re.split(r"[^a-z0-9]", line)[0] for line in core) == ["anyio", "attrs"]


def test_the_import_loads_no_extra() -> None:
    """What an application does not use must cost it neither time nor a dependency."""
    child = python("import sys, anyicmp; print(*sorted(sys.modules))")
    assert child.returncode == 0, child.stderr
    loaded = set(child.stdout.split())
    assert "anyicmp" in loaded
    assert loaded.isdisjoint(
        {"click", "rich", "trio", "uvloop", "pytest", "hypothesis", "anyicmp.testing", "anyicmp.cli"}
    )


def test_a_name_is_loaded_when_it_is_used() -> None:
    """And each name that is promised leads somewhere, whoever asks for it."""
    child = python(
        "import sys, anyicmp\n"
        "before = {name for name in sys.modules if name.startswith('anyicmp')}\n"
        "assert before == {'anyicmp'}, before\n"
        "assert set(anyicmp.__all__) <= set(dir(anyicmp))\n"
        "assert anyicmp.wire.decode is not None\n"
        "from anyicmp import *\n"
        "assert not set(anyicmp.__all__) - set(globals())\n"
        "try:\n    anyicmp.pong\nexcept AttributeError as error:\n    print(error)\n"
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout == "module 'anyicmp' has no attribute 'pong'\n"


def test_every_public_thing_has_a_contract() -> None:
    """A public class, its public methods and properties, and a public function say what they promise."""
    silent = []
    for shelf in ("anyicmp", "anyicmp.wire"):
        module = importlib.import_module(shelf)
        assert module.__all__
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing):
                members = vars(thing) if inspect.isclass(thing) else {}
                public = [thing]
                for member, value in members.items():
                    if not member.startswith("_") and isinstance(value, FunctionType | property):
                        public.append(getattr(thing, member))
                silent += [f"{shelf}.{name}: {each}" for each in public if not inspect.getdoc(each)]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_extra_the_command_says_so_in_one_line(missing: str) -> None:
    child = python(
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['anyicmp', 'ping', '127.0.0.1']\n"
        "from anyicmp.__main__ import main\nsys.exit(main())"
    )
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr == "anyicmp: the command needs the extra 'cli': pip install 'anyicmp[cli]'\n"


def test_the_script_is_the_module() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="anyicmp")
    assert script.value == "anyicmp.__main__:main"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_has_the_command_to_the_letter(command: str) -> None:
    assert command in (ROOT / "README.md").read_text("utf-8").splitlines()


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_named_so_that_towncrier_takes_it(fragment: Path) -> None:
    assert re.fullmatch(r"\+[a-z0-9-]+\.(added|changed|fixed|removed)\.md", fragment.name)


def test_the_changelog_renders_with_every_fragment() -> None:
    draft = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9", "--date", "2000-01-01"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert draft.returncode == 0, draft.stderr
    assert "## 9.9.9 (2000-01-01)" in draft.stdout
    for fragment in FRAGMENTS:
        assert fragment.read_text("utf-8").split()[0] in draft.stdout
    assert "<!-- fragments are rendered below this line -->\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
