"""Every store that is measured keeps each event, and its appends are counted and timed."""

from contextlib import closing

import pytest

from untilclick.app.event_log.spool import SpoolFile

from benchmarks.bench_spool import PlainFile, main, measure


@pytest.mark.parametrize("kind", [SpoolFile, PlainFile])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_each_append_is_timed(tmp_path, kind, n_threads):
    with closing(kind(tmp_path / "spool.db")) as appender:
        measurement = measure(appender, n_threads, 5)
        assert len(measurement.waits) == 5 * n_threads
        assert 0 < max(measurement.waits) <= measurement.seconds
        assert 1 <= appender.commits <= 5 * n_threads


def test_a_plain_file_has_a_line_per_event(tmp_path):
    with closing(PlainFile(tmp_path / "events")) as appender:
        measure(appender, 2, 3)
    assert len((tmp_path / "events").read_bytes().splitlines()) == 6


def test_figures_are_printed_for_each_store_and_number_of_threads(tmp_path, capsys):
    assert main(["--events", "2", "--folder", str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[1]) for line in lines if line[0] == "spool"] == [("spool", "1"), ("spool", "8")]
    assert not list(tmp_path.iterdir())
