// node --test
// They sign proofs with a key of their own, and need no service.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import express from "express";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { sqliteAccounts } from "./accounts-sqlite.mjs";
import { proofVerifier } from "./proof.mjs";
import { signUp } from "./sign-up.mjs";

const { privateKey, publicKey } = await generateKeyPair("ES256");
const keySet = { keys: [{ ...(await exportJWK(publicKey)), kid: "test", alg: "ES256" }] };
let haveKeys = true;
const issuer = await listening((request, response) => {
  response.writeHead(haveKeys ? 200 : 500).end(JSON.stringify(keySet));
});

/** The URL of a server that ends with the tests. */
async function listening(handler) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** A proof signed with the test key. What is undefined it lacks. */
function makeProof(changes = {}) {
  const now = Math.floor(Date.now() / 1000);
  const email = "kim@example.com";
  const claims = { iss: issuer, aud: "staging", sub: email, email, email_verified: true, iat: now, exp: now + 600 };
  const more = { jti: randomUUID(), challenge_id: randomUUID(), purpose: "sign-up" };
  return new SignJWT({ ...claims, ...more, ...changes }).setProtectedHeader({ alg: "ES256", kid: "test" }).sign(privateKey);
}

/** A function that posts to a backend without accounts. A text is sent as it is. */
async function backend(options) {
  const session = {};
  const app = express()
    .use((request, response, next) => {
      request.session = session;
      next();
    })
    .use(signUp(proofVerifier(issuer, "staging staging:test"), sqliteAccounts(), options));
  const url = await listening(app);
  return (path, data) => {
    const body = typeof data === "string" ? data : JSON.stringify(data);
    return fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body });
  };
}

/** The same, with the token alone. It resolves to the status. */
async function tokenBackend() {
  const post = await backend();
  return async (path, token) => (await post(path, { token })).status;
}

test("nothing is refused while there are no keys", async () => {
  const post = await tokenBackend();
  haveKeys = false;
  assert.equal(await post("/sign-up", await makeProof()), 503);
  haveKeys = true;
  assert.equal(await post("/sign-up", await makeProof()), 201);
});

test("a proof is used once, and an address has one account", async () => {
  const post = await backend();
  const response = await post("/sign-up", { token: await makeProof({ jti: "1" }) });
  assert.equal(response.status, 201);
  assert.deepEqual(await response.json(), { email: "kim@example.com" });
  assert.equal((await post("/sign-up", { token: await makeProof({ jti: "1", email: "lee@example.com" }) })).status, 409);
  assert.equal((await post("/sign-up", { token: await makeProof() })).status, 409);
});

test("a proof that met an account logs in once", async () => {
  const post = await tokenBackend();
  const [used, unused] = [await makeProof(), await makeProof()];
  assert.equal(await post("/sign-in", unused), 404);
  assert.equal(await post("/sign-up", used), 201);
  assert.equal(await post("/sign-up", unused), 409);
  assert.equal(await post("/sign-in", used), 401);
  assert.equal(await post("/sign-in", unused), 200);
  assert.equal(await post("/sign-in", unused), 401);
});

test("what is no proof for this backend is refused", async () => {
  const post = await backend();
  const other = "https://other.example.com";
  for (const changes of [{ aud: "production:test" }, { iss: other }, { exp: 1 }, { email_verified: false }]) {
    assert.equal((await post("/sign-up", { token: await makeProof(changes) })).status, 401, JSON.stringify(changes));
  }
  assert.equal((await post("/sign-up", { token: "not a JWT" })).status, 401);
  assert.equal((await post("/sign-up", {})).status, 400);
});

test("a proof is for one purpose", async () => {
  const post = await tokenBackend();
  assert.equal(await post("/sign-up", await makeProof({ purpose: "sign-in" })), 401);
  assert.equal(await post("/sign-up", await makeProof({ purpose: undefined })), 401);
  assert.equal(await post("/sign-up", await makeProof()), 201);
  assert.equal(await post("/sign-in", await makeProof({ purpose: "change-email" })), 401);
  assert.equal(await post("/sign-in", await makeProof({ purpose: undefined })), 401);
  assert.equal(await post("/sign-in", await makeProof({ purpose: "sign-in" })), 200);
  await assert.rejects(proofVerifier(issuer, "staging")(await makeProof()), TypeError);
});

test("a malformed request gets its error as JSON", async () => {
  const post = await backend();
  for (const body of ["{", `{"token": "${"x".repeat(200_000)}"}`, {}]) {
    const response = await post("/sign-up", body);
    assert.equal(response.status, 400);
    assert.deepEqual(await response.json(), { error: "malformed-request" });
  }
});

test("a staging backend accepts test recipients", async () => {
  const post = await tokenBackend();
  assert.equal(await post("/sign-up", await makeProof({ aud: "staging:test" })), 201);
});

test("the challenge is that of the app", async () => {
  const post = await backend();
  const token = await makeProof({ challenge_id: "1" });
  assert.equal((await post("/sign-up", { token, challenge_id: "2" })).status, 401);
  assert.equal((await post("/sign-up", { token, challenge_id: "1" })).status, 201);
});

test("the challenge is that of the session", async () => {
  const post = await backend({ boundToSession: true });
  assert.equal((await post("/sign-up", { token: await makeProof() })).status, 401);
  const { challenge_id } = await (await post("/challenge", {})).json();
  assert.deepEqual(await (await post("/challenge", {})).json(), { challenge_id });
  assert.equal((await post("/sign-up", { token: await makeProof() })).status, 401);
  assert.equal((await post("/sign-up", { token: await makeProof({ challenge_id }) })).status, 201);
});
