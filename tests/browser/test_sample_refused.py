"""The sample, when a code or a request for one is refused: what the screen says, offers and puts the focus on."""

import re

from tests.browser.sample import answer_with, problem


def expect_only_a_new_email(app):
    """The code is dead: nothing asks for it any longer, and the next thing to press is the button for another."""
    app.expect("dead")
    assert app.page.locator("#code-form").is_hidden()
    assert app.focus() == "heading", "what had the focus is gone"
    app.page.keyboard.press("Tab")
    assert app.focus() == "resend"


def test_after_a_wrong_code_the_next_one_can_be_typed_at_once(app):
    app.ask()
    app.type_code(app.wrong_code())
    app.expect_notice("left")
    assert app.focus() == "code"
    assert app.page.locator("#code").get_attribute("aria-invalid") == "true"
    app.look("wrong-code")
    app.page.wait_for_timeout(2500)
    assert app.focus() == "code"
    app.tap("another")
    assert app.page.locator("#email").get_attribute("aria-invalid") == "false"


def test_when_no_guess_is_left_only_a_new_email_is_offered(app):
    app.ask()
    app.use_up()
    expect_only_a_new_email(app)
    app.expect("pause", "#pause")
    app.look("none-left")
    app.page.locator("#another").focus()
    app.page.wait_for_timeout(2500)
    assert app.focus() == "another", "what only counts down takes no focus"
    app.page.reload()
    app.expect("dead")
    assert app.page.locator("#code-form").is_hidden()


def test_a_code_that_died_elsewhere_is_not_asked_for_again(app, api):
    app.ask()
    for number in range(1, 6):
        api.verify_code(app.address, app.state()["challengeId"], app.wrong_code(number))
    app.type_code()
    app.expect_notice("expired")
    expect_only_a_new_email(app)
    app.look("expired")


def test_after_a_refused_proof_only_a_new_email_is_offered(app):
    app.ask()
    answer_with(app.page, "sign-up", "Unauthorized", kind="text/plain", status=401)
    app.type_code()
    app.expect_notice("refused")
    expect_only_a_new_email(app)
    app.look("refused")


def test_the_phones_clock_advises_but_the_service_decides(app):
    app.page.clock.install()
    app.page.reload()
    app.ask()
    app.page.clock.fast_forward("10:01")
    app.expect("should be over", "#expiry")
    assert app.focus() == "code", "somebody may be typing"
    app.look("should-be-over")
    app.type_code()
    app.expect("done")


def test_an_incomplete_code_costs_no_guess_and_stays_in_the_field(app):
    app.ask()
    app.type_code(app.code()[:5])
    app.expect_notice("incomplete")
    assert app.focus() == "code"
    app.look("incomplete-code")
    assert app.page.locator("#code").input_value() == app.code()[:5]
    app.type_code(f"{app.code()[:3]} {app.code()[3:]}")
    app.expect("done")


def test_a_dead_code_is_followed_by_another_once_the_pause_is_over(app):
    app.ask()
    code, id = app.code(), app.state()["challengeId"]
    app.use_up()
    # As if the phone's clock ran ahead of the service's.
    app.change_state("resendAt", 0)
    app.page.reload()
    app.tap("resend")
    app.page.locator("#notice:not(:empty)").wait_for()
    assert app.state()["notice"]["kind"] == "wait"
    assert app.page.locator("#resend").get_attribute("aria-disabled") == "true"
    assert not re.search(r"\d", app.page.locator("#notice").inner_text()), "one line alone says how long"
    app.expect("pause", "#pause")
    app.look("wait")
    app.page.locator("#resend[aria-disabled=false]").wait_for(timeout=35_000)
    app.tap("resend")
    app.expect("code")
    assert app.focus() == "code"
    app.mailed = 2
    assert app.code() != code
    app.type_code()
    app.expect("done")
    assert app.claims()["challenge_id"] == id


def test_a_resend_brings_the_same_code_once_the_pause_is_over(app):
    app.ask()
    code = app.code()
    app.page.locator("#resend").click(force=True)
    assert app.sent("request-code") == 1, "the button waits for the pause"
    # ResendPauseSeconds of this stack is 30.
    app.page.locator("#resend[aria-disabled=false]").wait_for(timeout=35_000)
    app.look("may-resend")
    app.tap("resend")
    app.mailed = 2
    assert app.code() == code
    app.type_code(code)
    app.expect("done")


def test_a_sick_ses_and_a_days_cap_say_when_to_come_back(app):
    answer_with(app.page, "request-code", problem("mail-unavailable", retry_after=5), status=503)
    app.type_address()
    app.expect_notice("sick")
    app.look("mail-unavailable")
    sent = app.state()["challengeId"]
    answer_with(app.page, "request-code", problem("too-many-requests", retry_after=36_000), status=429)
    app.tap("send")
    app.expect_notice("cap")
    # The hour, behind the day's name if it is tomorrow.
    assert re.search(r" \d+:\d\d", app.page.locator("#notice").inner_text())
    assert "(" not in app.page.locator("#notice").inner_text()
    app.look("days-cap")
    app.tap("send")
    app.expect("code")
    assert app.state()["challengeId"] == sent, "every retry carried the same id"


def test_a_days_limit_may_follow_the_pause(app):
    app.ask()
    app.change_state("resendAt", 0)
    app.page.reload()
    answer_with(app.page, "request-code", problem("too-many-requests", retry_after=36_000), status=429)
    app.tap("resend")
    app.expect("day", "#pause")
    assert app.page.locator("#resend").get_attribute("aria-disabled") == "true"
    app.look("days-cap-of-a-resend")
    app.type_code()
    app.expect("done")
