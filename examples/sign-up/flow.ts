// The state machine of docs/mobile.md. Nothing here knows the page or the network.

/** What is under way. It is stored before it is sent. So an app that was killed meanwhile sends it again, which is safe. */
export type Pending = "request-code" | "verify-code" | "sign-up";

/** What the screen has to say. */
export type Notice =
  | { kind: "invalid-email" | "incomplete-code" | "expired" | "unreachable" | "bug" | "not-this-app" | "refused" }
  | { kind: "wrong-code"; guessesLeft: number }
  | { kind: "wait" | "mail-unavailable"; seconds: number; until: number };

/** Times are milliseconds since 1970 by the phone's clock: they are shown, and the service decides. */
export interface State {
  step: "email" | "code" | "proof" | "done" | "exists";
  email: string;
  /** The newest id: the app's own, then that of the last response. */
  challengeId: string;
  /** The newest id of each address of this sign-up, for a person who mistypes one and comes back. */
  ids: Record<string, string>;
  code: string;
  expiresAt: number;
  resendAt: number;
  /** The proof, until the backend has taken it. */
  token: string;
  /** The claims of the proof, as the backend read them: the sample shows them to its developer. */
  claims: object | null;
  pending: Pending | null;
  pendingSince: number;
  notice: Notice | null;
}

export const EMPTY: State = {
  step: "email",
  email: "",
  challengeId: "",
  ids: {},
  code: "",
  expiresAt: 0,
  resendAt: 0,
  token: "",
  claims: null,
  pending: null,
  pendingSince: 0,
  notice: null,
};

export type Event =
  /** The app has started, and read its state. */
  | { kind: "started" }
  /** The person typed an address. `newId` is a fresh UUID, in case the address is new. */
  | { kind: "email-typed"; email: string; newId: string }
  | { kind: "code-typed"; code: string }
  | { kind: "resend-tapped" }
  | { kind: "retry-tapped" }
  | { kind: "another-address-tapped" }
  /** The link's page led back to the app. `challengeId` is the proof's claim. */
  | { kind: "link-returned"; token: string; challengeId: string }
  | { kind: "code-requested"; challengeId: string; expiresIn: number; resendIn: number }
  | { kind: "code-verified"; token: string }
  | { kind: "backend-answered"; status: number; claims: object | null }
  | { kind: "problem"; problem: string; retryAfter: number; guessesLeft: number };

/** The shortest pause between two emails: a repeat within it brings no second one. */
const REPEAT_MS = 30_000;

/** The state after an event. A tap while something is under way changes nothing, so a double tap sends one request. */
export function after(state: State, event: Event, now: number): State {
  const next = step(state, event, now);
  return next.pending !== null && next.pending !== state.pending ? { ...next, pendingSince: now } : next;
}

function step(state: State, event: Event, now: number): State {
  const still = { ...state, notice: null };
  const answered = { ...still, pending: null };
  const isIdle = state.pending === null;
  switch (event.kind) {
    case "email-typed": {
      if (!isIdle) return state;
      const email = event.email.trim().toLowerCase();
      const challengeId = state.ids[email] ?? event.newId;
      const kept = challengeId === state.challengeId ? still : { ...EMPTY, email, challengeId };
      return { ...kept, ids: { ...state.ids, [email]: challengeId }, pending: "request-code" };
    }
    case "started": {
      // A late repeat would be another email, which nobody asked for.
      const isOld = state.pending === "request-code" && now - state.pendingSince > REPEAT_MS;
      return isOld ? { ...state, pending: null } : state;
    }
    case "resend-tapped":
      return isIdle && now >= state.resendAt ? { ...still, pending: "request-code" } : state;
    case "code-typed":
      return isIdle && state.step === "code" ? { ...still, code: event.code, pending: "verify-code" } : state;
    case "retry-tapped":
      return isIdle && state.step === "proof" ? { ...still, pending: "sign-up" } : state;
    case "another-address-tapped":
      // The id stays with its address, in case the person comes back to it.
      return { ...answered, step: "email", code: "" };
    case "link-returned":
      if (state.step === "done" || state.step === "exists") return state;
      return event.challengeId === state.challengeId
        ? { ...answered, step: "proof", token: event.token, pending: "sign-up" }
        : { ...state, notice: { kind: "not-this-app" } };
    case "code-requested": {
      const { challengeId, expiresIn, resendIn } = event;
      const times = { expiresAt: now + expiresIn * 1000, resendAt: now + resendIn * 1000 };
      const ids = { ...state.ids, [state.email]: challengeId };
      return { ...answered, ...times, step: "code", challengeId, ids, code: "" };
    }
    case "code-verified":
      return { ...answered, step: "proof", token: event.token, pending: "sign-up" };
    case "backend-answered":
      return afterBackend(answered, event.status, event.claims);
    case "problem":
      return afterProblem(answered, state.pending, event, now);
  }
}

function afterBackend(state: State, status: number, claims: object | null): State {
  if (status === 201) return { ...EMPTY, email: state.email, step: "done", claims };
  if (status === 409) return { ...EMPTY, email: state.email, step: "exists" };
  if (status === 401) return { ...state, step: "code", code: "", token: "", expiresAt: 0, notice: { kind: "refused" } };
  return { ...state, notice: { kind: status === 400 ? "bug" : "unreachable" } };
}

function afterProblem(
  state: State,
  of: Pending | null,
  { problem, retryAfter, guessesLeft }: { problem: string; retryAfter: number; guessesLeft: number },
  now: number,
): State {
  const until = now + retryAfter * 1000;
  switch (problem) {
    case "invalid-email":
      return { ...state, step: "email", notice: { kind: "invalid-email" } };
    case "malformed-request":
      // Only the service knows how many digits a code has.
      return { ...state, notice: { kind: of === "verify-code" ? "incomplete-code" : "bug" } };
    case "invalid-code":
      return {
        ...state,
        code: "",
        expiresAt: guessesLeft > 0 ? state.expiresAt : 0,
        notice: { kind: "wrong-code", guessesLeft },
      };
    case "code-expired":
      return { ...state, code: "", expiresAt: 0, notice: { kind: "expired" } };
    case "too-many-requests":
      // To a code only API Gateway says so, and that is over in a second.
      return {
        ...state,
        resendAt: of === "request-code" ? until : state.resendAt,
        notice: { kind: "wait", seconds: retryAfter, until },
      };
    case "mail-unavailable":
      return { ...state, resendAt: until, notice: { kind: "mail-unavailable", seconds: retryAfter, until } };
    case "internal-error":
    case "unreachable":
      // The id and the code stay: the same tap repeats the same request.
      return { ...state, notice: { kind: "unreachable" } };
    default:
      return { ...state, notice: { kind: "bug" } };
  }
}
