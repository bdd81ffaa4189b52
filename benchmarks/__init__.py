"""Load and promises, over real HTTP. Knows nothing of the service but its address and what it answers."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""Of the repository: where commands are run."""
