"""What a demo remembers of its steps."""

from __future__ import annotations

from untilclick.app.loop.demo.memory import DemoMemory, StepRecord


def test_memory_knows_a_step_by_its_key_only(tmp_path):
    memory = DemoMemory(tmp_path)
    memory.save("base", StepRecord("k1", True, "done", 1.5))
    again = DemoMemory(tmp_path)
    assert again.started("base", "k1") == StepRecord("k1", True, "done", 1.5)
    assert again.started("base", "k2") is None
    assert again.started("ppo", "k1") is None


def test_a_damaged_memory_remembers_nothing(tmp_path):
    (tmp_path / "demo.json").write_text('{"base": ', encoding="utf-8")
    assert DemoMemory(tmp_path).started("base", "k1") is None
