import json
import logging
import uuid

from django.conf import settings
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from signup import proof
from signup.models import Account, UsedProof

log = logging.getLogger(__name__)


# An app has no CSRF token. Leave `csrf_exempt` out if your website calls this as well.
@csrf_exempt
@require_POST
def challenge(request):
    """The id of this session's sign-up, for the app's requests, if PROOF_BOUND_TO_SESSION is set."""
    return JsonResponse({"challenge_id": request.session.setdefault("challenge_id", str(uuid.uuid4()))})


@csrf_exempt
@require_POST
def sign_up(request):
    """Makes an account."""
    claims, refusal = proven(request, "sign-up")
    if refusal:
        return refusal
    if not Account.create(claims):
        return failure(409, "account-exists")
    # Log the person in here.
    return JsonResponse({"email": claims["email"]}, status=201)


@csrf_exempt
@require_POST
def sign_in(request):
    """Logs in by a proof. Leave it out if people have passwords."""
    # A 409 at the sign-up did not use the proof up, so it may come here.
    claims, refusal = proven(request, "sign-in", "sign-up")
    if refusal:
        return refusal
    if not Account.objects.filter(email=claims["email"]).exists():
        return failure(404, "no-account")
    if not UsedProof.use(claims):
        return failure(401, "proof-refused")
    # Log the person in here.
    return JsonResponse({"email": claims["email"]})


def proven(request, *purposes):
    """The claims of the proof in the body, or the response that says why there are none."""
    try:
        body = json.loads(request.body)
        token, challenge_id = body["token"], body.get("challenge_id")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None, failure(400, "malformed-request")
    if not isinstance(token, str):
        return None, failure(400, "malformed-request")
    try:
        claims = proof.verify(token, *purposes)
        check_challenge(request, claims, challenge_id)
    except proof.ProofRefused as error:
        # Log the reason, never the token.
        log.info("A proof was refused: %s", error)
        return None, failure(401, "proof-refused")
    except proof.KeysUnavailable as error:
        log.error("The keys of the proofs could not be fetched: %s", error)
        return None, failure(503, "keys-unavailable", headers={"Retry-After": "5"})
    return claims, None


def check_challenge(request, claims, challenge_id):
    """Refuses a proof of another challenge than the app's, or than the session's."""
    # The claim is in lower case, however the app writes it.
    if challenge_id is not None and str(challenge_id).lower() != claims["challenge_id"]:
        raise proof.ProofRefused("not the challenge of the app")
    if settings.PROOF_BOUND_TO_SESSION and request.session.get("challenge_id") != claims["challenge_id"]:
        raise proof.ProofRefused("not the challenge of the session")


def failure(status, error, **options):
    return JsonResponse({"error": error}, status=status, **options)
