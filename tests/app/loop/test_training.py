"""What `train` prints of a stage."""

from __future__ import annotations

import pytest

from untilclick.app.loop.training import Training
from untilclick.app.terminal.terminal import Terminal
from untilclick.rewriter.config import RunConfig, WarmStartConfig
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.models import TermModel
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages.record import StageOutcome, write_stage
from untilclick.rewriter.training.made_queries.choice import Gain, StrataRecord, StratumRecord
from untilclick.rewriter.training.validation import BlendChoice

from tests.rewriter.toy_learning import toy_opened, toy_policy

LOSS = Gain(None, "policy", -0.25, 0.01)
STRATA = StrataRecord(
    (StratumRecord((0.2, 0.4), 90, 80, True, LOSS), StratumRecord((0.4, 0.6), 10, 9, False)),
    Gain(None, "policy", 0.02, 0.01),
)


@pytest.mark.parametrize("strata", [None, STRATA], ids=["people", "made"])
def test_how_made_queries_chose_is_a_line_of_its_own(tmp_path, capsys, strata):
    opened, (policy, vocabulary) = toy_opened(), toy_policy(toy_opened())
    outcome = StageOutcome(WarmStartConfig(), BlendChoice(BlendSettings(), 0.5, 0.4, strata=strata), {})
    folder = write_stage(opened, tmp_path / "warm_start", TermModel(policy, TermLanguage(vocabulary)), outcome)
    Training(RunConfig(tmp_path), Terminal())._show(folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Validation queries: nDCG@10 0.4000 as typed, 0.5000 rewritten"
    assert lines[2:] == ([] if strata is None else [STRATA.sentence])
    assert "where 20% to 40% of a made query's words stand in the documents" in STRATA.sentence
    assert "loses 0.250 nDCG@10" in STRATA.sentence
