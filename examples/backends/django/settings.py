"""As few settings as the app `signup` needs. Your project has its own."""

import os
from pathlib import Path

SECRET_KEY = os.environ.get("SECRET_KEY", "not secret")
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.sessions", "signup"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
ROOT_URLCONF = "signup.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).with_name("accounts.sqlite")},
}
# Whether a proof must be of the challenge that the session got from POST /challenge.
PROOF_BOUND_TO_SESSION = "PROOF_BOUND_TO_SESSION" in os.environ
