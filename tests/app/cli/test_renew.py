"""The sentences in which `untilclick renew` says what answers from now on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from untilclick.app.cli.renew import _consequence
from untilclick.app.loop.renewal.renew import Renewal
from untilclick.rewriter.judging.gate import Admission, Use

RENEWAL = Renewal("v2", "v1", Admission(Use.LEARNED, "Better."), None, "", 400, 90)


@pytest.mark.parametrize(
    ("renewal", "activated", "sentence"),
    [
        (RENEWAL, True, "Version v2 is now active."),
        (RENEWAL, False, "Version v2: POST /v1/models/v2/activate activates it."),
        (replace(RENEWAL, version="v1"), False, "Version v1 stays."),
        (replace(RENEWAL, version=None, champion=None), False, "Queries are searched as typed, as before."),
        (replace(RENEWAL, champion=None), True, "Version v2 is now active."),
    ],
)
def test_the_sentence_says_what_follows(renewal, activated, sentence):
    assert _consequence(renewal, activated=activated) == sentence
