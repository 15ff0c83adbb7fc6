"""Lets the tests of this folder import its scripts by name, as the scripts themselves do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
