"""What filling prompts takes of Jinja that Jinja does not promise: the one place to look when a new version fails.

Tried with Jinja 3.1.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import make_attrgetter


class LookingAtParts(CodeGenerator):
    """Lets `Environment.finalize` look at all that `~` joins before it becomes text.

    Overrides `visit_Concat` of Jinja's code generator, whose insides are not documented. By public means a part that
    is null has become the word None when `finalize` sees it.
    """

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  Jinja's name
        self.write("str_join(map(environment.finalize, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")


def attribute_of(environment: Environment, attribute: str | int) -> Callable[[Any], Any]:
    """Build the function from an item to a value that Jinja's filters make of their option `attribute`.

    Dots go deeper.

    Calls `make_attrgetter` of `jinja2.filters`, which is not documented; a filter of one's own has no other way to it.
    """
    return make_attrgetter(environment, attribute)
