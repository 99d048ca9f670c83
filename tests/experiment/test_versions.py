"""Descriptions outlive versions: what is written once is read, and found, ever after."""

import json

import pytest
from small_experiment import convolved, small

import fatheory as fa
from fatheory import Experiment, LinearTask, Sweep, labels
from fatheory.errors import InvalidExperimentError, SchemaError
from fatheory.experiment import Update, migration
from fatheory.experiment.experiment import Experiment as Whole

# As the first version, which did not say which it was, wrote them: complete with its defaults.
FIRST = {
    "65e1f9997ac9be64": (
        small,
        '{"name":"small","task":{"inputs":6,"outputs":3,"noise":0.125,"samples":20,"kind":"linear",'
        '"target":{"law":"normal","std":0.7},"spectrum_decay":0.4},"network":{"kind":"dense",'
        '"hidden":[5,4],"activation":"tanh","output":"linear","start":{"law":"uniform","bound":'
        '0.3},"biases":null,"sparsity":{"forward":0.0,"feedback":0.0,"shared":false,"layers":[]},'
        '"normalization":null,"dropout":0.0},"rules":{"backprop":{"rule":"backprop",'
        '"learning_rate":0.02},"frsf 0.75":{"rule":"frsf","learning_rate":0.015625,"scale":1.0,'
        '"concordance":1.0}},"schedule":{"phases":[{"steps":30,"frozen":[]},{"steps":31,"frozen":'
        '[2]}],"batch_size":7,"decay":null},"update":{"momentum":0.5,"weight_decay":0.0625,'
        '"manhattan":0},"record":{"quantities":["delta_angle","weights"],"spacing":"linear",'
        '"snapshots":51,"steps":[9,17],"probe_samples":100,"receptive_units":16},"seeds":[8,13],'
        '"root_seed":23,"precision":"float64"}',
    ),
    "0fca7c0b780a44af": (
        convolved,
        '{"name":"convolved","task":{"kind":"images","dataset":"synthetic-digits","train":"train",'
        '"evaluation":"validation","limit":50,"evaluation_limit":40,"preprocessing":"none",'
        '"contents":null},"network":{"kind":"convolutional","blocks":[{"channels":2,"kernel":3,'
        '"pool":{"kind":"average","size":2,"stride":3}},{"channels":3,"kernel":1,"pool":null}],'
        '"hidden":[4],"activation":"tanh","output":"linear","start":{"law":"normal","std":0.5},'
        '"biases":{"law":"normal","std":0.25},"normalization":{"learnable":true,"epsilon":0.5,'
        '"memory":0.25},"dropout":0.125},"rules":{"usf, backprop":{"rule":"usf","learning_rate":'
        '0.5,"scale":0.5,"layers":{"last":{"rule":"backprop"},"3":{"rule":"frsf","scale":2.0,'
        '"concordance":1.0}}},"rndf":{"rule":"rndf","learning_rate":0.25,"std":0.05,'
        '"initial_concordance":0.75}},"schedule":{"phases":[{"steps":6,"frozen":[]}],'
        '"batch_size":5,"decay":{"kind":"steps","at":[2,4],"factor":0.5,"warmup":1}},"update":'
        '{"momentum":0.0,"weight_decay":0.0,"manhattan":2},"record":{"quantities":'
        '["gradient_norm","update_sign_agreement"],"spacing":"linear","snapshots":3,"steps":[],'
        '"probe_samples":100,"receptive_units":16},"seeds":[0],"root_seed":0,'
        '"precision":"float32"}',
    ),
}


@pytest.mark.parametrize("former", FIRST)
def test_descriptions_of_the_first_version_are_read(former):
    describe, text = FIRST[former]
    asked = Experiment.from_json(text)
    assert asked == describe()
    assert asked.content_hash == describe().content_hash
    assert asked.former_hashes == (former,)
    assert "version" not in json.loads(text)
    assert json.loads(asked.to_json())["version"] == migration.VERSION
    # A mapping that names no version is of this one, in which the tag has another name.
    with pytest.warns(DeprecationWarning, match="'law' of a distribution is called 'distribution'"):
        assert Experiment(**json.loads(text)) == asked


class LaterUpdate(Update):
    """An update with a field that the next version gives it."""

    nesterov: bool = False


class LaterTask(LinearTask):
    offset: float = 0.0


class LaterExperiment(Whole):
    """An experiment with another such field."""

    replicas: int = 1
    update: LaterUpdate = LaterUpdate()


def test_a_field_with_a_default_changes_no_hash():
    asked, parts = small(), dict(small())
    assert asked.replaced(update=LaterUpdate(**dict(asked.update))).content_hash == (
        asked.content_hash
    )
    assert asked.replaced(task=LaterTask(**dict(asked.task))).content_hash == asked.content_hash
    later = LaterExperiment(**parts | {"update": dict(asked.update)})
    assert later.content_hash == asked.content_hash
    assert LaterExperiment.from_json(asked.to_json()) == later
    for changed in (later.replaced(replicas=2), later.with_settings({"update.nesterov": True})):
        assert changed.content_hash != asked.content_hash
        assert LaterExperiment.from_json(changed.to_json()) == changed
        # A version that lacks the field cannot read what uses it, and says which key it is.
        with pytest.raises(InvalidExperimentError, match=r"(replicas|nesterov): unknown key"):
            Experiment.from_json(changed.to_json())


def test_a_newer_version_is_refused_in_words():
    newer = json.loads(small().to_json()) | {"version": migration.VERSION + 1, "replicas": 3}
    message = (
        f"the description is of version {migration.VERSION + 1}, and this fatheory reads up to "
        f"{migration.VERSION}.*update fatheory"
    )
    with pytest.raises(InvalidExperimentError, match=message):
        Experiment.from_json(json.dumps(newer))
    of_sweep = json.loads(Sweep(experiment=small(), axes={"root_seed": [1, 2]}).to_json())
    with pytest.raises(InvalidExperimentError, match=message):
        Sweep.from_json(json.dumps(of_sweep | {"version": migration.VERSION + 1}))


@pytest.mark.parametrize("version", [0, -1, "2", 1.0, None, True, [2]])
def test_what_is_no_version_is_refused(version):
    text = json.dumps(json.loads(small().to_json()) | {"version": version})
    with pytest.raises(InvalidExperimentError, match="version is that of the description, a whole"):
        Experiment.from_json(text)


def test_versions_are_no_settings():
    for key in ("version", "packages", "packages.x"):
        with pytest.raises(InvalidExperimentError, match=f"{key}: is no setting of experiments"):
            small().with_settings({key: 1})


def test_what_an_earlier_version_called_otherwise_is_read(monkeypatch):
    """A field that changes its name comes with a new version and a migration."""

    def renamed(data):
        task = dict(data["task"])
        if "n_i" in task:
            task["inputs"] = task.pop("n_i")
        return data | {"task": task}

    newest = migration.VERSION
    monkeypatch.setattr(migration, "VERSION", newest + 1)
    monkeypatch.setitem(migration.MIGRATIONS, newest, renamed)
    written = json.loads(small().to_json())
    written["task"]["n_i"] = written["task"].pop("inputs")
    for version in range(1, newest + 1):
        text = json.dumps(written | {"version": version})
        assert Experiment.from_json(text) == small()
        sweep = {"version": version, "experiment": written, "axes": {"root_seed": [1, 2]}}
        sweep["experiment"].pop("version", None)
        assert Sweep.from_json(json.dumps(sweep)).experiment == small()
        attributes = {labels.ATTR_SWEEP: json.dumps(sweep)}
        assert Experiment.from_attributes(attributes) == small()
    with pytest.raises(InvalidExperimentError, match=r"task.n_i: unknown key"):
        Experiment.from_json(json.dumps(written | {"version": newest + 1}))


def test_archives_of_another_schema_version_are_refused_in_memory():
    run = fa.simulate(small(), progress=False)
    assert fa.Experiment.from_archive(run) == small()
    newer = run.assign_attrs({labels.ATTR_SCHEMA: labels.SCHEMA_VERSION + 1})
    words = rf"schema version is {labels.SCHEMA_VERSION + 1}; this version .*; update fatheory"
    with pytest.raises(SchemaError, match=words):
        fa.Experiment.from_archive(newer)
    with pytest.raises(SchemaError, match=words):
        fa.simulate(small().lengthened(2), continue_from=newer, progress=False)
    # Of a selection without attributes of its version nothing is said, as in metrics.
    bare = run.drop_attrs().assign_attrs({labels.ATTR_EXPERIMENT: run.attrs["experiment"]})
    assert fa.Experiment.from_archive(bare) == small()
