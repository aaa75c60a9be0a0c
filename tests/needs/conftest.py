"""The tests of needs use the probe of the tests of policies."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "policies"))
