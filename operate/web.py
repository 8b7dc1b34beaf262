"""Whether the API of a stack has its routes, and answers. Nothing that is asked here sends an email."""

import http.client
import json
import re
import urllib.error
import urllib.request

from operate.report import said
from operate.sender_settings import show
from operate.stack import FUNCTIONS

# Every route of the API and its function.
ROUTES = {
    "POST /request-code": "RequestCode",
    "POST /verify-code": "VerifyCode",
    "GET /verify": "VerifyCode",
    "POST /verify": "VerifyCode",
    "GET /.well-known/jwks.json": "VerifyCode",
    "GET /.well-known/openid-configuration": "VerifyCode",
}
# The slowest request of the functions takes 25 s.
PATIENCE = 30
AGAIN = "Deploy the stack again: somebody has changed the API by hand."


def judge_routes(report, stack):
    """Whether each route is there and leads to its function."""
    with report.guard("API"):
        api, gateway = stack.id("Api"), stack.client("apigatewayv2")
        gone = (f"API: {api} does not exist.", "Deploy the stack anew (docs/operations.md#the-stack-is-lost).")
        with report.guard("API", gone):
            routes = _all(gateway, "get_routes", api)
            uris = {
                item["IntegrationId"]: item.get("IntegrationUri", "") for item in _all(gateway, "get_integrations", api)
            }
            targets = {route["RouteKey"]: uris.get(route.get("Target", "").rpartition("/")[2], "") for route in routes}
            for route, function in ROUTES.items():
                with report.guard(f"route {route}"):
                    _judge_route(report, route, targets.get(route), FUNCTIONS[function], stack.id(function))


def _all(gateway, operation, api):
    return [item for page in gateway.get_paginator(operation).paginate(ApiId=api) for item in page.get("Items", [])]


def _judge_route(report, route, uri, name, function):
    if uri is None:
        report.wrong(f"route {route}: it is not there, so callers get 404.", AGAIN)
        return
    found = re.search(r":function:([^:/]+)", uri)
    leads = found[1] if found else "nothing"
    report.judge(
        leads == function,
        f"route {route} leads to {name}",
        f"route {route}: it leads to {leads}, and not to {name} ({function}).",
        AGAIN,
    )


def judge_answers(report, stack):
    """Whether apps and backends get an answer where they ask."""
    with report.guard("answers of the API"):
        url = stack.url()
        keys = f"{url}/.well-known/jwks.json"
        _judge_answer(report, ("GET", keys), 200, _has_keys, "the keys of proofs (ES256)")
        discovery = ("GET", f"{url}/.well-known/openid-configuration")
        _judge_answer(report, discovery, 200, lambda body: body.get("issuer") == url, f"the issuer {url}")
        request = ("POST", f"{url}/request-code", b"{}")
        # Refused before anything is charged or sent.
        if stack.variable("RequestCode", "TRUSTED_CALLERS").endswith(" only"):
            _judge_answer(report, request, 403, _is_forbidden, "for it serves trusted callers alone")
        else:
            _judge_answer(report, request, 400, _is_malformed, "malformed-request")


def _has_keys(body):
    keys = said(body, "keys")
    return bool(keys) and all(
        (key.get("alg"), key.get("kty"), key.get("crv")) == ("ES256", "EC", "P-256") for key in keys
    )


def _is_malformed(body):
    return body.get("type") == "urn:email-verification:malformed-request"


def _is_forbidden(body):
    return body.get("title") == "Forbidden"


def _judge_answer(report, request, expected, fits, what):
    asked = " ".join(request[:2])
    try:
        status, text = fetch(*request)
    except (OSError, http.client.HTTPException) as failure:
        reason = getattr(failure, "reason", failure) or type(failure).__name__
        report.wrong(
            f"{asked} gets no answer: {reason}.",
            "Check the domain's record and certificate (docs/operations.md#changing-the-apis-domain).",
        )
        return
    if status != expected:
        report.wrong(f"{asked} answers {status}, and not {expected}.", _advice(status))
        return
    try:
        is_right = fits(json.loads(text))
    except Exception:  # It is somebody else's answer, and may be anything.
        is_right = False
    report.judge(
        is_right,
        f"{asked} answers {status}: {what}",
        f"{asked} answers {status}, and without {what}: {show(text.decode(errors='replace'), 60)}.",
        "Something else answers at this URL, or an older version of the functions. Deploy the stack again.",
    )


def _advice(status):
    if status in (404, 403):
        return "Something else answers at this URL, or the domain leads to another API. Look at the routes above."
    if status == 429:
        return "The API's rate is used up (docs/runbook.md#many-requests)."
    return "Look for the cause in the functions' logs (docs/runbook.md#api-errors)."


def fetch(method, url, body=None):
    """The status and the body of an answer, whatever the status is."""
    headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body else {})
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
