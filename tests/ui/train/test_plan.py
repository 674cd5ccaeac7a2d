"""From the form to the command line: the same words, the same runs, the same folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmer_core import corpora
from mmer_core.cli import main
from mmer_core.config import CHECKPOINTS
from mmer_core.corpora import made_up
from mmer_core.labels import Modality
from mmer_core.leakage import Verdict
from mmer_core.runs.run import CVRun, list_runs
from ui.train.plan import PlanError, TrainingPlan, check_folds, experiments, features_are_there, parsed, run_names

ALL = tuple((m, "given") for m in (Modality.TEXT, Modality.AUDIO, Modality.VISUAL))


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> str:
    return f"features:{made_up.write(tmp_path_factory.mktemp('made-up'))}"


@pytest.fixture
def plan(spec, tmp_path) -> TrainingPlan:
    return TrainingPlan(spec, (), ALL, ("early",), ("--folds", "3"), ("--epochs", "1"), "mine", tmp_path)


def test_the_runs_are_those_that_the_command_writes(plan):
    plan = replace(plan, fusions=("unimodal", "early"))
    assert main(list(plan.train_command[3:])) == 0
    assert sorted(run_names(plan)) == sorted(entry.path.name for entry in list_runs(plan.out))
    assert run_names(replace(plan, fusions=("early",))) == ("mine",)


def test_the_folds_that_are_shown_are_those_of_the_run(plan, spec):
    check = check_folds(plan, corpora.read(spec))
    assert main(list(plan.train_command[3:])) == 0
    run = CVRun.open(plan.out / "mine")
    assert check.report.to_json()["verdict"] == run.record["leakage"]["verdict"] == "clean"
    tested = run.folds.query("role == 'test'").groupby("fold").size()
    assert check.sizes["test"].tolist() == tested.tolist()
    assert check.sizes["speakers tested"].sum() == made_up.SPEAKERS
    assert not check.leaks


def test_random_folds_are_marked(plan, spec):
    check = check_folds(replace(plan, fold_flags=("--folds", "3", "--folds-kind", "random")), corpora.read(spec))
    assert check.leaks
    assert check.report.verdict is Verdict.LEAKS


def test_commands_are_as_typed(plan):
    encoded = replace(plan, encoders=((Modality.TEXT, "minilm"), (Modality.AUDIO, "given")), corpus_options=("complete=yes",), jobs=1)
    extract, train = encoded.commands(extract=True)
    assert extract[:4] == ("python", "-m", "mmer_core", "extract")
    assert extract[-6:] == ("--encoders", "text=minilm", "--corpus-option", "complete=yes", "--jobs", "1")
    args = parsed(encoded)
    assert (args.encoders, args.fusion, args.folds, args.epochs, args.corpus_option) == ("text=minilm,audio=given", "early", "3", 1, ["complete=yes"])
    assert (args.name, args.out) == ("mine", plan.out)
    assert encoded.commands(extract=False) == (train,)
    assert "--out" not in replace(plan, out=CHECKPOINTS / "runs").train_command, "where runs are kept anyway"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoders": ()}, "switch on at least one modality"),
        ({"fusions": ()}, "no fusion model is chosen"),
        ({"name": "../elsewhere"}, "cannot name a run"),
        ({"name": ""}, "cannot name a run"),
        ({"train_flags": ("--epochs", "many")}, "epochs is a whole number, not 'many'"),
        ({"train_flags": ("--epochs", "0")}, "epochs must be above 0"),
        ({"train_flags": ("--option", "depth=3")}, "none of early has an option 'depth'"),
        ({"train_flags": ("--nonsense",)}, "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_started_is_told_in_one_sentence(plan, change, message):
    with pytest.raises(ValueError, match=r".") as error:
        run_names(replace(plan, **change))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--folds", "20"), "20 folds need as many speakers and there are 12"),
        (("--folds", "nowhere.csv"), "nowhere.csv"),
        (("--folds-kind", "official"), "no official split"),
        (("--groups", "dialogue"), "the dialogue is unknown"),
    ],
)
def test_folds_that_cannot_be_cut(plan, spec, flags, message):
    with pytest.raises(ValueError, match=r".") as error:
        check_folds(replace(plan, fold_flags=flags), corpora.read(spec))
    assert message in str(error.value)


def test_options_reach_the_experiment(plan):
    (experiment,) = experiments(replace(plan, train_flags=("--preset", "s4", "--option", "hidden=8", "--batch-size", "16"))).values()
    assert experiment.options == {"hidden": (8,)}
    assert (experiment.training.optimizer, experiment.training.batch_size) == ("adamw", 16)
    with pytest.raises(PlanError):
        parsed(replace(plan, train_flags=("--preset", "s9")))


def test_whether_features_are_in_the_store(tmp_path):
    rows = "id,path,text,label,speaker\n" + "".join(f"u{i},,words number {i},joy,s{i}\n" for i in range(3))
    (tmp_path / "m.csv").write_text(rows)
    manifest = corpora.read(tmp_path / "m.csv")
    store = tmp_path / "store"
    wanted = {Modality.TEXT: "minilm"}
    assert not features_are_there(manifest, wanted, store)
    from mmer_core.encoders.request import EncoderRequest
    from mmer_core.encoders.spec import EncoderSpec
    from mmer_core.extraction.keys import ClipKeys
    from mmer_core.extraction.store import FeatureStore

    spec = EncoderSpec("minilm", Modality.TEXT, 4, "a test", "1", "MIT", "none")
    filled = FeatureStore(store, create=True)
    filled.register(EncoderRequest("minilm"), spec)
    keys = ClipKeys(manifest, {})
    utterances = list(manifest.utterances())
    filled.add(spec.fingerprint, {keys.of(u, Modality.TEXT): np.ones((1, 4), dtype=np.float32) for u in utterances[:2]})
    assert not features_are_there(manifest, wanted, store)
    filled.add(spec.fingerprint, {keys.of(utterances[2], Modality.TEXT): np.ones((1, 4), dtype=np.float32)})
    filled.close()
    assert features_are_there(manifest, wanted, store)
