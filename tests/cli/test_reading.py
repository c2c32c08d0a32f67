"""The commands that list, show and count clips."""

import json

import pytest

from rhombus_clips.testing.faults import json_answer
from tests.cli.test_command import invoke, json_lines, on_terminal

FILTERS = {
    "--device": ("-" + "d" * 21, "deviceUuidFilters", ["-" + "d" * 21]),
    "--location": ("here", "locationUuidFilters", ["here"]),
    "--search": ("dock", "searchFilter", "dock"),
    "--sort-field": ("timestamp", "sortField", "timestamp"),
    "--sort-order": ("asc", "sortOrder", "asc"),
    "--time-field": ("timestamp", "timestampFilterField", "timestamp"),
    "--after": ("1970-01-01T00:00:01Z", "timestampMsAfter", 1000),
    "--before": ("2000", "timestampMsBefore", 2000),
    "--page-size": ("7", "pageSize", 7),
}


@pytest.mark.parametrize(
    ("command", "endpoint"),
    [("clips", "getClipsWithProgress"), ("expiring", "getExpiringClipsForOrg")],
)
def test_every_filter_reaches_the_service(fake_elsewhere, command, endpoint) -> None:
    given = [word for option, (value, _, _) in FILTERS.items() for word in (option, value)]
    invoke(fake_elsewhere, command, *given, "--private", "--no-monitoring")
    request = fake_elsewhere.requests[-1]
    expected = {name: value for _, name, value in FILTERS.values()}
    expected |= {"filterByPrivate": True, "excludeAlertMonitoringClips": True}
    assert request.path == f"/api/event/{endpoint}"
    sent = json.loads(request.body)
    assert {name: sent.get(name) for name in expected} == expected


def test_omitted_filters_are_not_sent(fake_elsewhere) -> None:
    assert len(json_lines(invoke(fake_elsewhere, "clips", "--json"))) == 30
    assert set(json.loads(fake_elsewhere.requests[-1].body)) <= {"pageSize", "pageToken"}


def test_repeated_devices_are_all_sent(fake_elsewhere) -> None:
    invoke(fake_elsewhere, "clips", "--device", "a", "--device", "b")
    assert json.loads(fake_elsewhere.requests[-1].body)["deviceUuidFilters"] == ["a", "b"]


def test_clips_include_unfinished_ones(fake_elsewhere) -> None:
    fake_elsewhere.start_render(seconds=60)
    shown = invoke(fake_elsewhere, "clips", "--limit", "2").stdout
    assert "INITIATING" in shown or "UPLOADING" in shown
    assert "Waiting for the camera" in shown or "Uploading footage" in shown
    assert len(shown.splitlines()) == 2 + 4


def test_details_show_fields_and_detections(fake_elsewhere) -> None:
    clip = fake_elsewhere.clips[0]
    (printed,) = json_lines(invoke(fake_elsewhere, "details", clip["uuid"], "--json"))
    shown = invoke(fake_elsewhere, "details", clip["uuid"]).stdout
    assert printed["uuid"] == clip["uuid"]
    fields = (clip["uuid"], clip["title"], f"{clip['byteCount']:,} bytes", clip["deviceUuid"])
    assert all(field in shown for field in fields)
    points = [point for point in printed["seekPoints"] if point]
    assert points
    seconds = sorted(point["relativeSecond"] for point in points)
    table = shown.partition("Second")[2].splitlines()[2 : 2 + len(points)]
    assert [float(line.split("│")[1]) for line in table] == seconds


def test_details_of_an_unknown_clip_print_one_line(fake_elsewhere) -> None:
    result = invoke(fake_elsewhere, "details", "--" + "A" * 20, code=1)
    assert result.stderr.endswith(f"there is no clip --{'A' * 20}\n")
    assert result.stderr.count("\n") == 1


def test_count_prints_totals(fake_elsewhere) -> None:
    (counted,) = json_lines(invoke(fake_elsewhere, "count", "--json"))
    assert counted["count"] == 30
    line = f"30 clips, {counted['privateCount']} private\n"
    assert invoke(fake_elsewhere, "count").stdout == line
    middle = str(fake_elsewhere.clips[9]["timestampMs"])
    assert invoke(fake_elsewhere, "count", "--start", middle).stdout.startswith("10 clips")
    device = fake_elsewhere.clips[0]["deviceUuid"]
    (of_device,) = json_lines(invoke(fake_elsewhere, "count", "--device", device, "--json"))
    matching = [clip for clip in fake_elsewhere.clips if clip["deviceUuid"] == device]
    assert of_device["count"] == len(matching)


def test_unknown_option_is_not_taken_for_a_uuid(fake_elsewhere) -> None:
    result = invoke(fake_elsewhere, "details", "--jsn", code=2)
    assert "'--jsn' is neither an option nor a uuid" in result.stderr
    assert fake_elsewhere.requests == []


def test_option_after_a_uuid_with_a_dash_is_an_option(fake_elsewhere) -> None:
    fake_elsewhere.clips[0]["uuid"] = uuid = "-hjV" + "A" * 18
    (clip,) = json_lines(invoke(fake_elsewhere, "details", uuid, "--json"))
    assert clip["uuid"] == uuid


def test_control_characters_of_a_title_do_not_reach_the_terminal(fake_elsewhere) -> None:
    fake_elsewhere.clips[0]["title"] = "\x1b[2J[bold]x[/bold]"
    code, shown = on_terminal(fake_elsewhere, "clips", "--limit", "1")
    assert code == 0
    assert "\x1b[2J" not in shown
    assert "\ufffd[2J[bold]x" in shown


def test_error_of_the_service_is_one_line_without_control_characters(fake_elsewhere) -> None:
    refusal = json_answer(200, {"error": True, "errorMsg": "no\x1b[2J\nway"})
    fake_elsewhere.faults.append(refusal)
    stderr = invoke(fake_elsewhere, "count", code=1).stderr
    assert "\x1b" not in stderr
    assert stderr.count("\n") == 1
    assert "no\ufffd[2J way" in stderr


def test_warning_of_the_service_is_one_line_without_control_characters(fake_elsewhere) -> None:
    fake_elsewhere.warning_msg = "soon\x1b[2J"
    code, shown = on_terminal(fake_elsewhere, "count")
    assert code == 0
    assert "soon\ufffd[2J" in shown
    assert "\x1b" not in shown
