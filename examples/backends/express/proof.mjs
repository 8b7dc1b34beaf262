// Verifies proofs. It knows nothing of Express: use it with any framework.

import { createRemoteJWKSet, errors, jwtVerify } from "jose";

/** Answer 401. */
export class ProofRefused extends Error {}
/** Answer 503: nothing is known about the proof. */
export class KeysUnavailable extends Error {}

/** Returns `verify`, which caches the keys: make one per process. `audience` may be several, separated by spaces. */
export function proofVerifier(issuer = process.env.PROOF_ISSUER, audience = process.env.PROOF_AUDIENCE ?? "") {
  const audiences = audience.split(" ").filter(Boolean);
  if (!issuer || audiences.length === 0) throw new Error("PROOF_ISSUER and PROOF_AUDIENCE must be set");
  if (issuer.endsWith("/")) throw new Error("PROOF_ISSUER must not end with a slash");
  const fetchedKeys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cacheMaxAge: 300_000 });

  const findKey = async (header, token) => {
    try {
      return await fetchedKeys(header, token);
    } catch (error) {
      const isOfToken = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
      throw isOfToken ? error : new KeysUnavailable(error.message, { cause: error });
    }
  };

  /** The claims of a proof for one of these purposes. That it is used once is up to the caller. */
  return async function verify(token, ...purposes) {
    if (purposes.length === 0) throw new TypeError("verify() needs the purpose that it expects");
    let payload;
    try {
      ({ payload } = await jwtVerify(token, findKey, {
        algorithms: ["ES256"],
        issuer,
        audience: audiences,
        requiredClaims: ["exp", "jti", "email", "challenge_id", "purpose"],
        clockTolerance: 10,
      }));
    } catch (error) {
      throw error instanceof errors.JOSEError ? new ProofRefused(error.message, { cause: error }) : error;
    }
    if (!purposes.includes(payload.purpose)) throw new ProofRefused("for another purpose");
    if (payload.email_verified !== true) throw new ProofRefused("not a proof");
    return payload;
  };
}
