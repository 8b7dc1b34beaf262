"""What `make check-stack` and `make why` print: a line for each thing that they looked at, and what to do about it."""

import contextlib
import re

from botocore.exceptions import BotoCoreError, ClientError

# How services of AWS say that there is no such thing.
GONE = {"ResourceNotFoundException", "NotFoundException", "NoSuchEntity", "NotFound"}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}


class Unsaid(Exception):
    """AWS's answer has no such field."""


class Missing(Exception):
    """The stack has no such resource."""


def said(answer, *path):
    """The field of an answer to which the path leads."""
    for name in path:
        if not isinstance(answer, dict) or answer.get(name) is None:
            raise Unsaid(".".join(path))
        answer = answer[name]
    return answer


def is_gone(error):
    """Whether AWS says that there is no such thing."""
    told = error.response["Error"]
    # With the same code the emulator says that it does not know the call.
    return told["Code"] in GONE and not told.get("Message", "").startswith("Unknown ")


class Report:
    """Prints the lines, and counts them. `word` begins the line of what is wrong."""

    def __init__(self, word="wrong"):
        self.word = word
        self.wrongs = 0
        self.unknowns = 0

    def ok(self, text):
        print(f"ok  {text}")

    def note(self, text, advice=None):
        print(f"note  {text}")
        self._do(advice)

    def wrong(self, text, advice):
        self.wrongs += 1
        print(f"{self.word}  {text}")
        self._do(advice)

    def unknown(self, text, advice):
        self.unknowns += 1
        print(f"unknown  {text}")
        self._do(advice)

    def judge(self, is_right, right, wrong, advice):
        """Says one of two things."""
        if is_right:
            self.ok(right)
        else:
            self.wrong(wrong, advice)

    @contextlib.contextmanager
    def guard(self, what, gone=None):
        """Turns what AWS does not tell into a line. `gone` is what to say if AWS says that there is no such thing.

        Never prints the text of an error: it may quote the URL that was asked, and that may hold an address.
        """
        try:
            yield
        except Missing as missing:
            self.wrong(f"{what}: the stack has no resource {missing}.", "Is it the right stack? Else deploy it again.")
        except (Unsaid, KeyError) as field:
            self.unknown(f"{what}: AWS does not say {field}.", "Look into the console of AWS.")
        except ClientError as error:
            if gone and is_gone(error):
                self.wrong(*gone)
            else:
                self.unknown(f"{what}: {refusal(error)}.", self._way_out(error))
        except BotoCoreError as error:
            self.unknown(
                f"{what}: AWS could not be asked ({type(error).__name__}).", "Check the network, and try again."
            )

    @staticmethod
    def _do(advice):
        if advice:
            print(f"    do  {advice}")

    @staticmethod
    def _way_out(error):
        if error.response["Error"]["Code"] not in DENIED:
            return "Try again. If it stays, look into the console of AWS."
        named = re.search(r"perform: ([a-z0-9-]+:[A-Za-z]+)", error.response["Error"].get("Message", ""))
        which = named[1] if named else "the permission for it"
        return f"Give {which} to whoever runs this (docs/operations.md#permissions)."


def refusal(error):
    return f"AWS refused {error.operation_name}: {error.response['Error']['Code']}"
