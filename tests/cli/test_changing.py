"""The commands that share, rename and delete clips, and their confirmations."""

import json

import pytest

from tests.cli.test_command import invoke, json_lines, on_terminal

DASHED = "-hjV" + "A" * 18


@pytest.fixture
def fake(fake_elsewhere):
    fake_elsewhere.clips[0] |= {"uuid": DASHED, "title": "Before", "description": "Kept"}
    return fake_elsewhere


def uuids_of(fake):
    return [clip["uuid"] for clip in fake.clips]


def changes(fake):
    """Return the requests that change something."""
    return [request for request in fake.requests if "/get" not in request.path]


# --- renaming ------------------------------------------------------------------------------------


def test_rename_changes_only_the_given_fields(fake) -> None:
    result = invoke(fake, "rename", DASHED, "--title", "After\x1b")
    assert result.stdout == f"{DASHED}: changed the title to “After\ufffd”\n"
    clip = fake.clips[0]
    assert (clip["title"], clip["description"]) == ("After\x1b", "Kept")
    invoke(fake, "rename", DASHED, "--description", "")
    assert (clip["title"], clip["description"]) == ("After\x1b", "")


def test_rename_without_a_change_is_a_usage_error(fake) -> None:
    assert "pass NEW_TITLE or --description" in invoke(fake, "rename", DASHED, code=2).stderr
    assert fake.requests == []


def test_new_title_can_be_an_argument(fake) -> None:
    assert "“After”" in invoke(fake, "rename", DASHED, "After").stdout
    assert fake.clips[0]["title"] == "After"
    assert "not both" in invoke(fake, "rename", DASHED, "A", "--title", "B", code=2).stderr


def test_rename_of_an_unknown_clip_changes_nothing(fake) -> None:
    stderr = invoke(fake, "rename", "N" * 22, "--title", "x", code=1).stderr
    assert "there is no clip" in stderr
    assert changes(fake) == []


# --- deleting ------------------------------------------------------------------------------------


def test_delete_without_an_answer_deletes_nothing(fake) -> None:
    assert "--yes" in invoke(fake, "delete", DASHED, code=2, typed="").stderr
    assert changes(fake) == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_delete_reads_the_answer_from_a_pipe(answer: str, code: int, fake) -> None:
    invoke(fake, "delete", DASHED, code=code, typed=answer)
    assert (fake.clips[0]["uuid"] == DASHED) is bool(code)


def test_delete_with_yes_prints_what_it_deletes(fake) -> None:
    other = fake.clips[1]["uuid"]
    result = invoke(fake, "delete", DASHED, other, DASHED, "--yes")
    assert len(result.stdout.splitlines()) == 2
    assert result.stdout.startswith(f"Deleted {DASHED} “Before”\n")
    assert len(fake.clips) == 28
    assert not {DASHED, other} & set(uuids_of(fake))


def test_delete_of_an_unknown_clip_deletes_none(fake) -> None:
    invoke(fake, "delete", DASHED, "N" * 22, "--yes", code=1)
    assert changes(fake) == []
    assert DASHED in uuids_of(fake)


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 29), ("n", 1, 30), ("", 1, 30)])
def test_delete_shows_the_clip_and_asks_for_confirmation(fake, answer, code, left) -> None:
    fake.clips[0]["title"] = "[bold]\x1b[2J"
    ended, shown = on_terminal(fake, "delete", DASHED, answers=[("[y/N]", answer)])
    assert ended == code
    assert len(fake.clips) == left
    assert DASHED in shown.partition("Delete this clip permanently?")[0]
    assert "\x1b[2J" not in shown


# --- sharing -------------------------------------------------------------------------------------


def test_share_prints_the_url_and_how_to_delete_the_page(fake) -> None:
    result = invoke(fake, "share", DASHED, fake.clips[1]["uuid"], "--title", "Look")
    group = fake.shared_clip_groups[-1]
    assert result.stdout == f"https://share.example/clips/{group['uuid']}\n"
    assert f"unshare {group['uuid']}" in result.stderr
    assert (group["title"], len(group["sharedClips"]), group["isSecured"]) == ("Look", 2, False)
    assert group["expirationTimeSecs"] is None


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)]
)
def test_share_expires_after_the_given_time(fake, given, seconds) -> None:
    (link,) = json_lines(invoke(fake, "share", DASHED, "--expires", given, "--json"))
    group = fake.shared_clip_groups[-1]
    assert (link["uuid"], group["expirationTimeSecs"]) == (group["uuid"], seconds)


def test_share_reads_a_password_from_standard_input(fake) -> None:
    result = invoke(fake, "share", DASHED, "--password-stdin", typed="open sesame\nrest")
    sent = json.loads(changes(fake)[-1].body)
    assert sent["plaintextPassword"] == "open sesame"
    assert "sesame" not in result.output


def test_share_prompts_for_a_password_twice_without_echo(fake) -> None:
    answers = [("Password:", "sesame"), ("confirmation:", "sesame")]
    code, shown = on_terminal(fake, "share", DASHED, "--password", answers=answers)
    assert code == 0
    assert json.loads(changes(fake)[-1].body)["plaintextPassword"] == "sesame"
    assert "sesame" not in shown


@pytest.mark.parametrize(
    ("options", "typed", "words"),
    [
        (["--password"], "x\nx\n", "cannot prompt for a password"),
        (["--password-stdin"], "\n", "the password is empty"),
        (["--password", "--password-stdin"], "x\n", "not both"),
        (["--expires", "0"], "", "is not a duration"),
        (["--expires", "soon"], "", "is not a duration"),
        (["--expires", "99999d"], "", "expiration_time_secs"),
    ],
)
def test_share_with_invalid_options_is_a_usage_error(fake, options, typed, words) -> None:
    assert words in invoke(fake, "share", DASHED, *options, code=2, typed=typed).stderr
    assert fake.requests == []


def test_share_of_an_unknown_clip_prints_one_line(fake) -> None:
    stderr = invoke(fake, "share", "N" * 22, code=1).stderr
    assert "clip not found" in stderr
    assert stderr.count("\n") == 1


def test_unshare_deletes_the_page_after_confirmation(fake) -> None:
    group = fake.shared_clip_groups[0]
    group |= {"uuid": "-" + "G" * 21, "title": "For you"}
    assert "--yes" in invoke(fake, "unshare", group["uuid"], code=2).stderr
    assert group in fake.shared_clip_groups
    code, _ = on_terminal(fake, "unshare", group["uuid"], answers=[("[y/N]", "n")])
    assert code == 1
    assert group in fake.shared_clip_groups
    result = invoke(fake, "unshare", group["uuid"], "--yes")
    assert "Deleted the page “For you”" in result.stdout
    assert group not in fake.shared_clip_groups


def test_unshare_of_an_unknown_page_prints_one_line(fake) -> None:
    stderr = invoke(fake, "unshare", "N" * 22, "--yes", code=1).stderr
    assert "there is no shared clip group" in stderr
    assert stderr.count("\n") == 1
