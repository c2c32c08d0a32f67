"""Open enums: a new value from the service causes no error."""

import copy
import pickle

import pytest

from rhombus_clips import ClipStatus, HardwareVariation, OpenEnum


def test_unknown_value_keeps_its_string() -> None:
    status = ClipStatus("SOMETHING_NEW")
    assert isinstance(status, ClipStatus)
    assert status == "SOMETHING_NEW"
    assert hash(status) == hash("SOMETHING_NEW")
    assert str(status) == f"{status}" == "SOMETHING_NEW"
    assert status.value == status.name == "SOMETHING_NEW"
    assert not status.is_known
    assert repr(status) == "<ClipStatus.SOMETHING_NEW: 'SOMETHING_NEW'>"


def test_known_member_compares_and_hashes_like_its_string() -> None:
    assert ClipStatus("COMPLETE") is ClipStatus.COMPLETE
    by_name: dict[str, int] = {ClipStatus.COMPLETE: 1}
    assert by_name["COMPLETE"] == 1
    assert ClipStatus.COMPLETE.is_known


def test_unknown_is_a_member_of_the_service() -> None:
    """``UNKNOWN`` does not represent other values."""
    assert ClipStatus.UNKNOWN.is_known
    assert ClipStatus("NEW") != ClipStatus.UNKNOWN


@pytest.mark.parametrize("status", [ClipStatus.FAILED, ClipStatus("NEW")])
def test_members_can_be_pickled_copied_and_matched(status: ClipStatus) -> None:
    for other in (pickle.loads(pickle.dumps(status)), copy.deepcopy(status), copy.copy(status)):
        assert other == status
        assert other.is_known == status.is_known
    match status:
        case ClipStatus.FAILED:
            matched = "FAILED"
        case "NEW":
            matched = "NEW"
        case _:
            matched = "nothing"
    assert matched == status


def test_unknown_values_are_not_added_to_the_enum() -> None:
    ClipStatus("NEW")
    assert "NEW" not in list(ClipStatus)
    assert len(ClipStatus) == 8


def test_only_strings_have_members() -> None:
    with pytest.raises(ValueError, match="5 is not a valid ClipStatus"):
        ClipStatus(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("enum", OpenEnum.__subclasses__())
def test_name_of_every_member_is_its_value(enum: type[OpenEnum]) -> None:
    assert all(member.name == member.value for member in enum)
    assert HardwareVariation.CAMERA_R2_180 == "CAMERA_R2_180"
