"""The command that makes collections: its list, and its messages about absent packages."""

from __future__ import annotations

import pytest

from benchmarks.package_corpora import SOURCES, main


def test_without_names_it_lists_what_to_install(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"({source.packages})" in listed for source in SOURCES.values())


def test_absent_packages_are_named_and_the_others_are_made(tmp_path, capsys):
    folder = tmp_path / "usr/share/perl/5.36.0/pod"
    folder.mkdir(parents=True)
    (folder / "perlfaq1.pod").write_text("=head2 What is it?\n\nA language\n\n of its own.\n", encoding="utf-8")
    out = tmp_path / "out"
    assert main(["python-faq", "perl-faq", "--root", str(tmp_path), "--out", str(out)]) == 1
    output = capsys.readouterr()
    assert "apt-get install python3-doc" in output.err
    assert output.out.startswith("perl-faq: 1 documents, 1 topics")
    assert (out / "perl-faq" / "qrels" / "dev.tsv").is_file()


def test_the_message_about_an_unknown_name_lists_all_names(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["perl-fqa"])
    assert exit_info.value.code == 2
    assert "perl-faq" in capsys.readouterr().err
