"""The Jinja environment of all templates, in which an undefined name is an error."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str | None = None, *, html: bool = False, trim: bool = True) -> Environment:
    """Create a Jinja environment.

    Args:
        package: package whose folder `templates` holds the templates; None for templates that are given as text.
        html: whether the templates write HTML, in which values are escaped.
        trim: whether to remove lines that contain only a block tag.
    """
    return Environment(
        loader=PackageLoader(package) if package is not None else None,
        undefined=StrictUndefined,
        autoescape=html,  # noqa: S701  most of it is Markdown and YAML
        trim_blocks=trim,
        lstrip_blocks=trim,
        keep_trailing_newline=True,
    )
