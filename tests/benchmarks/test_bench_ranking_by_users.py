"""Systems ranked by simulated users and by people, on eighty small documents."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from untilclick.rewriter.evaluation.baselines.feedback import Rm3
from untilclick.rewriter.evaluation.baselines.meaning import HALF, Meaning
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.systems import RewriterSystem, TypedTopic
from untilclick.rewriter.readings import Readings
from untilclick.rewriter.serving.blend import MEANT_STARTS
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Collection, Corpus, Document, Topic
from untilclick.search.users.need import NeedReader
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from benchmarks.bench_ranking_by_users import main, ranks_of, read_parameters, simulated
from benchmarks.rank_agreement import agreement, ceiling, decided_pairs, t_statistic, tau_b, tau_of_pairs
from benchmarks.ranked_systems import NO_DOCUMENT, FirstTen, nine_systems
from benchmarks.ranking_truths import NeedValues, clicked, compared_needs, logged_turns
from benchmarks.ranking_users import FIRST_QUERY, MEASURES, SESSION_CLICKS, SESSIONS, SimulatedUsers, overlap_of
from benchmarks.real_sessions import trec_sessions
from benchmarks.untrained_systems import untrained_rewriter
from tests.app.small_corpus import SUBJECTS, write_corpus

QUERIES = ("oven flour", "snow ice scarf", "violin melody concert", "harbour storm", "tomato", "zebra")


def write_ground(folder: Path, query: str | None = None, grade: int = 1, *, sessions: bool = False) -> Path:
    """A judged collection: two queries for each subject, which is their need. With `sessions`, each subject has a
    session in which its third document is clicked."""
    (folder / "qrels").mkdir(parents=True)
    ids = [json.loads(line)["_id"] for line in write_corpus(folder / "corpus.jsonl").read_text().splitlines()]
    queries, qrels, logged = [], ["query-id\tcorpus-id\tscore"], []
    for number, words in enumerate(map(str.split, SUBJECTS.values())):
        own = ids[number :: len(SUBJECTS)]
        for turn in (1, 2):
            text = query or f"{words[turn]} {words[turn + 3]}"
            queries.append({"_id": f"{number}-{turn}", "text": text, "metadata": {"topic": str(number)}})
            qrels += [f"{number}-{turn}\t{doc_id}\t{grade}" for doc_id in own[turn : turn + 4]]
        clicks = [{"doc": own[2], "rank": 3, "start": "1.5", "end": "2"}]
        step = {"query_id": f"{number}-1", "query": f"{words[1]} {words[4]}", "shown": own, "clicks": clicks}
        logged.append({"session_id": str(number), "topic": str(number), "steps": [step]})
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (folder / "qrels" / "dev.tsv").write_text("\n".join(qrels))
    if sessions:
        (folder / "sessions.jsonl").write_text("\n".join(map(json.dumps, logged)))
    return folder


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return OpenedCollection.load(str(write_ground(tmp_path_factory.mktemp("ground") / "a")))


@pytest.fixture(scope="module")
def six(opened):
    return nine_systems(opened)


@pytest.fixture(scope="module")
def nine(encoded):
    return nine_systems(encoded)


@pytest.fixture(scope="module")
def encoded(opened, tiny_encoder, tmp_path_factory):
    documents = opened.collection.corpus.documents
    return opened.with_vectors(EncodedCorpus.of(documents, tiny_encoder, tmp_path_factory.mktemp("vectors")))


class TestRankedSystems:
    """Scores of whole corpora rank as the program does."""

    @pytest.mark.parametrize("name", ["BM25", "RM3", "BM25 + encoder", "encoder", "words by encoder"])
    def test_the_first_ten_are_those_of_the_program(self, encoded, nine, name):
        program = {
            "BM25": Bm25(),
            "RM3": Rm3(encoded.engine),
            "encoder": Meaning(encoded.encoded, 1.0),
            "BM25 + encoder": Meaning(encoded.encoded, HALF),
            "words by encoder": RewriterSystem(
                untrained_rewriter(encoded, MEANT_STARTS["balanced"]), readings=Readings.WORDS
            ),
        }
        queries = program[name]([TypedTopic(Topic(query, query, {}), query) for query in QUERIES])
        rankings = [ranking.retrieved for ranking in rank(encoded.engine, queries, 10)]
        shown = FirstTen(nine[name])(QUERIES)
        for rows, ranking in zip(shown.tolist(), rankings, strict=True):
            doc_ids = [encoded.index.doc_ids[row] for row in rows if row != NO_DOCUMENT]
            assert doc_ids == [entry.doc_id for entry in ranking]

    def test_there_are_nine_systems_and_six_without_an_encoder(self, six, nine):
        assert [*nine][:6] == [*six]
        assert len(nine) == 9

    def test_titles_and_first_words_read_no_more_than_these(self, opened, six):
        titles = [document.title.lower() for document in opened.collection.corpus.documents]
        for row, score in enumerate(six["titles only"](["violin"])[0]):
            assert (score > 0) == ("violin" in titles[row])
        both = six["first two words"](["oven flour violin", "oven flour snow"])
        assert np.array_equal(both[0], both[1])
        assert np.array_equal(both[0], six["BM25"](["oven flour"])[0])

    def test_without_idf_rare_and_frequent_words_weigh_the_same(self):
        texts = ["rare common", *["common other words here"] * 9]
        documents = tuple(Document(f"d{i}", "", text) for i, text in enumerate(texts))
        collection = Collection(Corpus("toy", documents, "0" * 16), {}, "made")
        systems = nine_systems(OpenedCollection.of(collection, "tantivy"))
        scores = systems["without idf"](["rare", "common"])
        assert scores[0, 0] == pytest.approx(scores[1, 0])
        assert "titles only" not in systems  # no document has one

    def test_latent_semantics_are_cosines_with_documents_of_the_subject_first(self, opened, six):
        scores = six["LSI"](["violin", opened.collection.corpus.documents[6].content])
        assert [int(row) % 8 for row in np.argsort(-scores[0])[:8]] == [6] * 8  # music is the seventh of eight
        assert int(np.argmax(scores[1])) == 6
        assert np.abs(scores).max() <= 1.0 + 1e-9


class TestSimulatedUsers:
    """The same users with the same needs search with every system."""

    def test_systems_of_known_worth_are_ranked_by_it(self, opened, six):
        """Each system is BM25 that answers a larger share of queries with documents in a random order."""
        worths = {f"{share:.1f}": _spoilt(six["BM25"], share) for share in (0.6, 0.0, 0.9, 0.3)}
        values = simulated(opened, worths, _users(opened, 1500, misspell_share=0.0))
        for of_measure in (values[name] for name in MEASURES):
            assert [*worths][of_measure.mean(axis=1).argmax()] == "0.0"
            assert tau_b(of_measure.mean(axis=1), np.array([-0.6, 0.0, -0.9, -0.3])) == 1.0

    def test_neither_judgments_nor_queries_of_the_collection_are_read(self, opened, tmp_path):
        garbage = OpenedCollection.load(str(write_ground(tmp_path / "b", "qwz xkcd 99", 3)))
        assert garbage.collection.topics != opened.collection.topics
        values = [simulated(each, nine_systems(each), _users(each, 300)) for each in (opened, garbage)]
        of_judged, of_garbage = ({name: rows.tobytes() for name, rows in each.items()} for each in values)
        assert of_judged == of_garbage

    def test_fewer_users_are_the_first_of_more(self, opened):
        few, many = (_users(opened, n) for n in (30, 90))
        assert few.queries == many.queries[:30]
        assert np.array_equal(few.draws, many.draws[:30])
        assert not np.array_equal(few.draws, _users(opened, 30, seed=1).draws)
        assert np.bincount(many.needs).max() <= np.bincount(many.needs).min() + 1

    def test_a_satisfied_user_types_no_further_query(self, opened):
        users = _users(opened, 400, give_up_prob=0.0)
        asked = []

        def wanted_first(queries):
            asked.append(len(queries))
            return np.full((len(queries), 10), NO_DOCUMENT)

        values = users.values(wanted_first, opened.index.doc_rows)
        assert asked[0] == 400
        assert sum(asked) == sum(map(len, users.queries))
        assert not any(each.any() for each in values.values())

    def test_sessions_end_as_often_as_in_the_simulation_of_logs(self, opened, six):
        """Sessions are walked through in another way than `simulate_sessions` does, with the same probabilities. If
        users never give up, a session of one or two queries ends in a satisfying click."""
        users = _users(opened, 4000, give_up_prob=0.0, max_queries=2)
        values = users.values(FirstTen(six["BM25"]), opened.index.doc_rows)
        longer = SimulatedUser(UserConfig(give_up_prob=0.0), NeedReader(opened.index))
        sessions = simulate_sessions(users.topics, opened.engine, longer, 4000, 1)
        lengths = np.array([len(session.turns) for session in sessions])
        assert values[FIRST_QUERY].mean() == pytest.approx((lengths == 1).mean(), abs=0.035)
        assert values[SESSIONS].mean() == pytest.approx((lengths <= 2).mean(), abs=0.035)
        assert values[SESSION_CLICKS].tolist() == values[SESSIONS].tolist()

    def test_a_satisfied_user_may_search_on(self, opened, six):
        users = _users(opened, 500, go_on_prob=0.8, give_up_prob=0.2)
        values = users.values(FirstTen(six["BM25"]), opened.index.doc_rows)
        assert values[SESSION_CLICKS].mean() > 1.5 * values[FIRST_QUERY].mean()
        assert values[SESSIONS].mean() <= 1.0 < values[SESSION_CLICKS].max()

    def test_users_are_parted_by_how_many_of_their_words_the_document_has(self, opened, six):
        """Users who misspell every word share few of them."""
        habits = {"give_up_prob": 1.0, "subject_share": 0.0}
        few, many = (_users(opened, 600, misspell_share=share, **habits) for share in (0.9, 0.0))
        assert few.overlap.mean() < 0.4
        assert many.overlap.mean() > 0.8
        values = few.values(FirstTen(six["BM25"]), opened.index.doc_rows)
        assert values["overlap 0.0 to 0.2"].mean() < values[FIRST_QUERY].mean()
        assert "overlap 0.0 to 0.2" not in many.values(FirstTen(six["BM25"]), opened.index.doc_rows)
        terms = sorted(set(_text(opened, 0).replace(".", "").split()))[:3]
        assert overlap_of(opened.index, f"{' '.join(terms)} zebra", opened.index.doc_ids[0]) == 0.75
        assert overlap_of(opened.index, "the", opened.index.doc_ids[0]) == 0.0


class TestAgreement:
    """Kendall's tau, its interval, and its ceiling."""

    @pytest.mark.parametrize(
        ("a", "b", "tau"),
        [
            ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
            ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
            ([1, 2, 3, 4], [1, 2, 4, 3], 4 / 6),  # five of six pairs agree
            ([1, 2, 3], [5, 5, 5], 0.0),
            ([1, 2, 2], [1, 2, 3], 2 / np.sqrt(2 * 3)),  # a tie in one of two
        ],
    )
    def test_tau_b_by_hand(self, a, b, tau):
        assert tau_b(np.array(a, float), np.array(b, float)) == pytest.approx(tau)

    def test_only_pairs_that_the_truth_tells_apart_are_decided(self):
        truth = np.array([[0.9, 0.8, 0.9, 0.8], [0.1, 0.2, 0.2, 0.1], [0.2, 0.1, 0.1, 0.2]])
        assert decided_pairs(truth) == [(0, 1), (0, 2)]
        assert tau_of_pairs(np.array([3.0, 1, 2]), truth.mean(axis=1), [(0, 1), (0, 2)]) == 1.0
        assert tau_of_pairs(np.array([2.0, 3, 1]), truth.mean(axis=1), [(0, 1), (0, 2)]) == 0.0
        assert tau_of_pairs(np.array([2.0, 3, 1]), truth.mean(axis=1), []) == 0.0

    def test_t_is_the_mean_in_standard_errors(self):
        assert t_statistic(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / (1 / np.sqrt(3)))
        assert t_statistic(np.array([0.5, 0.5])) == np.inf
        assert t_statistic(np.zeros(4)) == t_statistic(np.array([3.0])) == 0.0

    def test_the_interval_holds_the_value_and_is_wider_with_fewer_needs(self):
        rng = np.random.default_rng(0)
        worth = np.linspace(0.2, 0.5, 6)[:, None]
        few, many = (worth + rng.normal(0, 0.3, (6, n)) for n in (10, 1000))
        widths = []
        for truth in (few, many):
            each = agreement(worth + rng.normal(0, 0.3, (6, 2000)), truth, np.random.default_rng(1), 300)
            assert each.all_pairs.low - 1e-9 <= each.all_pairs.value <= each.all_pairs.high + 1e-9
            widths.append(each.all_pairs.high - each.all_pairs.low)
        assert widths[1] < widths[0]

    def test_the_ceiling_is_one_if_all_needs_agree_and_near_zero_if_they_say_nothing(self):
        rng = np.random.default_rng(0)
        sure = np.tile(np.arange(5.0)[:, None], 20) + rng.normal(0, 1e-3, (5, 20))
        assert ceiling(sure, rng, 50).all_pairs.low == pytest.approx(1.0)
        noise = ceiling(rng.normal(0, 1, (5, 200)), rng, 300)
        assert abs(noise.all_pairs.value) < 0.35
        assert noise.all_pairs.low < 0 < noise.all_pairs.high


class TestTruths:
    """What judgments and real clicks say of systems."""

    def test_queries_of_a_need_count_together(self):
        values = NeedValues.mean(["b", "a", "b"], np.array([[1.0, 0.5, 0.0]]))
        assert values.needs == ("a", "b")
        assert values.values.tolist() == [[0.5, 0.5]]
        assert values.among({"b"}).values.tolist() == [[0.5]]

    def test_documents_that_were_shown_to_nobody_count_for_neither_side(self, tmp_path):
        """Of the documents 0 to 7, need 0 has seen 0, 8, 16 ... alone, and clicked on 16."""
        folder = write_ground(tmp_path / "c", sessions=True)
        corpus = OpenedCollection.load(str(folder)).collection.corpus
        real = trec_sessions(folder)
        turns = [each for each in logged_turns(real) if each.need == "topic 0"]
        assert len(turns) == 1
        assert len(compared_needs(real)) == len(SUBJECTS) // 2
        best, second, blind = (_fixed(order) for order in ([16, 8, 0], [8, 16, 0], [1, 2, 3, 4, 16, 8]))
        truth = clicked({"best": best, "second": second, "blind": blind}, corpus, turns)
        gain = 1 / np.log2(3)
        assert truth.values.values[:, 0].tolist() == pytest.approx([1.0, gain, 1.0])
        assert truth.unknown == pytest.approx((0 + 0 + 4 / 6) / 3)
        assert (0, 1) in truth.certain
        assert not {(0, 2), (2, 0)} & set(truth.certain)


def test_a_run_prints_and_writes_what_it_measured(tmp_path, tiny_encoder, capsys):
    folder = write_ground(tmp_path / "ground", sessions=True)
    parameters = tmp_path / "parameters.json"
    parameters.write_text(json.dumps({"misspell_share": 0.1, "subject_share": 0.0, "shares": {"add": 0.5}}))
    (tmp_path / "defaults.json").write_text("{}")
    files = ["--json", str(tmp_path / "r"), "--plot", str(tmp_path / "r.png")]
    files += ["--parameters", str(parameters), str(tmp_path / "defaults.json")]
    main(
        [
            "--data",
            str(folder),
            "--users",
            "200",
            "--resamples",
            "40",
            "--vectors",
            str(tmp_path / "v"),
            "--encoder",
            str(tiny_encoder.folder),
            *files,
        ]
    )
    outcome, other = json.loads((tmp_path / "r").read_text())
    assert (outcome["population"], other["population"]) == ("parameters", "defaults")
    assert other["parameters"]["misspell_share"] == UserConfig().misspell_share
    assert all(other["means"][name] == outcome["means"][name] for name in ("judgments", "clicks"))
    assert outcome["parameters"]["misspell_share"] == 0.1
    assert outcome["parameters"]["shares"]["add"] == 0.5
    assert outcome["parameters"]["shares"]["drop"] == UserConfig().shares.drop
    assert [name for name in outcome["means"] if not name.startswith("overlap")] == [
        "judgments",
        "clicks",
        FIRST_QUERY,
        SESSION_CLICKS,
        SESSIONS,
    ]
    assert outcome["truths"]["judgments"]["needs"] == outcome["truths"]["clicks"]["needs"] == 4
    assert {FIRST_QUERY, SESSION_CLICKS, SESSIONS, "judgments", "ceiling"} <= outcome["agreements"]["clicks"].keys()
    assert 0.5 < outcome["overlap"]["judgments"] < outcome["overlap"]["users"] < 1.0  # queries are made of the texts
    assert (tmp_path / "r.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert all(f"\n{name}" in printed for name in outcome["means"]["clicks"])
    assert "certain by clicks" in printed or not outcome["certain"]


def test_without_a_folder_the_benchmark_says_what_it_needs(capsys):
    main([])
    assert "--data" in capsys.readouterr().out


def test_parameters_with_a_wrong_name_are_refused(tmp_path):
    (tmp_path / "p.json").write_text('{"mispell_share": 0.1}')
    with pytest.raises(SystemExit, match="mispell_share is no parameter"):
        read_parameters(tmp_path / "p.json")


def test_equal_systems_share_a_rank():
    assert ranks_of({"a": 0.2, "b": 0.5, "c": 0.2, "d": 0.1}) == {"b": 1, "a": 2, "c": 2, "d": 4}


def _users(opened, n, seed=0, **habits):
    return SimulatedUsers.of(opened.collection.corpus, opened.index, UserConfig(**habits), n, seed)


def _text(opened, row):
    return opened.collection.corpus.documents[row].content.lower()


def _spoilt(system, share):
    """The system, with documents in a random order for a share of the queries."""

    def scores(queries):
        rows = system(queries)
        for row, query in zip(rows, queries, strict=True):
            rng = np.random.default_rng(list(query.encode()))
            if rng.random() < share:
                row[:] = rng.permutation(row.size) + 1.0
        return rows

    return scores


def _fixed(order):
    """A system with one ranking of rows for all queries."""

    def scores(queries):
        row = np.zeros(80)
        row[order] = np.arange(len(order), 0, -1)
        return np.tile(row, (len(queries), 1))

    return scores
