"""What people type and paste into the sample."""

import pytest


def full_width(text):
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def digits_from(zero, code):
    """The code in the digits of a script, of which this is the zero."""
    return "".join(chr(ord(zero) + int(digit)) for digit in code)


def shop(address):
    """The address at a shop whose name has two hyphens."""
    return address.replace("@", "@my--shop.")


# The language of the screen makes no difference to these.
@pytest.mark.parametrize("language", ["ko"])
@pytest.mark.parametrize(
    ("as_address", "as_code"),
    [
        ("\u200b{}\ufeff".format, "Your code is {}".format),
        ("\u202a{}\u202c\u2060".format, lambda code: digits_from("\u0660", code)),
        ("\u200f{}\u202b".format, "\u202a{}\u202c".format),
        (lambda address: address.replace("@", "\uff20"), "[예시 앱] 인증번호 {}".format),
        (full_width, lambda code: digits_from("\u06f0", code)),
        ("mailto:{}".format, "#{}".format),
        ("Kim <{}>".format, "인증번호는 {}입니다.".format),
        ("{}.".format, "{}.".format),
        (shop, lambda code: f"{code[:3]}-{code[3:]}"),
        (str.upper, full_width),
        (" {}\u3000".format, lambda code: f" {code[:3]} {code[3:]} "),
        (str, lambda code: f"{code[:3]}\u30fc{full_width(code[3:])}"),
    ],
    ids=[
        "zero width, sentence",
        "direction, Arabic digits",
        "other direction, direction around the code",
        "full-width at, Korean subject",
        "full width, Persian digits",
        "mailto, number sign",
        "name, Korean sentence",
        "last dot, last dot",
        "two hyphens, hyphen",
        "capitals, full width",
        "spaces, spaces",
        "long dash",
    ],
)
def test_what_people_type_and_paste_is_taken(app, as_address, as_code):
    typed = as_address(app.address)
    if as_address == shop:
        app.address = typed
    app.type_address(typed)
    app.expect("code")
    app.type_code(as_code(app.code()))
    app.expect("done")
    assert app.claims()["email"] == app.address


@pytest.mark.parametrize("language", ["ko"])
def test_what_cannot_be_mailed_is_refused_at_once(app):
    for typed in (
        "kim@gmail.c",
        "kim@example.invalid",
        "kim@mail.localhost",
        "kim@example.test",
        "kim@exam\u200bple.com",
        "k\ufeffim@example.com",
        "kim\u2060@example.com",
        "kim@example.com, lee@example.com",
        "kim",
    ):
        with app.page.expect_response("**/request-code") as answer:
            app.type_address(typed)
        assert answer.value.status == 422, typed
        app.expect_notice("invalid")
        assert app.page.locator("#email").input_value() == typed, "what was typed can be corrected"
        assert app.focus() == "email"


def test_what_is_no_address_is_said_at_once(app):
    app.type_address("kim@")
    app.expect_notice("invalid")
    assert app.focus() == "email"
    assert app.page.locator("#email").get_attribute("aria-invalid") == "true"
    app.look("invalid-email")


def test_a_mistyped_domain_gets_a_hint_and_is_never_corrected(app):
    app.fill("email", "kim@navr.com")
    app.expect("hint", "#hint")
    app.look("hint")
    assert app.page.locator("#email").input_value() == "kim@navr.com"
    app.tap("hint")
    assert app.page.locator("#email").input_value() == "kim@naver.com"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kim@naver.con", "kim@naver.com"),
        ("kim@gmial.com", "kim@gmail.com"),
        ("Kim@Gmaill.com ", "kim@gmail.com"),
        ("kim@daum.com", "kim@daum.net"),
        ("kim@kakao.com", None),
        ("kim@example.com", None),
        ("kim@kakaocorp.com", None),
        ("kim", None),
        ("kim@", None),
        ("a@b@navr.com", None),
    ],
)
def test_hints(browser, app_url, typed, meant):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(app_url)
        assert page.evaluate("async (typed) => (await import('/hint.ts')).hint(typed)", typed) == meant
