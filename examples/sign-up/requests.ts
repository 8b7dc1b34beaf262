// Sends what is pending, and says what came of it.

import { EmailVerification, Problem } from "../clients/typescript/client.ts";
import type { Event, State } from "./flow.ts";

export async function send(state: State, service: EmailVerification, locale: string): Promise<Event> {
  const { email, challengeId, code, token } = state;
  const sentAt = Date.now();
  try {
    switch (state.pending) {
      case "request-code": {
        const requested = await service.requestCode(email, challengeId, locale);
        return { ...requested, kind: "code-requested", took: Date.now() - sentAt };
      }
      case "verify-code":
        return { ...(await service.verifyCode(email, challengeId, code)), kind: "code-verified" };
      default:
        return { ...(await signUp(token, challengeId)), kind: "backend-answered" };
    }
  } catch (problem) {
    if (problem instanceof Problem) return { kind: "problem", problem };
    throw problem;
  }
}

/**
 * Why the email did not arrive, or null. It repeats the request that mailed it, and looks for this one problem: a 202, a 429
 * or a lost connection is no news.
 */
export async function undelivered(state: State, service: EmailVerification, locale: string): Promise<string | null> {
  try {
    await service.requestCode(state.email, state.challengeId, locale);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.kind === "undeliverable") return problem.reason;
  }
  return null;
}

/** The app's own backend, as in docs/backend.md. The status says all: 201, 401, 409 or 503. */
async function signUp(token: string, challengeId: string): Promise<{ status: number; claims: object | null }> {
  const body = JSON.stringify({ token, challenge_id: challengeId });
  const headers = { "content-type": "application/json" };
  try {
    const response = await fetch("/sign-up", { method: "POST", headers, body, signal: AbortSignal.timeout(35_000) });
    return { status: response.status, claims: response.status === 201 ? await response.json() : null };
  } catch {
    throw new Problem("unreachable");
  }
}
