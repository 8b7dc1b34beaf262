// The app's backend, as short as it can be. It forgets its accounts when it stops; examples/backends has whole ones.

import express from "express";
import { ProofRefused, proofVerifier } from "../backends/express/proof.mjs";

/** `POST /sign-up` with `{"token", "challenge_id"}`. Responds 201 with the claims of the proof. */
export function backend(issuer, audience) {
  const verify = proofVerifier(issuer, audience);
  const usedProofs = new Set();
  const accounts = new Set();

  return express.Router().post("/sign-up", express.json(), async (request, response) => {
    const { token, challenge_id } = request.body ?? {};
    if (typeof token !== "string") return response.sendStatus(400);
    let claims;
    try {
      claims = await verify(token, "sign-up");
    } catch (error) {
      return response.sendStatus(error instanceof ProofRefused ? 401 : 503);
    }
    if (challenge_id !== claims.challenge_id) return response.sendStatus(401);
    if (usedProofs.has(claims.jti) || accounts.has(claims.email)) return response.sendStatus(409);
    usedProofs.add(claims.jti);
    accounts.add(claims.email);
    response.status(201).json(claims);
  });
}
