"""`python -m studies.cli`, the same as `mixtune`."""

from __future__ import annotations

from studies.cli.app import main

main()
