"""What docs/simulated-users.md says of a site's users, beside the limits in the code."""

from __future__ import annotations

from pathlib import Path

from untilclick.search.users.site.fit import LEAST_CLICKED, LEAST_KNOWN, LEAST_SESSIONS
from untilclick.search.users.site.vocabulary import LEAST_INFORMATION, LEAST_VISITORS, MOST_CONCEPTS

PAGE = Path(__file__).parents[4] / "docs" / "simulated-users.md"
NUMBERS = {2: "twice", 3: "three", 0.5: "half"}


def test_the_page_names_the_limits_of_the_code():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"from {LEAST_SESSIONS} sessions with a query on, {LEAST_CLICKED} of them with a click" in text
    assert f"if {NUMBERS[LEAST_KNOWN]} of the clicked documents are among the documents" in text
    assert (
        f"if {NUMBERS[LEAST_VISITORS]} visitors or more typed it, in the same form, in sessions with a click" in text
    )
    assert f"stands for up to {NUMBERS[MOST_CONCEPTS]} words" in text
    assert LEAST_INFORMATION > 0.69
    assert f"at least {NUMBERS[2]} as often" in text
