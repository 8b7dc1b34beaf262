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
  code: string;
  expiresAt: number;
  resendAt: number;
  /** The proof, until the backend has taken it. */
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
  token: "",
  claims: null,
  pending: null,
  notice: null,
};

export type Event =
  /** The person typed an address. `newId` is a fresh UUID, in case it is another address than before. */
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

/** The state after an event. A tap while something is under way changes nothing, so a double tap sends one request. */
export function after(state: State, event: Event, now: number): State {
  const still = { ...state, notice: null };
  const answered = { ...still, pending: null };
  const isIdle = state.pending === null;
  switch (event.kind) {
    case "email-typed": {
      if (!isIdle) return state;
      const isSame = event.email === state.email && state.challengeId !== "";
      const kept = isSame ? still : { ...EMPTY, email: event.email, challengeId: event.newId };
      return { ...kept, pending: "request-code" };
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
      return { ...answered, ...times, step: "code", challengeId, code: "" };
    }
    case "code-verified":
      return { ...answered, step: "proof", token: event.token, pending: "sign-up" };
    case "backend-answered":
      return afterBackend(answered, event.status, event.claims);
    case "problem":
      return afterProblem(answered, event, now);
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
  { problem, retryAfter, guessesLeft }: { problem: string; retryAfter: number; guessesLeft: number },
  now: number,
): State {
  const until = now + retryAfter * 1000;
  switch (problem) {
    case "invalid-email":
      return { ...state, step: "email", notice: { kind: "invalid-email" } };
    case "malformed-request":
      // Only the service knows how many digits a code has.
      return { ...state, notice: { kind: state.step === "code" && state.code !== "" ? "incomplete-code" : "bug" } };
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
      return { ...state, resendAt: until, notice: { kind: "wait", seconds: retryAfter, until } };
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
