"""Private parts of Jinja that prompts rely on: the one place to look when a new version fails.

Tested with Jinja 3.1.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import make_attrgetter


class FinalizingCodeGenerator(CodeGenerator):
    """Code generator that applies `Environment.finalize` to every operand of `~` before it becomes text.

    Overrides `visit_Concat` of Jinja's code generator, which is undocumented. Without the override, a null operand is
    already the word None when `finalize` receives it.
    """

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  Jinja's name
        self.write("str_join(map(environment.finalize, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")


def attribute_of(environment: Environment, attribute: str | int) -> Callable[[Any], Any]:
    """Build the getter that Jinja's filters use for their option `attribute`; dots address nested attributes.

    Calls `make_attrgetter` of `jinja2.filters`, which is undocumented; there is no public equivalent.
    """
    return make_attrgetter(environment, attribute)
