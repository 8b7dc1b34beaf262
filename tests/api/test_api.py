"""The API as an app sees it. Speaks only HTTP, so that it can be pointed at any stack."""

import re
import time
import uuid

from tests.api.test_proof import claims

UNKNOWN = str(uuid.uuid4())


def wrong_codes(code):
    """Codes that are wrong."""
    return [f"{number:0{len(code)}}" for number in range(9) if number != int(code)]


def test_a_korean_mail_is_requested_and_its_code_accepted_once(api, inbox, address):
    asked = api.request_code(address, locale="ko")
    assert asked.status == 202
    assert asked.headers["cache-control"] == "no-store"
    assert sorted(asked.body) == ["challenge_id", "expires_in", "resend_in"]
    (mail,) = inbox.mails(address)
    code = inbox.code(address)
    assert mail["subject"].startswith("[") and mail["subject"].endswith(f"] 인증번호 {code}")
    assert mail["plain"].startswith(code) and code in mail["html"]
    right = api.verify_code(address, asked.body["challenge_id"], code)
    assert (right.status, right.body["email"]) == (200, address)
    again = api.verify_code(address, asked.body["challenge_id"], code)
    assert (again.status, again.body["token"]) == (200, right.body["token"])
    other = api.verify_code(address, asked.body["challenge_id"], wrong_codes(code)[0])
    assert other.problem() == "401 code-expired"


def test_the_language_may_come_from_the_header(api, inbox, address):
    assert api.post("request-code", {"email": address}, accept_language="ko-KR,ko;q=0.9").status == 202
    assert "인증번호" in inbox.mails(address)[0]["subject"]


def test_wrong_codes_count_down_until_the_right_one_is_too_late(api, inbox, address):
    id = api.request_code(address).body["challenge_id"]
    code = inbox.code(address)
    for left, wrong in zip((4, 3, 2, 1, 0), wrong_codes(code), strict=False):
        response = api.verify_code(address, id, wrong)
        assert (response.problem(), response.body["guesses_left"]) == ("401 invalid-code", left)
    assert api.verify_code(address, id, code).problem() == "401 code-expired"


def test_a_repeat_mails_nothing_and_a_request_without_its_id_has_to_wait(api, inbox, address):
    own_id = str(uuid.uuid4())
    assert api.request_code(address, challenge_id=own_id.upper()).body["challenge_id"] == own_id
    repeat = api.request_code(address, challenge_id=own_id)
    assert (repeat.status, repeat.body["challenge_id"]) == (202, own_id)
    refused = api.request_code(address)
    assert refused.problem() == "429 too-many-requests"
    assert refused.body["limit"] == "pause"
    assert 0 < refused.body["retry_after"] <= 60
    assert refused.headers["retry-after"] == str(refused.body["retry_after"])
    assert len(inbox.mails(address)) == 1


def test_one_id_resumes_what_is_live_and_opens_what_is_dead_anew(api, inbox, address):
    id, other = str(uuid.uuid4()), f"other-{address}"
    api.request_code(other, challenge_id=id)
    asked = api.request_code(address, challenge_id=id).body
    code, dead = inbox.code(address), inbox.code(other)
    assert api.verify_code(address, id, wrong_codes(code)[0]).body["guesses_left"] == 4
    for wrong in wrong_codes(dead)[:5]:
        api.verify_code(other, id, wrong)
    assert api.request_code(other, challenge_id=id).problem() == "429 too-many-requests"
    time.sleep(asked["resend_in"] + 1)

    resent = api.request_code(address, challenge_id=id)
    assert (resent.status, resent.body["challenge_id"]) == (202, id)
    assert resent.body["expires_in"] < asked["expires_in"]
    assert inbox.code(address, count=2) == code
    assert api.verify_code(address, id, wrong_codes(code)[1]).body["guesses_left"] == 3
    assert api.verify_code(address, id, code).status == 200

    anew = api.request_code(other, challenge_id=id)
    assert (anew.status, anew.body) == (202, asked)
    fresh = inbox.code(other, count=2)
    assert fresh != dead
    assert api.verify_code(other, id, dead).body["guesses_left"] == 4
    assert api.verify_code(other, id, fresh).status == 200


def test_a_code_for_one_purpose_is_none_for_another(api, inbox, address):
    id = api.request_code(address, purpose="change-email").body["challenge_id"]
    code = inbox.code(address)
    for purpose in ({}, {"purpose": "sign-in"}):
        assert api.verify_code(address, id, code, **purpose).problem() == "401 code-expired"
    assert api.verify_code(address, id, code, purpose="change-email").status == 200


def test_an_address_is_normalised(api, inbox, address):
    id = api.request_code(f" {address.upper()} ").body["challenge_id"]
    assert api.verify_code(address.title(), id, inbox.code(address)).body["email"] == address


def test_a_code_is_forgiven_its_spaces_and_full_width_digits(api, inbox, address):
    id = api.request_code(address).body["challenge_id"]
    code = inbox.code(address)
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert api.verify_code(address, id, f" {full_width[:3]} - {full_width[3:]} ").status == 200


def test_an_unknown_challenge_is_expired(api, address):
    assert api.verify_code(address, UNKNOWN, "123456").problem() == "401 code-expired"


def test_malformed_requests_name_their_field(api, address):
    for path, body, detail in (
        ("request-code", b"{", "the body must be JSON in UTF-8, without a byte order mark"),
        ("request-code", b"[]", "the body must be a JSON object"),
        ("request-code", {}, "email is missing; it must be a string"),
        ("request-code", {"email": 1}, "email must be a string"),
        (
            "request-code",
            {"email": address, "challenge_id": "1"},
            "challenge_id must be a UUID, such as 7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e",
        ),
        ("verify-code", {"email": address, "code": "123456"}, "challenge_id is missing; it must be a string"),
    ):
        response = api.post(path, body)
        assert (response.problem(), response.body["detail"]) == ("400 malformed-request", detail)


def test_other_bad_input_has_its_own_problem(api):
    typed = api.verify_code("kim@example.com", UNKNOWN, "12345")
    assert (typed.problem(), typed.body["detail"]) == ("400 malformed-code", "code must have 6 digits")
    for path in ("request-code", "verify-code"):
        form = api.post(path, b"email=kim%40example.com", content_type="application/x-www-form-urlencoded")
        assert form.problem() == "415 unsupported-media-type"
        assert api.post(path, {"email": "kim@localhost"}).problem() == "422 invalid-email"


def test_odd_headers_are_survived(api):
    for headers in ({"x_forwarded_proto": "!!"}, {"accept_language": "ko;q=nan"}, {"x_forwarded_for": "' OR 1"}):
        assert api.post("verify-code", {}, **headers).problem() == "400 malformed-request"


def test_the_link_of_the_email_verifies_by_its_button_alone(api, inbox, address):
    asked = api.request_code(address, locale="ko")
    (mail,) = inbox.mails(address)
    link = re.search(r"/verify\?link=(\S+)", mail["plain"])
    if link is None:  # VerificationLink is off.
        assert api.get("verify?link=a").status == 404
        return
    for _ in range(20):
        page = api.get(f"verify?link={link[1]}")
        assert (page.status, page.headers["cache-control"]) == (200, "no-store")
        assert address not in page.text and f"{address[0]}•••@example.com" in page.text
    cut = api.get(f"verify?link={link[1][:-1]}")
    assert (cut.status, cut.headers["content-type"]) == (400, "text/html; charset=utf-8")
    form = f"link={link[1]}".encode()
    pressed = api.post("verify", form, content_type="application/x-www-form-urlencoded")
    assert (pressed.status, "인증되었습니다" in pressed.text) == (200, True)
    handed_in = api.post("verify-code", {"link": link[1]})
    typed = api.verify_code(address, asked.body["challenge_id"], inbox.code(address))
    assert (handed_in.status, typed.status) == (200, 200)
    assert claims(handed_in.body["token"])["jti"] == claims(typed.body["token"])["jti"]
