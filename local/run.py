"""Runs the service on this machine until Ctrl-C, which stops everything and leaves nothing behind."""

import contextlib
import json
import os
import sys
import time

from local.ports import Ports
from local.service import Service, say


def describe(service):
    def curl(path, body):
        return f"curl -i {service.api}/{path} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"

    request = {"email": "lee@example.com", "locale": "ko"}
    attempt = {"email": "lee@example.com", "challenge_id": "CHALLENGE_ID", "code": "CODE"}
    say("\nReady.")
    print(
        f"""
  App    {service.app}
  Inbox  {service.inbox}
  API    {service.api}
  AWS    {service.aws}

Open the app, a sample sign-up, and verify an address; its email is in the inbox. One to bounce@example.com does not
arrive, as after a typo. Or do it by hand. Ask for a code:

  {curl("request-code", request)}

Send it back, with the challenge_id from the response and the code from the email:

  {curl("verify-code", attempt)}

The token in the response is the proof. A backend verifies it with the public keys:

  curl -i {service.api}/.well-known/jwks.json

The functions' log follows. Ctrl-C stops everything.
""",
        flush=True,
    )


def main():
    # Another address than 127.0.0.1 lets phones in the same network reach the API, and everybody else there.
    service = Service(Ports.from_environment(), os.environ.get("API_ADDRESS") or "127.0.0.1")

    def work():
        service.build()
        service.start_aws_and_inbox()
        # With the link, which leads back to the sample; the default is without.
        origins = os.environ.get("ALLOWED_ORIGINS") or service.app
        service.deploy(
            SenderName="Example",
            VerificationLink="page",
            AppReturnUrl=f"{service.app}/",
            AllowedOrigins=origins,
            DeliveryFeedback="on",
        )
        service.serve()
        service.start_app()
        describe(service)
        with contextlib.suppress(KeyboardInterrupt):  # That is how it is meant to end.
            while True:
                service.check()
                time.sleep(0.5)
        say("\nStopping …")

    return service.attend(work)


if __name__ == "__main__":
    sys.exit(main())
