"""Optuna's dashboard opens our database."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from optuna_dashboard import wsgi

from studies.storage.store import Store
from studies.storage.stored import StoredStudy


def _get(app: Callable[..., Any], path: str) -> Any:
    """Answer of the dashboard, as JSON."""
    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "here",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    body = b"".join(app(environ, lambda code, _headers, _error=None: status.append(code)))
    assert status[0].startswith("200"), (status, body)
    return json.loads(body)


def test_it_shows_the_study_and_its_trials(finished_study: tuple[Store, StoredStudy]) -> None:
    store, study = finished_study
    app = wsgi(store.storage)
    (summary,) = _get(app, "/api/studies")["study_summaries"]
    assert summary["study_name"] == "small"
    detail = _get(app, f"/api/studies/{summary['study_id']}")
    assert len(detail["trials"]) == len(study.records)
    states = [trial["state"].upper() for trial in detail["trials"]]
    assert states == [record.state.name for record in study.records]
