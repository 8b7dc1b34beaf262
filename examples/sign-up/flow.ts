// The state machine of docs/mobile.md. Nothing here knows the page or the network.

import type { Problem, Requested, Verified } from "../clients/typescript/client.ts";

/** When to ask whether the email arrived, after the 202. A bounce comes within seconds or much later. */
const ASK_AFTER_MS = [3_000, 8_000, 20_000];
/**
 * An ask that arrives when the pause is over would cause another email. The service takes the pause for over five seconds early,
 * its clocks may differ by two, and the ask needs time.
 */
const MARGIN_MS = 8_000;
/** How long a code works, where no response has said it. It is the service's default, and the service decides. */
const USUAL_LIFETIME_MS = 600_000;

/** What is under way. It is stored before it is sent, so that an app that was killed meanwhile can repeat it. */
export type Pending = "request-code" | "verify-code" | "sign-up";

/** What the screen has to say. */
export type Notice =
  | { kind: "invalid-email" | "incomplete-code" | "expired" | "unreachable" | "bug" | "not-this-app" | "refused" }
  | { kind: "wrong-code"; guessesLeft: number }
  | { kind: "undeliverable"; reason: "mailbox" | "temporary" | "content"; isCodeWrong: boolean }
  | { kind: "wait" | "mail-unavailable"; seconds: number; until: number };

/** Times are milliseconds since 1970 by the phone's clock: they are shown, and the service decides. */
export interface State {
  step: "email" | "code" | "proof" | "done" | "exists";
  email: string;
  /** The UUID of this sign-up, for every address and every code. */
  challengeId: string;
  code: string;
  /** 0 if the service has said that the code is dead. */
  expiresAt: number;
  resendAt: number;
  /** When to ask whether the newest email arrived. Empty once the person has gone on. */
  askAt: number[];
  /** From when on an ask might cause another email. */
  askUntil: number;
  /** The proof: until the backend has taken or refused it, or the person goes on to something else. */
  token: string;
  /** The claims of the proof, as the backend read them: the sample shows them to its developer. */
  claims: object | null;
  pending: Pending | null;
  notice: Notice | null;
}

export const EMPTY: State = {
  step: "email",
  email: "",
  challengeId: "",
  code: "",
  expiresAt: 0,
  resendAt: 0,
  askAt: [],
  askUntil: 0,
  token: "",
  claims: null,
  pending: null,
  notice: null,
};

export type Event =
  /** The app has started, and read its state. */
  | { kind: "started" }
  /** The person typed an address. `newId` is a fresh UUID, for a sign-up that has none yet. */
  | { kind: "email-typed"; email: string; newId: string }
  | { kind: "code-typed"; code: string }
  | { kind: "resend-tapped" }
  | { kind: "retry-tapped" }
  | { kind: "another-address-tapped" }
  /** The link's page led back to the app. `email` and `challengeId` are claims of the proof: its address may be an earlier one. */
  | { kind: "link-returned"; email: string; token: string; challengeId: string }
  /** `took` is how many milliseconds it took. */
  | ({ kind: "code-requested"; took: number } & Requested)
  /** It is time to ask whether the email arrived. What comes of it is `undelivered`, or nothing. */
  | { kind: "asked" }
  | { kind: "undelivered"; reason: string }
  | ({ kind: "code-verified" } & Verified)
  | { kind: "backend-answered"; status: number; claims: object | null }
  | { kind: "problem"; problem: Problem };

/** The state after an event. A tap while something is under way changes nothing, so a double tap sends one request. */
export function after(state: State, event: Event, now: number): State {
  const still = { ...state, notice: null };
  const answered = { ...still, pending: null };
  const isIdle = state.pending === null;
  switch (event.kind) {
    case "started":
      // Only a tap asks for an email.
      return state.pending === "request-code" ? { ...state, pending: null } : state;
    case "email-typed": {
      const challengeId = state.challengeId || event.newId;
      return isIdle ? { ...EMPTY, email: event.email, challengeId, pending: "request-code" } : state;
    }
    case "resend-tapped":
      return isIdle && now >= state.resendAt ? { ...still, askAt: [], pending: "request-code" } : state;
    case "code-typed":
      return isIdle && state.step === "code"
        ? { ...still, askAt: [], code: event.code, pending: "verify-code" }
        : state;
    case "retry-tapped":
      return isIdle && state.step === "proof" ? { ...still, pending: "sign-up" } : state;
    case "another-address-tapped":
      // The next sign-up starts from nothing, with an id of its own.
      return isOver(state) ? EMPTY : { ...EMPTY, email: state.email, challengeId: state.challengeId };
    case "link-returned":
      if (event.challengeId !== state.challengeId) return { ...state, notice: { kind: "not-this-app" } };
      if (isOver(state)) return state;
      return { ...answered, askAt: [], step: "proof", email: event.email, token: event.token, pending: "sign-up" };
    case "code-requested": {
      const times = { expiresAt: now + event.expires_in * 1000, resendAt: now + event.resend_in * 1000 };
      const askAt = ASK_AFTER_MS.map((wait) => now + wait);
      // The service counts the pause from when the request came.
      const askUntil = times.resendAt - event.took - MARGIN_MS;
      return { ...answered, ...times, askAt, askUntil, step: "code", code: "" };
    }
    case "asked":
      // A phone that slept through several asks once.
      return { ...state, askAt: state.askAt.filter((at) => at > now) };
    case "undelivered":
      return undelivered(state, event.reason, false, now);
    case "code-verified":
      return { ...answered, step: "proof", token: event.token, pending: "sign-up" };
    case "backend-answered":
      return afterBackend(answered, event.status, event.claims);
    case "problem":
      return afterProblem(answered, state.pending, event.problem, now);
  }
}

/** Whether it is time to ask for the fate of the email. */
export function isAskDue(state: State, now: number): boolean {
  return state.step === "code" && state.askAt.some((at) => at <= now) && now < Math.min(state.askUntil, state.expiresAt);
}

/** Whether the newest email probably went to a mailbox that does not exist. */
export function isMistyped(state: State): boolean {
  return state.step === "code" && state.notice?.kind === "undeliverable" && state.notice.reason === "mailbox";
}

/** Whether the newest email may still arrive, or has. That is no mistake of the person. */
export function isLate(state: State): boolean {
  const { notice } = state;
  return notice?.kind === "undeliverable" && notice.reason === "temporary" && !notice.isCodeWrong;
}

/** Whether the service has said that the code is dead. Then only another email helps. */
export function isDead(state: State): boolean {
  return state.step === "code" && state.expiresAt === 0;
}

/** The email did not arrive, or so it seems. The code's field stays open all the same. */
function undelivered(state: State, reason: string, isCodeWrong: boolean, now: number): State {
  // Whoever comes back to an address is told so in place of a 202.
  const expiresAt = state.expiresAt || now + USUAL_LIFETIME_MS;
  // A reason that this app does not know yet is told as the mildest.
  const known = reason === "mailbox" || reason === "content" ? reason : "temporary";
  const notice: Notice = { kind: "undeliverable", reason: known, isCodeWrong };
  return { ...state, step: "code", code: "", expiresAt, askAt: [], notice };
}

function isOver(state: State): boolean {
  return state.step === "done" || state.step === "exists";
}

function afterBackend(state: State, status: number, claims: object | null): State {
  // The id stays until the next sign-up: a second tap on the link is none of another sign-up.
  if (status === 201) return { ...EMPTY, email: state.email, challengeId: state.challengeId, step: "done", claims };
  // An app whose backend logs in by proof would send the proof there now. This one has no log-in.
  if (status === 409) return { ...state, step: "exists" };
  if (status === 401) return { ...state, step: "code", code: "", token: "", expiresAt: 0, notice: { kind: "refused" } };
  return { ...state, notice: { kind: status === 400 ? "bug" : "unreachable" } };
}

function afterProblem(state: State, of: Pending | null, problem: Problem, now: number): State {
  const { kind, retryAfter: seconds, guessesLeft } = problem;
  const until = now + seconds * 1000;
  switch (kind) {
    case "invalid-email":
      return { ...state, step: "email", notice: { kind } };
    case "malformed-code":
      // Only the service knows how many digits a code has.
      return { ...state, notice: { kind: "incomplete-code" } };
    case "invalid-code": {
      const expiresAt = guessesLeft > 0 ? state.expiresAt : 0;
      return { ...state, code: "", expiresAt, notice: { kind: "wrong-code", guessesLeft } };
    }
    case "undeliverable": {
      const resendAt = of === "request-code" ? until : state.resendAt;
      const told = undelivered({ ...state, resendAt }, problem.reason, of === "verify-code", now);
      return of === "verify-code" && guessesLeft === 0 ? { ...told, expiresAt: 0 } : told;
    }
    case "code-expired":
      return { ...state, code: "", expiresAt: 0, notice: { kind: "expired" } };
    case "too-many-requests":
    case "mail-unavailable": {
      // To a code only API Gateway says so, and that is over in a second.
      const resendAt = of === "request-code" ? until : state.resendAt;
      return { ...state, resendAt, notice: { kind: kind === "mail-unavailable" ? kind : "wait", seconds, until } };
    }
    case "internal-error":
    case "unreachable":
      // The code stays in its field: the same tap repeats the same request.
      return { ...state, notice: { kind: "unreachable" } };
    default:
      return { ...state, notice: { kind: "bug" } };
  }
}
