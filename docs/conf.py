"""Sphinx configuration; `make docs` builds it offline, with warnings as errors."""

import fastmlp

project = "fastmlp"
author = "The fastmlp developers"
project_copyright = "the fastmlp developers, BSD-3-Clause"
version = release = fastmlp.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["releasing.md"]
nitpicky = False
default_role = "py:obj"

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's parameter lists have them in words
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"(demo|typed)\.py",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"fastmlp {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"**": []}  # the pages have no pages below them
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}
html_context = {"default_mode": "auto"}


def setup(app):
    """Leave out scikit-learn's metadata routing, whose texts refer to pages of its own."""

    def skip(app, what, name, obj, skip, options):
        routing = name == "get_metadata_routing" or (
            name.startswith("set_") and name.endswith("_request")
        )
        return True if routing else None

    app.connect("autodoc-skip-member", skip)
