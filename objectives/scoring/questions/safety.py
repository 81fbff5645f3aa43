"""Detect code of tasks without running it, and prevent it from running without permission."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any

import yaml
from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateRuntimeError, pass_environment
from jinja2.sandbox import ImmutableSandboxedEnvironment

from objectives.jinja2_compat import FinalizingCodeGenerator, attribute_of
from objectives.lm_eval_compat import compile_prompts_in, has_metric, prompt_templates
from spaces.errors import FieldError

ALLOW = "If you trust its authors, set allow_code: true next to `tasks:`."
_FIELD = "objective.scores"
_UNGUARDED = prompt_templates()
_WRITING = (
    *("string", "trim", "lower", "upper", "capitalize", "title", "replace", "center", "indent", "wordwrap", "truncate"),
    *("format", "striptags", "escape", "e", "forceescape", "regex_replace"),
)
"""Filters of Jinja and lm-eval that convert any value to text."""


def guard_templates(*, allow_code: bool) -> None:
    """Make lm-eval fill prompts in Jinja's sandbox, unless tasks may run code; null values are refused."""
    compile_prompts_in(_environment(allow_code))


class NullError(TemplateRuntimeError):
    """A template would write `null` as the word None."""


def not_null(value: Any) -> Any:
    """Return a value that a template writes, unless it is null.

    Raises:
        NullError: the value is null, or contains null.
    """
    if _contains_null(value):
        raise NullError("null would be written as the word None")
    return value


def _contains_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return value is None or (isinstance(value, list | tuple) and any(map(_contains_null, value)))


class _CachingEnvironment(Environment):
    """Compiles each template once, and refuses null values.

    lm-eval compiles a template again for every question, which can take as long as the model.
    """

    code_generator_class = FinalizingCodeGenerator

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, finalize=not_null)
        self._compiled: dict[str, Template] = {}

    def from_string(self, source: Any, *arguments: Any, **options: Any) -> Template:
        if not isinstance(source, str) or arguments or options:
            return super().from_string(source, *arguments, **options)
        if source not in self._compiled:
            self._compiled[source] = super().from_string(source)
        return self._compiled[source]


@cache
def _environment(allow_code: bool) -> Environment:
    kind = _Unsandboxed if allow_code else _Sandboxed
    environment = kind(loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters.update(_UNGUARDED.filters)
    environment.filters |= {name: _without_null(environment.filters[name]) for name in _WRITING}
    environment.filters["join"] = _join
    return environment


@pass_environment
def _join(environment: Environment, items: Iterable[Any], between: str = "", attribute: Any = None) -> str:
    """Join values as Jinja's own filter does, but refuse null."""
    values = items if attribute is None else map(attribute_of(environment, attribute), items)
    return str(between).join(str(not_null(value)) for value in values)


def _without_null(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter that writes text so that it refuses null."""

    @wraps(filter_)  # keeps the marks of jinja2.pass_context and similar decorators
    def refusing(*arguments: Any, **options: Any) -> Any:
        for argument in arguments:
            not_null(argument)
        return filter_(*arguments, **options)

    return refusing


class _Unsandboxed(_CachingEnvironment):
    """lm-eval's own environment with a cache."""


class _Sandboxed(_CachingEnvironment, ImmutableSandboxedEnvironment):
    """A caching environment in Jinja's sandbox."""


def refuse_code(path: Path, including: frozenset[Path] = frozenset()) -> None:
    """Check, without running anything, that a task file and its includes contain no Python code.

    Raises:
        FieldError: a file contains code, or cannot be read and therefore not be checked.
    """
    path = path.expanduser().resolve()  # as lm-eval does, before it resolves includes
    try:
        with path.open("rb") as file:
            content = yaml.load(file, Loader=_NoCode)  # noqa: S506  a SafeLoader
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FieldError(
            _FIELD, f"the task file {str(path)!r} cannot be loaded: {error}", code="task-file-unloadable"
        ) from error
    if metric := _own_metric(content):
        raise FieldError(
            _FIELD, f"the task file {str(path)!r} loads a metric's code ({metric}). {ALLOW}", code="metric-runs-code"
        )
    included = content.get("include", []) if isinstance(content, dict) else []
    for other in included if isinstance(included, list) else [included]:
        if not isinstance(other, str) or path in including:
            raise FieldError(_FIELD, f"the task file {str(path)!r} cannot include {other!r}.", code="task-file-include")
        refuse_code(path.parent / other, including | {path})


class _NoCode(yaml.SafeLoader):
    """YAML loader for task files that refuses functions."""


def _refuse_function(loader: yaml.SafeLoader, tag: str, _node: yaml.Node) -> None:
    raise FieldError(_FIELD, f"the task file {loader.name!r} runs Python code (!{tag}). {ALLOW}", code="task-runs-code")


_NoCode.add_multi_constructor("!", _refuse_function)


def _own_metric(content: Any) -> str:
    """Return the first metric in a task file that is not built into lm-eval; empty if there is none.

    lm-eval imports such a metric from a path or from the hub, with or without `hf_evaluate`.
    """
    if isinstance(content, dict):
        if content.get("hf_evaluate"):
            return "hf_evaluate"
        name = content.get("metric")
        if name is not None and not has_metric(str(name)):
            return str(name)
        content = list(content.values())
    return next(filter(None, map(_own_metric, content)), "") if isinstance(content, list) else ""
