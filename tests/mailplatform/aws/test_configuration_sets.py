from mailplatform.aws import configuration_sets


def test_no_tracking_is_never_asked_for_by_default() -> None:
    assert not configuration_sets.ALWAYS & {"OPEN", "CLICK"}
    assert configuration_sets.TRACKED["none"] == frozenset()
