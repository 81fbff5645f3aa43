"""`python -m mixtune`, the same as the command `mixtune`."""

from __future__ import annotations

from studies.cli import main

if __name__ == "__main__":
    main()
