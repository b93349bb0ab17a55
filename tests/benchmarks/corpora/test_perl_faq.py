"""Perl's manual as sections, and its questions as topics."""

from __future__ import annotations

import pytest

from untilclick.search.errors import DataError
from untilclick.search.records import Topic

from benchmarks.corpora.perl_faq import build, plain, sections

FAQ = """=head1 NAME

perlfaq4 - Data

=head2 How do I round a number?

X<round>
Use C<sprintf()>.

    sprintf "%.2f", $x

=head2 Found in no time

It is not a question,
but long enough.
"""
FUNCTIONS = """=head1 DESCRIPTION

These are functions.

=over 4

=item abs VALUE

=item abs

Absolute value.

=over

=item within

of another item

=back

=item atan2 Y,X

Arctangent,
of Y/X.

=back
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("C<print> and B<I<more>>", "print and more"),
        ("see L<the manual|perlop/Quotes> or L<perlre>", "see the manual or perlre"),
        ("C<< a->b >>X<arrow>", "a->b"),
    ],
)
def test_formatting_codes_are_removed_and_words_kept(source, expected):
    assert plain(source) == expected


def test_items_of_functions_are_documents_with_all_their_names():
    documents = sections("perlfunc", FUNCTIONS, items=True)
    assert [(document.title, document.text) for document in documents] == [
        ("DESCRIPTION", "These are functions."),
        ("abs VALUE abs", "Absolute value.\nwithin\nof another item"),
        ("atan2 Y,X", "Arctangent, of Y/X."),
    ]


def test_an_answer_is_a_document_without_its_question(tmp_path):
    folder = tmp_path / "usr/share/perl/5.36.0/pod"
    folder.mkdir(parents=True)
    (folder / "perlfaq4.pod").write_text(FAQ, encoding="utf-8")
    (folder / "perl5360delta.pod").write_text(FAQ, encoding="utf-8")
    (folder / "perlfunc.pod").write_text(FUNCTIONS, encoding="utf-8")
    corpus = build(tmp_path)
    (topic,) = corpus.topics
    assert topic == Topic("perlfaq4#2", "How do I round a number?", {"perlfaq4#2": 1})
    answer = next(document for document in corpus.documents if document.doc_id == "perlfaq4#2")
    assert answer.title == ""
    assert answer.text == 'Use sprintf().\n    sprintf "%.2f", $x'


def test_without_the_manual_the_package_is_named(tmp_path):
    with pytest.raises(DataError, match="apt-get install perl-doc"):
        build(tmp_path)
