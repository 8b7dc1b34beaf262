// Draws the state, and turns taps into events.

import { EmailVerification } from "../clients/typescript/client.ts";
import { after, EMPTY, isAskDue, isDead, isLate, isMistyped, type Event, type Notice, type State } from "./flow.ts";
import { hint } from "./hint.ts";
import { send, undelivered } from "./requests.ts";
import { span, TEXTS, when, type Language } from "./texts.ts";

const { api, inbox } = await (await fetch("/addresses.json")).json();
const service = new EmailVerification(api);
let state: State = load();
let language: Language = loadLanguage();
/** The state whose request is under way. */
let sent: State | null = null;

// What an app keeps in its own storage: it outlives the app while the person reads their email.
function load(): State {
  return { ...EMPTY, ...JSON.parse(localStorage.getItem("sign-up") ?? "{}") };
}

function loadLanguage(): Language {
  const chosen = localStorage.getItem("language") ?? navigator.language;
  return chosen.startsWith("ko") ? "ko" : "en";
}

/** Stores the new state before anything is sent. */
function handle(event: Event): void {
  const next = after(state, event, Date.now());
  localStorage.setItem("sign-up", JSON.stringify(next));
  goTo(next);
  // The person goes on elsewhere than where they tapped.
  if (event.kind === "code-requested" || isRefusal(event)) focus();
  void sendPending();
}

function goTo(next: State): void {
  const before = state;
  state = next;
  const isNew = before.step !== state.step;
  if (state.code === "" && (isNew || before.code !== "")) element<HTMLInputElement>("code").value = "";
  if (state.email === "" && before.email !== "") element<HTMLInputElement>("email").value = "";
  draw();
  if (isNew) focus();
}

/** Whether what was typed is refused. */
function isRefusal(event: Event): boolean {
  const kinds = ["invalid-email", "malformed-code", "invalid-code", "code-expired", "undeliverable"];
  return event.kind === "problem" && kinds.includes(event.problem.kind);
}

async function sendPending(): Promise<void> {
  if (state.pending === null || isSame(sent, state)) return;
  const mine = (sent = state);
  const event = await send(mine, service, language);
  // The person may have gone on to something else meanwhile.
  if (sent !== mine) return;
  sent = null;
  if (isSame(mine, state)) handle(event);
}

/** Asks whether the email arrived. Nothing shows that it asks, and whatever the person does meanwhile ends it. */
async function ask(): Promise<void> {
  if (!isAskDue(state, Date.now())) return;
  handle({ kind: "asked" });
  const mine = state;
  const reason = await undelivered(mine, service, language);
  if (reason !== null && state === mine) handle({ kind: "undelivered", reason });
}

function isSame(one: State | null, other: State): boolean {
  return one?.pending === other.pending && one.email === other.email;
}

function element<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

function show(id: string, text: string, isShown = text !== ""): void {
  if (element(id).textContent !== text) element(id).textContent = text;
  element(id).hidden = !isShown;
}

function draw(): void {
  const texts = TEXTS[language];
  const now = Date.now();
  const { step, pending, email } = state;
  document.documentElement.lang = language;
  document.title = texts.title;
  show("title", texts.title);
  show("language", language === "ko" ? "English" : "한국어");
  element("language").lang = language === "ko" ? "en" : "ko";
  const isUndelivered = step === "code" && state.notice?.kind === "undeliverable";
  show("heading", texts.heading[isDead(state) ? "dead" : isMistyped(state) ? "mistyped" : step]);

  element("email-form").hidden = step !== "email";
  show("email-label", texts.email);
  show("send", texts.send);
  const better = hint(element<HTMLInputElement>("email").value);
  show("hint", better ? texts.didYouMean(better) : "");

  const isAlive = now < state.expiresAt;
  const mayResend = now >= state.resendAt;
  element("code-form").hidden = step !== "code" || isDead(state);
  show("sent", isUndelivered ? "" : texts.sentTo(email));
  show("code-label", texts.code);
  show("verify", texts.verify);
  const expiry = isAlive ? texts.expiresIn(span(state.expiresAt - now, language)) : texts.shouldBeOver;
  show("expiry", isUndelivered ? "" : expiry);
  element("again").hidden = step !== "code";
  show("next", isDead(state) ? texts.next(email) : "");
  show("resend", texts.resend);
  show("pause", mayResend ? "" : texts.pause(when(Math.ceil((state.resendAt - now) / 1000), state.resendAt, language)));
  // The button that probably helps is the filled one.
  element("verify").classList.toggle("plain", !isAlive || isMistyped(state));
  element("resend").classList.toggle("plain", isAlive || isMistyped(state));

  const outcome = { done: texts.done, exists: texts.exists };
  show("outcome", step === "done" || step === "exists" ? outcome[step](email) : "");
  element("waiting").textContent = pending ? texts.waiting[pending] : "";
  const notice = state.notice ? noticeText(state.notice, now) : "";
  if (element("notice").textContent !== notice) element("notice").textContent = notice;
  element("notice").classList.toggle("mild", isLate(state));
  show("retry", texts.retry, step === "proof" && pending === null);
  show("correct", texts.correct, isMistyped(state));
  const another = step === "code" || step === "proof" ? texts.anotherAddress : texts.startAgain;
  show("another", another, step !== "email" && !isMistyped(state));
  show("proof-label", texts.proof);
  show("claims", state.claims ? JSON.stringify(state.claims, null, 2) : "");
  const panel = element<HTMLDetailsElement>("proof");
  panel.hidden = state.claims === null;
  if (panel.hidden) panel.open = false;
  show("inbox", `${texts.inbox}: ${inbox}`);
  element<HTMLAnchorElement>("inbox").href = inbox;

  // Not `disabled`: that would take the focus away, and a screen reader's place with it.
  for (const id of ["send", "verify"]) element(id).ariaDisabled = String(pending !== null);
  element("resend").ariaDisabled = String(pending !== null || !mayResend);
  const refused = state.notice?.kind ?? "";
  element("email").ariaInvalid = String(refused === "invalid-email");
  const isWrong = state.notice?.kind === "undeliverable" && state.notice.isCodeWrong;
  element("code").ariaInvalid = String(refused === "wrong-code" || refused === "incomplete-code" || isWrong);
}

function noticeText(notice: Notice, now: number): string {
  const texts = TEXTS[language].notice;
  switch (notice.kind) {
    case "wrong-code":
      return texts["wrong-code"](notice.guessesLeft);
    case "undeliverable": {
      const why = texts.undeliverable[notice.reason](state.email);
      return notice.isCodeWrong ? `${texts.undeliverable.code} ${why}` : why;
    }
    case "wait":
    case "mail-unavailable":
      if (notice.until <= now) return "";
      // It does not count down, because a screen reader reads each change. Where another line does, that one says it.
      if (state.step === "code" && notice.until === state.resendAt) return texts[notice.kind](null);
      return texts[notice.kind](when(notice.seconds, notice.until, language));
    default:
      return texts[notice.kind];
  }
}

/** Puts the focus where the person goes on: in the field, or on the heading of a screen that has none. */
function focus(): void {
  const { step } = state;
  element(step === "email" || (step === "code" && !isDead(state)) ? step : "heading").focus();
}

function onTap(id: string, event: () => Event): void {
  element(id).addEventListener("click", () => {
    if (element(id).ariaDisabled !== "true") handle(event());
  });
}

function onSubmit(id: string, field: string, event: (typed: string) => Event): void {
  element<HTMLFormElement>(id).addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const typed = element<HTMLInputElement>(field).value.trim();
    if (typed === "") element(field).focus();
    else handle(event(typed));
  });
}

onSubmit("email-form", "email", (email) => ({ kind: "email-typed", email, newId: crypto.randomUUID() }));
onSubmit("code-form", "code", (code) => ({ kind: "code-typed", code }));
onTap("resend", () => ({ kind: "resend-tapped" }));
onTap("retry", () => ({ kind: "retry-tapped" }));
for (const id of ["correct", "another"]) onTap(id, () => ({ kind: "another-address-tapped" }));
element("email").addEventListener("input", draw);
element("hint").addEventListener("click", () => {
  const input = element<HTMLInputElement>("email");
  input.value = hint(input.value) ?? input.value;
  draw();
  input.focus();
});
element("language").addEventListener("click", () => {
  language = language === "ko" ? "en" : "ko";
  localStorage.setItem("language", language);
  draw();
});
// Another tab, such as the one that the email's link opened, went on with the sign-up.
addEventListener("storage", () => goTo(load()));

element<HTMLInputElement>("email").value = state.email;
element<HTMLInputElement>("code").value = state.code;
handle({ kind: "started" });
const returned = new URLSearchParams(location.hash.slice(1)).get("token");
if (returned) {
  // The proof stays in no history.
  history.replaceState(null, "", location.pathname);
  const claims = claimsOf(returned);
  if (claims) handle({ kind: "link-returned", email: claims.email, token: returned, challengeId: claims.challenge_id });
}
setInterval(() => {
  draw();
  void ask();
}, 1000);

/** The claims of a proof, unchecked: the backend checks it. Null for what is no proof, which anybody can put into a URL. */
function claimsOf(token: string): { email: string; challenge_id: string } | null {
  const payload = token.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/") ?? "";
  try {
    const claims = JSON.parse(atob(payload));
    return typeof claims?.email === "string" && typeof claims.challenge_id === "string" ? claims : null;
  } catch {
    return null;
  }
}
