import { randomUUID } from "node:crypto";
import express from "express";
import { KeysUnavailable, ProofRefused } from "./proof.mjs";

/**
 * The routes. `verify` comes from proof.mjs. Each file accounts-….mjs has `accounts` for one database:
 * - `create(claims)` stores the account and `jti` in one transaction. It resolves to false if one of them is there already.
 * - `exists(email)` tells whether there is such an account.
 * - `useProof(claims)` stores `jti`. It resolves to false if it is there already.
 *
 * `boundToSession` needs a session, such as that of express-session.
 */
export function signUp(verify, accounts, { boundToSession = false } = {}) {
  const routes = express.Router();
  routes.use(express.json());
  // What is no JSON, or too large. Express knows an error handler by its four parameters.
  routes.use((error, request, response, next) => response.status(400).json({ error: "malformed-request" }));

  // The id of this session's sign-up, for the app's requests.
  if (boundToSession) {
    routes.post("/challenge", (request, response) => {
      response.json({ challenge_id: (sessionOf(request).challengeId ??= randomUUID()) });
    });
  }

  // Makes an account.
  routes.post("/sign-up", async (request, response) => {
    const claims = await proven(request, response, "sign-up");
    if (!claims) return;
    if (!(await accounts.create(claims))) return response.status(409).json({ error: "account-exists" });
    // Log the person in here.
    response.status(201).json({ email: claims.email });
  });

  // Logs in by a proof. Leave it out if people have passwords.
  routes.post("/sign-in", async (request, response) => {
    // A 409 at the sign-up did not use the proof up, so it may come here.
    const claims = await proven(request, response, "sign-in", "sign-up");
    if (!claims) return;
    if (!(await accounts.exists(claims.email))) return response.status(404).json({ error: "no-account" });
    if (!(await accounts.useProof(claims))) return response.status(401).json({ error: "proof-refused" });
    // Log the person in here.
    response.json({ email: claims.email });
  });

  return routes;

  /** The claims of the proof in the body. Without them it has responded. */
  async function proven(request, response, ...purposes) {
    const { token, challenge_id: challengeId } = request.body ?? {};
    if (typeof token !== "string") return void response.status(400).json({ error: "malformed-request" });
    try {
      const claims = await verify(token, ...purposes);
      // The claim is in lower case, however the app writes it.
      if (challengeId != null && String(challengeId).toLowerCase() !== claims.challenge_id) {
        throw new ProofRefused("not the challenge of the app");
      }
      if (boundToSession && sessionOf(request).challengeId !== claims.challenge_id) {
        throw new ProofRefused("not the challenge of the session");
      }
      return claims;
    } catch (error) {
      if (error instanceof ProofRefused) {
        // Log the reason, never the token.
        console.info("A proof was refused:", error.message);
        response.status(401).json({ error: "proof-refused" });
      } else if (error instanceof KeysUnavailable) {
        console.error("The keys of the proofs could not be fetched:", error.message);
        response.status(503).set("Retry-After", "5").json({ error: "keys-unavailable" });
      } else {
        throw error;
      }
    }
  }
}

function sessionOf(request) {
  if (!request.session) throw new Error("boundToSession needs a session, such as that of express-session, before signUp()");
  return request.session;
}
