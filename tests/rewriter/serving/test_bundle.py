"""The manifest of a bundle: uses, evidence, and bundles within bundles."""

import json
from dataclasses import asdict, replace

import pytest

from untilclick.rewriter.judging.evidence import AS_TYPED, UNTRAINED, Evidence, Finding, Verdict
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.bundle import (
    MANIFEST,
    RETURNING_FORMAT,
    TWIN_FOLDER,
    BundleManifest,
    bundle_version,
    checksums,
    format_of,
    read_manifest,
    write_manifest,
)
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.search.errors import ModelError

FINDING = Finding(UNTRAINED, Verdict.BETTER, "nDCG@10", 0.03, (0.01, 0.05), 0.01, 0.1, 400, 120, (0.2, 0.25))
EVIDENCE = Evidence(
    split=SplitRecord("0123abcd", 900, 800, 400, 12, 0, 5),
    typed=replace(FINDING, against=AS_TYPED),
    untrained=FINDING,
    start=replace(FINDING, unseen=None),
    returning=replace(FINDING, verdict=Verdict.CANNOT_SAY, reason="too few visitors"),
)


def bundle(folder, **fields):
    """A bundle of one file, and of what `folder` holds already."""
    folder.mkdir(exist_ok=True)
    (folder / "words.txt").write_text("tea")
    blend, sums = BlendSettings(), checksums(folder)
    created = "2026-01-01T00:00:00+00:00"
    manifest = BundleManifest(bundle_version(sums, blend), blend, "toy", "print", "int8", created, {}, sums)
    manifest = replace(manifest, format=format_of("terms", fields.get("use", Use.LEARNED)))
    write_manifest(replace(manifest, **fields), folder)
    return folder


@pytest.mark.parametrize("use", Use)
def test_use_and_evidence_are_read_as_they_were_written(tmp_path, use):
    manifest = read_manifest(bundle(tmp_path / "bundle", use=use, evidence=EVIDENCE, asked=True))
    assert (manifest.use, manifest.evidence, manifest.asked) == (use, EVIDENCE, True)


def test_a_bundle_has_the_blend_of_each_caution(tmp_path):
    bold, mild = BlendSettings(0.3, 0.1, 0.6), BlendSettings(0.8, 0.1, 0.1)
    manifest = read_manifest(bundle(tmp_path / "bundle", blends={"balanced": bold, "cautious": mild}))
    assert [manifest.blend_for(caution) for caution in (None, "balanced", "cautious")] == [manifest.blend, bold, mild]
    versions = {
        bundle_version(manifest.checksums, manifest.blend, blends)
        for blends in (None, manifest.blends, {"balanced": mild, "cautious": mild})
    }
    assert len(versions) == 3


def test_a_bundle_of_an_earlier_build_has_one_blend(tmp_path):
    path = bundle(tmp_path / "bundle") / MANIFEST
    content = json.loads(path.read_text())
    del content["blends"]
    path.write_text(json.dumps(content))
    manifest = read_manifest(path.parent)
    assert manifest.blend_for("cautious") == manifest.blend
    assert manifest.version == bundle_version(manifest.checksums, manifest.blend)


@pytest.mark.parametrize(("recall", "documents_by"), [("policy", "policy"), ("meaning", "meaning")])
def test_a_blend_of_an_earlier_build_reads_words_and_documents_of_the_same_source(tmp_path, recall, documents_by):
    path = bundle(tmp_path / "bundle", blend=BlendSettings(mixture=Mixture(), recall=recall)) / MANIFEST
    content = json.loads(path.read_text())
    del content["blend"]["documents"]
    path.write_text(json.dumps(content))
    blend = read_manifest(path.parent).blend
    assert (blend, blend.documents_by) == (BlendSettings(mixture=Mixture(), recall=recall), documents_by)


def test_a_blend_of_a_later_build_is_refused(tmp_path):
    """In the same way an earlier build refuses a blend that says whose documents it reads."""
    path = bundle(tmp_path / "bundle") / MANIFEST
    content = json.loads(path.read_text())
    content["blend"]["later"] = None
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="later"):
        read_manifest(path.parent)


def test_a_bundle_of_an_earlier_build_has_no_evidence(tmp_path):
    path = bundle(tmp_path / "bundle") / MANIFEST
    content = json.loads(path.read_text())
    for later in ("use", "evidence", "asked"):
        del content[later]
    path.write_text(json.dumps(content))
    manifest = read_manifest(path.parent)
    assert (manifest.use, manifest.evidence, manifest.asked) == (Use.LEARNED, None, False)


@pytest.mark.parametrize(("use", "format_number"), [(Use.RETURNING, 2), (Use.LEARNED, RETURNING_FORMAT)])
def test_a_use_and_its_format_belong_together(tmp_path, use, format_number):
    """Builds that know no uses compare the format alone, and would serve the learned model for all queries."""
    with pytest.raises(ModelError, match=f"format {format_number}; this build reads"):
        read_manifest(bundle(tmp_path / "bundle", use=use, format=format_number))


def test_a_changed_manifest_of_a_nested_bundle_is_refused(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    bundle(folder / TWIN_FOLDER)
    bundle(folder)
    assert f"{TWIN_FOLDER}/{MANIFEST}" in read_manifest(folder).checksums
    write_manifest(
        replace(read_manifest(folder / TWIN_FOLDER), blend=BlendSettings(0.9, 0.1, 0.0)), folder / TWIN_FOLDER
    )
    assert read_manifest(folder / TWIN_FOLDER).blend.original == 0.9
    with pytest.raises(ModelError, match=rf"{TWIN_FOLDER}/{MANIFEST} is missing or was changed"):
        read_manifest(folder)


def test_evidence_is_plain_json(tmp_path):
    content = json.loads((bundle(tmp_path / "bundle", evidence=EVIDENCE) / MANIFEST).read_text())
    assert content["evidence"]["untrained"]["verdict"] == "better"
    assert content["evidence"]["untrained"] == json.loads(json.dumps(asdict(FINDING)))
