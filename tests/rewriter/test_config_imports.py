"""The configurations of the stages load fast: the command line reads them for every call."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import json, sys
import untilclick.rewriter.config, untilclick.rewriter.offline_config, untilclick.rewriter.ppo_config
print(json.dumps(sorted({"numpy", "pydantic", "scipy", "sqlalchemy", "torch"} & set(sys.modules))))
"""


def test_the_configurations_load_no_library():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
