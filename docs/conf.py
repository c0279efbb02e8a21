"""How the pages become a site: Sphinx, MyST, furo; the API comes from docstrings, options from the command.

    python -m sphinx -W --keep-going docs site

Only settings live here, and the one directive that prints the command's help; never text. Nothing is fetched.
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from anyicmp.cli.__main__ import anyicmp as command

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "anyicmp"
author = "The anyicmp authors"
copyright = "the anyicmp authors"  # noqa: A001 # Sphinx wants this name
release = version = version_of("anyicmp")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3  # links to headings, as GitHub makes them
default_role = "code"  # docstrings write names in single backticks
autodoc_default_options = {"members": True}
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
napoleon_use_ivar = True  # an attribute that the class docstring explains is not documented twice
python_use_unqualified_type_names = True
# In signatures `type[...]` is Python's, and not the attribute of that name of several results.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "anyicmp"
html_copy_source = False
html_show_sphinx = False


class CommandHelp(Directive):
    """A section for each subcommand, with what its `--help` prints."""

    def run(self) -> list[nodes.Node]:
        sections: list[nodes.Node] = []
        with click.Context(command, info_name="anyicmp") as above:
            for name in command.list_commands(above):
                each = command.get_command(above, name)
                assert each is not None
                with click.Context(each, above, name, max_content_width=84, terminal_width=84) as context:
                    help_text = each.get_help(context)
                section = nodes.section(ids=[name])
                section += nodes.title(text=f"anyicmp {name}")
                section += nodes.literal_block(help_text, help_text, language="text")
                sections.append(section)
        return sections


def setup(app: Sphinx) -> None:
    """Make the directive known."""
    app.add_directive("command-help", CommandHelp)
