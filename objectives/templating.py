"""Text from templates of Jinja, set up in one way: a name that nobody gave is an error."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str | None = None, *, html: bool = False, trim: bool = True) -> Environment:
    """Set up Jinja.

    Args:
        package: whose folder `templates` has the templates; None for those that are given as text.
        html: whether it writes HTML, where values are escaped.
        trim: whether a line that has nothing but a block leaves no empty line.
    """
    return Environment(
        loader=PackageLoader(package) if package is not None else None,
        undefined=StrictUndefined,
        autoescape=html,  # noqa: S701  most of it is Markdown and YAML
        trim_blocks=trim,
        lstrip_blocks=trim,
        keep_trailing_newline=True,
    )
