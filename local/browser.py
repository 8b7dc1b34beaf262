"""Runs the service, and has a real browser follow the link of an email, once with an app to return to and once without,
and use the sample sign-up.
"""

import os
import subprocess
import sys

from local import chromium
from local.ports import Ports
from local.service import ROOT, Service, say

# Ports of its own, so that it runs beside `make run`.
PORTS = Ports(api=19100, aws=14666, smtp=11125, inbox=11180, app=19108)
# A web page in place of the app: tests/browser/conftest.py listens there.
RETURN_URL = "http://127.0.0.1:19180/verified"


def main():
    service = Service(PORTS)
    failed = []

    def test(*files, **variables):
        environment = service.environment() | {
            "API_URL": service.api,
            "INBOX_URL": service.inbox,
            "RETURN_URL": RETURN_URL,
            "APP_URL": service.app,
            "CHROMIUM": chromium.find(),
        }
        command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"]
        command += [ROOT / "tests/browser" / file for file in files]
        failed.append(subprocess.run(command, cwd=ROOT, env=environment | variables).returncode)

    def work():
        chromium.find()
        rendered = service.state / "rendered"
        chromium.render(rendered)
        service.build()
        service.start_aws_and_inbox()
        settings = {"VerificationLink": "page", "SupportContact": "help@example.com"}
        service.deploy(**settings, AppReturnUrl=RETURN_URL)
        service.serve(log="functions")
        say("With an app to return to …")
        test("test_return.py")
        service.stop_serving()
        service.deploy(**settings, AppReturnUrl="")
        service.serve(log="functions")
        say("Without one, and every page by itself …")
        test("test_page.py", "test_accessibility.py", RENDERED=str(rendered))
        service.stop_serving()
        # The shortest pause, for a test waits for its end; all requests come from one source.
        limits = {"ResendPauseSeconds": 30, "UnverifiedMailsPerSourcePerDay": 0}
        returns = {"AppReturnUrl": f"{service.app}/", "AllowedOrigins": service.app}
        service.deploy(**settings, **limits, **returns, DeliveryFeedback="on")
        service.serve(log="functions")
        service.start_app()
        say("The sample sign-up …")
        # In one run, for one of its stories waits five minutes, while the others go on.
        test(*sorted(file.name for file in (ROOT / "tests/browser").glob("test_sample*.py")))

    return service.attend(work) or int(any(failed))


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
