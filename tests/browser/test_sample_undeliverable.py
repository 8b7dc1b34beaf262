"""The sample, when the email does not arrive. local/bounces.py says so two seconds after an email to an address that
begins with `bounce`, `full` or `content`.
"""

import time

import pytest

from tests.browser.sample import answer_with, lose, problem


def ask_at(app, start):
    """Requests a code for an address that begins so."""
    app.address = f"{start}-{app.address}"
    app.ask()


def expect_told(app, reason, capsys):
    """What the live region says. Prints how long it took."""
    began = time.monotonic()
    app.expect_notice(reason)
    with capsys.disabled():
        print(f"\n{reason} ({app.language}): told {time.monotonic() - began:.1f} s after the 202")
    assert app.page.locator("#notice").get_attribute("role") == "alert"
    assert app.page.locator("#sent").is_hidden(), "nothing else says that a code was sent"
    assert app.page.locator("#code").is_visible()


def test_a_mistyped_address_is_told_within_seconds_and_corrected(app, capsys):
    good = app.address
    ask_at(app, "bounce")
    id = app.state()["challengeId"]
    app.fill("code", "12")
    expect_told(app, "mailbox", capsys)
    app.expect("mistyped")
    assert app.address in app.page.locator("#notice").inner_text()
    assert (app.focus(), app.page.locator("#code").input_value()) == ("code", "12"), "somebody may be typing"
    assert app.page.locator("#another").is_hidden(), "one button leads back"
    app.look("undeliverable-mailbox")
    taps, filled = app.taps, app.filled
    app.tap("correct")
    assert (app.focus(), app.page.locator("#email").input_value()) == ("email", app.address)
    assert app.page.locator("#notice").inner_text() == ""
    app.type_address(good)
    app.expect("code")
    app.address = good
    # To the button, and to send it; and one field is edited.
    assert (app.taps - taps, app.filled - filled) == (2, 1)
    app.type_code()
    app.expect("done")
    with capsys.disabled():
        print(f"\nsign-up with a mistyped address: {app.taps} taps, {app.filled - 1} fields")
    assert (app.taps, app.filled - 1) == (4, 3), "without the typo: 2 taps, 2 fields"
    assert (app.claims()["email"], app.claims()["challenge_id"]) == (good, id)


@pytest.mark.parametrize(("start", "reason"), [("full", "temporary"), ("content", "content")])
def test_where_the_email_may_have_arrived_the_code_still_works(app, capsys, start, reason):
    ask_at(app, start)
    expect_told(app, reason, capsys)
    app.expect("code")
    app.look(f"undeliverable-{reason}")
    app.expect("pause", "#pause")
    app.type_code(app.wrong_code())
    app.expect_notice("wrong")
    app.expect_notice(reason)
    assert app.page.locator("#code").get_attribute("aria-invalid") == "true"
    assert (app.focus(), app.page.locator("#code").input_value()) == ("code", "")
    app.look(f"undeliverable-{reason}-wrong-code")
    app.type_code()
    app.expect("done")


# The language of the screen makes no difference to these.
in_one_language = pytest.mark.parametrize("language", ["ko"])


@pytest.fixture
def hurry(app):
    """Lets the app's clock run ahead, until so many questions are left."""
    app.page.clock.install()
    app.page.reload()

    def hurry(left):
        for _ in range(30):
            if len(app.state()["askAt"]) == left:
                return
            app.page.clock.run_for(1000)
        raise AssertionError(app.state())

    return hurry


def expect_silence(app, questions, said=""):
    """After this many questions, and however long the app waits, nobody asks or is told."""
    app.page.clock.run_for(25_000)
    app.page.wait_for_timeout(500)
    assert app.sent("request-code") == 1 + questions
    assert app.page.locator("#notice").inner_text() == said


def late_answer(app):
    """Has a question answered only when its result is called: the email did not arrive."""
    held = []

    def keep(route):
        held.append(route)

    app.page.route("**/request-code", keep, times=1)
    headers = {"access-control-allow-origin": "*"}
    body = problem("undeliverable", reason="mailbox")
    kind = "application/problem+json"
    return lambda: held[0].fulfill(status=422, body=body, content_type=kind, headers=headers)


@in_one_language
def test_of_an_email_that_arrives_nothing_is_told(app, hurry):
    app.ask()
    before = app.state()
    hurry(0)
    expect_silence(app, questions=3)
    assert app.state() == before | {"askAt": []}, "a 202 of a question changes no time"
    app.expect_one_mail()
    app.type_code()
    app.expect("done")


@in_one_language
def test_a_question_that_fails_shows_nothing(app, hurry):
    app.ask()
    answer_with(app.page, "request-code", problem("too-many-requests", retry_after=36_000), status=429)
    hurry(2)
    answer_with(app.page, "request-code", problem("mail-unavailable", retry_after=5), status=503)
    hurry(1)
    lose(app.page, "request-code", before=True)
    hurry(0)
    expect_silence(app, questions=3)
    app.type_code()
    app.expect("done")


@in_one_language
@pytest.mark.parametrize("act", ["leaves", "submits"])
def test_once_the_person_has_gone_on_nobody_asks_and_a_late_answer_is_dropped(app, hurry, act):
    app.ask()
    answer = late_answer(app)
    hurry(2)
    if act == "leaves":
        app.tap("another")
    else:
        app.type_code("12")
        app.expect_notice("incomplete")
    said = app.page.locator("#notice").inner_text()
    answer()
    expect_silence(app, questions=1, said=said)


@in_one_language
def test_a_reload_asks_once_for_what_is_overdue(app, hurry):
    app.ask()
    app.change_state("askAt", [at - 60_000 for at in app.state()["askAt"]])
    app.page.reload()
    hurry(0)
    expect_silence(app, questions=1)


@in_one_language
def test_a_question_that_might_cause_another_email_is_not_asked(app, hurry):
    app.ask()
    state = app.state()
    assert state["askUntil"] <= state["resendAt"] - 8_000
    app.change_state("askUntil", state["askAt"][0])
    app.page.reload()
    expect_silence(app, questions=0)


@in_one_language
def test_a_reason_that_the_app_does_not_know_is_told_with_care(app, hurry):
    app.ask()
    answer_with(app.page, "request-code", problem("undeliverable", reason="weather"), status=422)
    hurry(2)
    app.expect_notice("temporary")
    app.type_code()
    app.expect("done")


@in_one_language
def test_whoever_comes_back_to_the_address_is_told_at_once(app, capsys):
    ask_at(app, "bounce")
    expect_told(app, "mailbox", capsys)
    app.tap("correct")
    app.type_address()
    app.expect_notice("mailbox")
    app.type_code()
    app.expect("done")


@in_one_language
def test_a_new_email_is_asked_about_as_well(app, hurry):
    app.ask()
    app.change_state("resendAt", 0)
    app.page.reload()
    answer_with(app.page, "request-code", '{"expires_in": 600, "resend_in": 30}', "application/json", 202)
    app.tap("resend")
    app.page.wait_for_function("JSON.parse(localStorage.getItem('sign-up')).askAt.length === 3")
    answer_with(app.page, "request-code", problem("undeliverable", reason="temporary"), status=422)
    hurry(2)
    app.expect_notice("temporary")
