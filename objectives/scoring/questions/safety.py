"""Code that comes with tasks: looked for without running any, and kept from running unasked."""

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

ALLOW = "If you trust its authors, set allow_code: true beside `tasks:`."
_FIELD = "objective.scores"
_UNGUARDED = prompt_templates()
_WRITING = (
    *("string", "trim", "lower", "upper", "capitalize", "title", "replace", "center", "indent", "wordwrap", "truncate"),
    *("format", "striptags", "escape", "e", "forceescape", "regex_replace"),
)
"""Filters of Jinja and lm-eval that make text of whatever they are given."""


def guard_templates(*, allow_code: bool) -> None:
    """Fill prompts as lm-eval does, in Jinja's sandbox where a task may run no code."""
    compile_prompts_in(_environment(allow_code))


class NullError(TemplateRuntimeError):
    """A template would write `null`, which is no text, as the word None."""


def not_null(value: Any) -> Any:
    """Return a value that a template writes.

    Raises:
        NullError: it is null, or holds null.
    """
    if _holds_null(value):
        raise NullError("null has no text, and would be written as the word None")
    return value


def _holds_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return value is None or (isinstance(value, list | tuple) and any(map(_holds_null, value)))


class _Remembering(Environment):
    """Compiles each template once; lm-eval compiles it anew for every question, which can take as long as the model.

    A template that would write null fails.
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
    kind = _Open if allow_code else _Guarded
    made = kind(loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
    made.filters.update(_UNGUARDED.filters)
    made.filters |= {name: _without_null(made.filters[name]) for name in _WRITING}
    made.filters["join"] = _join
    return made


@pass_environment
def _join(environment: Environment, items: Iterable[Any], between: str = "", attribute: Any = None) -> str:
    """Join values as Jinja's own filter does, but for null."""
    values = items if attribute is None else map(attribute_of(environment, attribute), items)
    return str(between).join(str(not_null(value)) for value in values)


def _without_null(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Let a filter that makes text of values refuse null."""

    @wraps(filter_)  # keeps what tells jinja to pass its own arguments first
    def refusing(*arguments: Any, **options: Any) -> Any:
        for argument in arguments:
            not_null(argument)
        return filter_(*arguments, **options)

    return refusing


class _Open(_Remembering):
    """lm-eval's own environment, but for the memory."""


class _Guarded(_Remembering, ImmutableSandboxedEnvironment):
    """The same in a sandbox."""


def refuse_code(path: Path, seen: frozenset[Path] = frozenset()) -> None:
    """See that a task file, and those that it includes, bring no Python; nothing is run to find out.

    Raises:
        FieldError: one does, or cannot be read, which would leave it open.
    """
    path = path.expanduser().resolve()  # as lm-eval does, before it looks for what is included
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
        if not isinstance(other, str) or path in seen:
            raise FieldError(_FIELD, f"the task file {str(path)!r} cannot include {other!r}.", code="task-file-include")
        refuse_code(path.parent / other, seen | {path})


class _NoCode(yaml.SafeLoader):
    """Reads a task file as lm-eval does, but without its functions."""


def _refuse_function(loader: yaml.SafeLoader, tag: str, _node: yaml.Node) -> None:
    raise FieldError(_FIELD, f"the task file {loader.name!r} runs Python code (!{tag}). {ALLOW}", code="task-runs-code")


_NoCode.add_multi_constructor("!", _refuse_function)


def _own_metric(content: Any) -> str:
    """The first metric that is none of lm-eval's own; empty where there is none.

    lm-eval imports any other from a path or from the hub, with `hf_evaluate` and without.
    """
    if isinstance(content, dict):
        if content.get("hf_evaluate"):
            return "hf_evaluate"
        name = content.get("metric")
        if name is not None and not has_metric(str(name)):
            return str(name)
        content = list(content.values())
    return next(filter(None, map(_own_metric, content)), "") if isinstance(content, list) else ""
