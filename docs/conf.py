"""How the pages become a site: Sphinx, MyST, furo; the API comes from the docstrings.

    python -m sphinx -W --keep-going -n -b html docs docs/_build/html

Only settings live here, never text. Nothing is fetched.
"""

from __future__ import annotations

import anyicmp

project = "anyicmp"
author = "The anyicmp authors"
copyright = "the anyicmp authors"  # noqa: A001 # Sphinx wants this name
release = version = anyicmp.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3  # links to headings, as GitHub makes them
default_role = "code"  # docstrings write names in single backticks
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "anyicmp"
html_copy_source = False
html_show_sphinx = False
