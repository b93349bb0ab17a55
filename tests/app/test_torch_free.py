"""The serving install has no torch; nothing on the way to a served search may need it."""

import json
import subprocess
import sys
from pathlib import Path

FORBIDDEN = ("torch", "transformers", "matplotlib", "gymnasium")

CODE = """
import json, sys
from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
create_app(Settings())
print(json.dumps(sorted(sys.modules)))
"""


def test_importing_and_creating_the_application_loads_no_torch():
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-c", CODE]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert modules.isdisjoint(FORBIDDEN)
    assert "untilclick.app.http.routes.search" in modules
