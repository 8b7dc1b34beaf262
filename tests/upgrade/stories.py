"""What can be under way while a stack is updated, a story each.

A story begins under one version and ends under another: it is a generator, and its `yield` is the update.
local/upgrade.py tells all of them at once, and prints the first line of each.
"""

import itertools
import re
import time
import uuid

import jwt

from tests.api.test_proof import claims, header, wait_until

TEST_DOMAIN, TEST_CODE = "test.example.com", "424242"
# The parameters by which the stories count.
RESEND_PAUSE, MAX_GUESSES, MAILS_PER_SOURCE, FIRST_MAILS, UNVERIFIED = 60, 5, 2, 4, 3
# Seconds for which a right code may be repeated, and a few for clocks.
REPEATABLE_FOR = 60 + 2
KEY_SET = ".well-known/jwks.json"
ADDRESSES = itertools.count(1)


class Person:
    """Somebody with a mailbox and an IP address, which the app's backend names as a trusted caller."""

    def __init__(self, stack, email=None):
        self.stack = stack
        self.email = email or f"{uuid.uuid4().hex}@example.com"
        number = next(ADDRESSES)
        self.headers = stack.trusted | {"person_address": f"198.18.{number // 250}.{number % 250 + 1}"}
        self.id = None

    def request(self, email=None, **members):
        """The response to one request for a code."""
        return self.stack.api.post("request-code", {"email": email or self.email} | members, **self.headers)

    def ask(self, **members):
        """Gets a code, and keeps its challenge's id."""
        response = self.request(**members)
        expect(response, "202")
        self.id = response.body["challenge_id"]
        return self

    def code(self, mails=1):
        """The code of the newest of so many emails."""
        return self.stack.inbox.code(self.email, mails)

    def link(self):
        (mail,) = self.stack.inbox.mails(self.email)
        return re.search(r"/verify\?link=(\S+)", mail["plain"])[1]

    def type(self, code, **members):
        return self.stack.api.verify_code(self.email, self.id, code, **members)

    def prove(self):
        """Gets a code and types it. Returns the proof."""
        response = self.ask().type(self.code())
        expect(response, "200")
        return response.body["token"]


def said(response):
    """A response in a few words, such as `429 too-many-requests mailbox`."""
    if response.status < 400 or response.body is None or "type" not in response.body:
        return str(response.status)
    return " ".join([response.problem(), *([response.body["limit"]] if "limit" in response.body else [])])


def expect(response, words):
    assert said(response) == words, f"Expected {words}, got {said(response)}."


def expect_wrong(response, guesses_left):
    expect(response, "401 invalid-code")
    left = response.body["guesses_left"]
    assert left == guesses_left, f"Expected {guesses_left} guesses left, got {left}."


def wrong(code):
    """As many wrong codes as there are guesses."""
    return [f"{number:0{len(code)}}" for number in range(MAX_GUESSES + 1) if number != int(code)][:MAX_GUESSES]


def verify_signature(stack, token):
    """Checks a proof as a backend does, by the keys that are published now."""
    keys = {key["kid"]: key for key in stack.api.get(KEY_SET).body["keys"]}
    kid = header(token)["kid"]
    assert kid in keys, "Its key is not published."
    jwt.decode(token, jwt.PyJWK(keys[kid]), algorithms=["ES256"], audience=claims(token)["aud"])


def a_code(stack):
    """A code that was mailed before is right."""
    kim = Person(stack).ask()
    code = kim.code()
    yield
    expect(kim.type(code), "200")


def a_code_of_a_purpose(stack):
    """A code for a purpose is right for that one, and for no other."""
    kim = Person(stack).ask(purpose="change-email")
    code = kim.code()
    yield
    expect(kim.type(code), "401 code-expired")
    expect(kim.type(code, purpose="change-email"), "200")


def a_code_typed_wrongly(stack):
    """A code that was typed wrongly once has three guesses left after the next wrong one, and is right."""
    kim = Person(stack).ask()
    code = kim.code()
    first, second, *_ = wrong(code)
    expect_wrong(kim.type(first), 4)
    yield
    expect_wrong(kim.type(second), 3)
    expect(kim.type(code), "200")


def the_last_guess(stack):
    """After four wrong guesses before, the fifth is the last one."""
    kim = Person(stack).ask()
    code = kim.code()
    *guesses, last = wrong(code)
    for guess, left in zip(guesses, (4, 3, 2, 1), strict=True):
        expect_wrong(kim.type(guess), left)
    yield
    expect_wrong(kim.type(last), 0)
    expect(kim.type(code), "401 code-expired")


def a_link(stack):
    """The link of an email opens its page, and its button verifies."""
    kim = Person(stack).ask()
    link = kim.link()
    yield
    page = stack.api.get(f"verify?link={link}")
    expect(page, "200")
    assert f"{kim.email[0]}•••@example.com" in page.text, "The page does not name the address."
    expect(stack.api.post("verify", f"link={link}".encode(), content_type="application/x-www-form-urlencoded"), "200")


def a_link_that_the_app_opens(stack):
    """A link that the app hands in is right."""
    kim = Person(stack).ask()
    link = kim.link()
    yield
    response = stack.api.post("verify-code", {"link": link})
    expect(response, "200")
    assert response.body["email"] == kim.email, "The proof is for another address."


def a_test_recipient(stack):
    """A test recipient's code is right, and its proof has an audience of its own."""
    kim = Person(stack, f"{uuid.uuid4().hex}@{TEST_DOMAIN}").ask()
    yield
    response = kim.type(TEST_CODE)
    expect(response, "200")
    audience = claims(response.body["token"])["aud"]
    assert audience.endswith(":test"), f"The audience is {audience}."


def a_proof(stack):
    """A proof from before verifies by the keys that are published now, and a new one says the same things."""
    token = Person(stack).prove()
    yield
    verify_signature(stack, token)
    new = Person(stack).prove()
    verify_signature(stack, new)
    lost = set(claims(token)) - set(claims(new))
    assert not lost, f"A new proof has no {', '.join(sorted(lost))}."
    for name in ("iss", "aud", "purpose"):
        one, other = claims(token)[name], claims(new)[name]
        assert one == other, f"The claim {name} was {one}, and is {other}."


def a_rotation(stack):
    """While the secret is rotated, both keys are published, and the old one signs."""
    kid = header(Person(stack).prove())["kid"]
    yield
    kids = {key["kid"] for key in stack.api.get(KEY_SET).body["keys"]}
    assert kid in kids and len(kids) == 2, (
        f"{len(kids)} keys are published, and the old one is {'' if kid in kids else 'not '}among them."
    )
    assert header(Person(stack).prove())["kid"] == kid, "The new key signs already."


def the_count_of_a_mailbox(stack):
    """A mailbox that was sent three of its four emails takes one more, and no other."""
    email = f"{uuid.uuid4().hex}@example.com"
    for _ in range(FIRST_MAILS - 1):
        Person(stack, email).ask()
    yield
    Person(stack, email).ask()
    expect(Person(stack, email).request(), "429 too-many-requests mailbox")


def the_count_of_a_source(stack):
    """An IP address that brought two of its three unverified emails brings one more, and no other."""
    kim = Person(stack)
    emails = [f"{uuid.uuid4().hex}@example.com" for _ in range(UNVERIFIED + 1)]
    for email in emails[: UNVERIFIED - 1]:
        expect(kim.request(email), "202")
    yield
    expect(kim.request(emails[-2]), "202")
    expect(kim.request(emails[-1]), "429 too-many-requests source")


def an_email_given_back(stack):
    """A right code takes its email off the count of the IP address that asked for it before."""
    kim = Person(stack).ask()
    code = kim.code()
    for _ in range(UNVERIFIED - 1):
        expect(kim.request(f"{uuid.uuid4().hex}@example.com"), "202")
    yield
    other = f"{uuid.uuid4().hex}@example.com"
    expect(kim.request(other), "429 too-many-requests source")
    expect(kim.type(code), "200")
    expect(kim.request(other), "202")


def a_second_email(stack):
    """After the pause the same code is mailed again, and is right. It was the last email for that IP address."""
    kim = Person(stack).ask()
    code, pause_ends = kim.code(), time.time() + RESEND_PAUSE
    yield
    wait_until(pause_ends)
    kim.ask(challenge_id=kim.id)
    assert kim.code(mails=MAILS_PER_SOURCE) == code, "Another code was mailed."
    expect(kim.request(), "429 too-many-requests source-and-mailbox")
    expect(kim.type(code), "200")


def a_used_code(stack):
    """A code that was used before is used up, once its minute for repeats is over."""
    kim = Person(stack)
    kim.prove()
    repeatable_until = time.time() + REPEATABLE_FOR
    yield
    wait_until(repeatable_until)
    expect(kim.type(kim.code()), "401 code-expired")


def the_pause(stack):
    """The pause after an email goes on."""
    kim = Person(stack).ask()
    yield
    expect(kim.request(), "429 too-many-requests pause")


def a_repeated_request(stack):
    """A request that is repeated within the pause mails nothing, and the code is right."""
    kim = Person(stack).ask()
    yield
    expect(kim.request(challenge_id=kim.id), "202")
    expect(kim.type(kim.code(mails=1)), "200")


def a_repeated_code(stack):
    """A right code, repeated within a minute, gets the same proof, byte for byte."""
    kim = Person(stack)
    token = kim.prove()
    yield
    again = kim.type(kim.code())
    expect(again, "200")
    assert again.body["token"] == token, "It is another proof."


def there_and_back(stack):
    """A code that was mailed before the update, and typed wrongly after it, is right after going back."""
    kim = Person(stack).ask()
    code = kim.code()
    first, second, *_ = wrong(code)
    yield
    expect_wrong(kim.type(first), 4)
    yield
    expect_wrong(kim.type(second), 3)
    expect(kim.type(code), "200")


# In the order in which they begin. They end the other way round: first what lasts a minute, last what waits for one.
STORIES = [
    a_second_email,
    a_used_code,
    a_code,
    a_code_of_a_purpose,
    a_code_typed_wrongly,
    the_last_guess,
    a_link,
    a_link_that_the_app_opens,
    a_test_recipient,
    a_proof,
    a_rotation,
    the_count_of_a_mailbox,
    the_count_of_a_source,
    an_email_given_back,
    the_pause,
    a_repeated_request,
    a_repeated_code,
]
