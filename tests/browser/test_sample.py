"""The sample sign-up, from the address to the account."""

import json
import time


def test_an_address_is_verified_and_the_backend_checks_the_proof(app):
    app.look("email")
    app.ask()
    assert app.focus() == "code"
    app.look("code")
    app.type_code()
    app.expect("done")
    app.tap("proof-label")
    claims = app.claims()
    assert (claims["email"], claims["email_verified"]) == (app.address, True)
    assert app.state()["token"] == "", "the proof is not kept once it is used"
    app.look("done")
    panel, inbox = (app.page.locator(place).bounding_box() for place in ("#proof", "#inbox"))
    assert inbox["y"] - (panel["y"] + panel["height"]) >= 24, "the inbox belongs to the machine, not to the proof"


def test_the_next_sign_up_shows_nothing_of_the_one_before(app):
    app.ask()
    app.type_code()
    app.expect("done")
    app.tap("proof-label")
    app.tap("another")
    assert app.page.locator("#email").input_value() == ""
    assert app.page.locator("#claims").text_content() == ""
    assert app.address not in app.page.content() and app.address not in json.dumps(app.state())
    assert app.focus() == "email"
    app.look("start-again")
    app.address = f"next-{app.address}"
    app.ask()
    assert app.page.locator("#code").input_value() == ""
    app.type_code()
    app.expect("done")
    assert app.page.locator("#claims").is_hidden(), "the panel is closed again"
    assert app.claims()["email"] == app.address


def test_digits_that_were_never_sent_do_not_wait_for_the_next_code(app):
    app.ask()
    app.fill("code", "123")
    app.tap("another")
    app.address = f"other-{app.address}"
    app.ask()
    assert app.page.locator("#code").input_value() == ""


def test_the_second_sign_up_with_an_address_is_told_so(app, context, app_url):
    app.ask()
    app.type_code()
    app.expect("done")
    app.tap("another")
    # The mailbox is in its pause.
    time.sleep(30)
    app.type_address()
    app.expect("code")
    app.mailed = 2
    app.type_code()
    app.expect("exists")
    assert app.state()["token"] != "", "a backend that logs in by proof would take it"
    app.look("exists")
    id = app.state()["challengeId"]
    app.tap("another")
    assert app.state()["token"] == ""
    app.type_address(f"next-{app.address}")
    app.expect("code")
    assert app.state()["challengeId"] != id, "the next sign-up has an id of its own"


def test_another_address_gets_a_code_of_its_own_under_the_same_id(app):
    app.ask()
    id = app.state()["challengeId"]
    app.tap("another")
    app.address = f"other-{app.address}"
    app.ask()
    assert app.state()["challengeId"] == id
    app.type_code()
    app.expect("done")


def test_whoever_corrects_an_address_and_comes_back_keeps_its_code(app):
    app.ask()
    address = app.address
    app.tap("another")
    app.address = f"other-{address}"
    app.ask()
    app.tap("another")
    app.address = address
    app.type_address(f" {address.upper()} ")
    app.expect("code")
    app.expect_one_mail()
    app.type_code()
    app.expect("done")


def test_the_language_can_be_chosen(app):
    app.tap("language")
    app.language = "ko" if app.language == "en" else "en"
    app.ask()
    app.page.reload()
    app.expect("code")
    (mail,) = app.inbox.mails(app.address)
    assert ("인증번호" in mail["subject"]) == (app.language == "ko")
