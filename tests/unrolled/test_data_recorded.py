import pytest

from unrolled.data.recorded import FOLDER, recorded

# Those of `unrolled measure` have a schema and a test of their own.
STUDIES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.startswith("14_"))


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_names_its_command_and_versions_and_has_runs(name):
    study = recorded(name)
    assert study["command"] == f"python lessons/studies/{name}.py"
    assert study["runs"] and {"numpy", "torch"} <= study["versions"].keys()


def test_an_unknown_study_is_refused():
    with pytest.raises(ValueError, match="name: expected one of 08_adding"):
        recorded("00_nothing")
