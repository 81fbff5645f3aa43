"""`python -m studies.cli`, the same as `mixtune`."""

from __future__ import annotations

from studies.cli.commands import main

main()
