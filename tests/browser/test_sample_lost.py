"""The sample, when the connection is lost, the app is closed, or a button is tapped twice."""

import pytest

from tests.browser.sample import answer_with, hold, lose

PATHS = ("request-code", "verify-code", "sign-up")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("before", [True, False], ids=["request lost", "response lost"])
def test_a_lost_connection_costs_nothing(app, path, before):
    lose(app.page, path, before)
    app.type_address()
    if path == "request-code":
        app.expect_notice("no connection")
        app.look("no-connection")
        app.tap("send")
    app.expect("code")
    app.expect_one_mail()
    app.type_code()
    if path == "verify-code":
        app.expect_notice("no connection")
        assert app.page.locator("#code").input_value() == app.code(), "what was typed is still there"
        app.tap("verify")
    if path == "sign-up":
        app.expect_notice("no connection")
        app.look("proof")
        app.tap("retry")
    # A backend that has created the account says so to the repeat.
    app.expect("exists" if path == "sign-up" and not before else "done")
    app.expect_one_mail()


def wait_until(app, condition):
    for _ in range(200):
        if condition():
            return
        app.page.wait_for_timeout(50)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize("path", ["verify-code", "sign-up"])
def test_a_reload_while_a_request_is_under_way_repeats_it(app, path):
    arrived = hold(app.page, path)
    app.ask()
    app.type_code()
    wait_until(app, lambda: arrived)
    app.look(f"sending-{path}")
    app.page.reload()
    app.expect("exists" if path == "sign-up" else "done")


def test_a_reload_asks_for_no_email_but_the_next_tap_repeats_the_request(app):
    arrived = hold(app.page, "request-code")
    app.type_address()
    wait_until(app, lambda: arrived)
    app.look("sending-request-code")
    app.page.reload()
    app.page.locator("#send[aria-disabled=false]").wait_for()
    assert app.sent("request-code") == 1
    app.tap("send")
    app.expect("code")
    app.expect_one_mail()
    app.type_code()
    app.expect("done")


def test_a_reload_between_requests_changes_nothing(app):
    app.fill("email", app.address)
    app.page.reload()
    app.ask()
    app.ask_no_more()
    app.expect("code")
    before = app.state()
    app.page.reload()
    app.expect("code")
    assert app.state() == before
    app.type_code()
    app.expect("done")
    app.page.reload()
    app.expect("done")
    assert (app.sent("request-code"), app.sent("verify-code"), app.sent("sign-up")) == (1, 1, 1)


def test_double_taps_send_one_request(app):
    app.fill("email", app.address)
    app.page.locator("#send").dblclick()
    app.expect("code")
    app.ask_no_more()
    app.fill("code", app.code())
    app.page.locator("#verify").dblclick()
    app.expect("done")
    assert (app.sent("request-code"), app.sent("verify-code"), app.sent("sign-up")) == (1, 1, 1)
    app.expect_one_mail()


def test_a_hotspots_login_page_is_no_connection(app):
    for body, kind in (("<html>", "text/html"), ('{"login": true}', "application/json"), ("null", "application/json")):
        answer_with(app.page, "request-code", body, kind)
        app.type_address()
        app.expect_notice("no connection")
    app.ask()
