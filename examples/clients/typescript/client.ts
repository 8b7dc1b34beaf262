// The client for browsers and React Native. It needs nothing but `fetch`. The sample app in examples/sign-up uses it.

/** A slow response takes up to 30 seconds: then API Gateway gives up. An app that gives up earlier misses it. */
const TIMEOUT_MS = 35_000;
const URN = "urn:email-verification:";

export type Requested = { expires_in: number; resend_in: number };
export type Verified = { token: string; expires_in: number };

/** `kind` is a problem type of the service, `unreachable` (no usable response) or `bug` (the app sent something wrong). */
export class Problem extends Error {
  readonly kind: string;
  readonly retryAfter: number;
  readonly guessesLeft: number;
  /** Which limit a `too-many-requests` is about, such as `pause`. Empty if API Gateway says it. */
  readonly limit: string;
  /** Why an email is `undeliverable`: `mailbox`, `temporary`, `content`, or what a later version of the service adds. */
  readonly reason: string;

  constructor(kind: string, retryAfter = 0, guessesLeft = 0, limit = "", reason = "") {
    super(kind);
    this.kind = kind;
    this.retryAfter = retryAfter;
    this.guessesLeft = guessesLeft;
    this.limit = limit;
    this.reason = reason;
  }
}

type Details = { type?: string; retry_after?: number; guesses_left?: number; limit?: string; reason?: string };

export class EmailVerification {
  private readonly api: string;
  private readonly purpose: string;

  /** A code works only for the purpose for which it was requested. */
  constructor(api: string, purpose = "sign-up") {
    this.api = api.replace(/\/+$/, "");
    this.purpose = purpose;
  }

  /** Mails a code. `challengeId` is the UUID of the whole sign-up: store it before the first call. */
  requestCode(email: string, challengeId: string, locale: string): Promise<Requested> {
    return this.post("/request-code", { email: bare(email), challenge_id: challengeId, locale, purpose: this.purpose });
  }

  /** Sends the code back. Safe to repeat: the same request gets the same proof for 60 seconds. */
  verifyCode(email: string, challengeId: string, code: string): Promise<Verified> {
    return this.post("/verify-code", { email: bare(email), challenge_id: challengeId, code, purpose: this.purpose });
  }

  private async post<Result>(path: string, members: object): Promise<Result> {
    const body = JSON.stringify(members);
    const headers = { "content-type": "application/json" };
    const abort = new AbortController(); // React Native has no AbortSignal.timeout.
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
    let status: number;
    let json: (Result & { expires_in?: number } & Details) | null;
    try {
      const response = await fetch(this.api + path, { method: "POST", headers, body, signal: abort.signal });
      status = response.status;
      json = await response.json();
    } catch {
      throw new Problem("unreachable");
    } finally {
      clearTimeout(timer);
    }
    if (status < 300 && json?.expires_in !== undefined) return json;
    if (json?.type?.startsWith(URN)) {
      const { type, retry_after, guesses_left, limit, reason } = json;
      throw new Problem(type.slice(URN.length), retry_after, guesses_left, limit, reason);
    }
    // API Gateway's own responses have no type.
    if (status === 429) throw new Problem("too-many-requests", 1);
    // A hotspot's login page is a 200 as well.
    throw new Problem(status >= 500 || status < 300 ? "unreachable" : "bug");
  }
}

/** The address without what is pasted around it: `mailto:`, a name in front, the dot of a phone's double space. */
function bare(email: string): string {
  const typed = email.trim().replace(/^mailto:/i, "");
  const inBrackets = /<([^<>]*)>$/.exec(typed);
  return (inBrackets?.[1] ?? typed).trim().replace(/\.$/, "");
}
