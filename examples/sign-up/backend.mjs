// The app's backend, as short as it can be. It forgets its accounts when it stops; docs/backend.md has whole ones.

import express from "express";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const KEYS_UNAVAILABLE = ["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT"];

/** `POST /sign-up` with `{"token", "challenge_id"}`. Responds 201 with the claims of the proof. */
export function backend(issuer, audience) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  const required = { algorithms: ["ES256"], issuer, audience, requiredClaims: ["exp", "jti", "email", "challenge_id"] };
  const usedProofs = new Set();
  const accounts = new Set();

  return express.Router().post("/sign-up", express.json(), async (request, response) => {
    const { token, challenge_id } = request.body ?? {};
    if (typeof token !== "string") return response.sendStatus(400);
    let claims;
    try {
      claims = (await jwtVerify(token, keys, required)).payload;
    } catch (error) {
      const isRefused = error instanceof errors.JOSEError && !KEYS_UNAVAILABLE.includes(error.code);
      return response.sendStatus(isRefused ? 401 : 503);
    }
    if (challenge_id !== claims.challenge_id) return response.sendStatus(401);
    if (usedProofs.has(claims.jti) || accounts.has(claims.email)) return response.sendStatus(409);
    usedProofs.add(claims.jti);
    accounts.add(claims.email);
    response.status(201).json(claims);
  });
}
