// The client that openapi-typescript generates from openapi.yaml: its types fit, and its calls work. `make contract` compiles
// and runs it.

import createClient from "openapi-fetch";

import type { paths } from "./generated/api.ts";

declare const process: { env: { API_URL: string; INBOX_URL: string } };
const { API_URL, INBOX_URL } = process.env;
const client = createClient<paths>({ baseUrl: API_URL });
const email = `${crypto.randomUUID()}@example.com`;

function expect(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
  console.log(`ok  ${what}`);
}

/** The code, from the subject of the email, once the inbox has it. */
async function mailedCode(): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const { messages } = await (await fetch(`${INBOX_URL}/messages/`)).json();
    const mail = messages.find((message: { recipients: { to: string[] } }) => message.recipients.to[0] === email);
    if (mail) return /[0-9]{6}/.exec(mail.subject)![0];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no email arrived");
}

const asked = await client.POST("/request-code", { body: { email, locale: "ko" } });
expect("a code is mailed", asked.response.status, 202);
const challenge_id = asked.data!.challenge_id;

const code = await mailedCode();
const wrong = await client.POST("/verify-code", { body: { email, challenge_id, code: code === "000000" ? "000001" : "000000" } });
const problem = wrong.error!;
expect("a wrong code is refused", "guesses_left" in problem && problem.guesses_left, 4);

const right = await client.POST("/verify-code", { body: { email, challenge_id, code } });
expect("the right one is accepted", right.data!.email, email);
expect("its proof is a JWT", right.data!.token_type, "JWT");

const keys = await client.GET("/.well-known/jwks.json");
expect("the public keys are there", keys.data!.keys[0]?.crv, "P-256");

const page = await client.GET("/verify", { params: { query: { link: "cut" } }, parseAs: "text" });
expect("a cut link gets a page", page.response.status, 400);
