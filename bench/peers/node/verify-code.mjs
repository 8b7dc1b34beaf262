import { createECDH, createHmac, createPrivateKey, sign, timingSafeEqual } from "node:crypto";
import { UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { CALLS, dynamodb, log, mac, respond, secret, serve } from "./shared.mjs";

const MAX_GUESSES = Number(process.env.MAX_GUESSES);
const PROOF_SECONDS = 60 * Number(process.env.PROOF_LIFETIME_MINUTES);

const proofKey = privateKey(createHmac("sha256", secret).update("proof").digest());

function privateKey(d) {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(d);
  // After a byte that says how the point is written, x and y.
  const point = pair.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)];
  const numbers = { d, x, y };
  for (const name in numbers) numbers[name] = numbers[name].toString("base64url");
  return createPrivateKey({ format: "jwk", key: { kty: "EC", crv: "P-256", ...numbers } });
}

const isSame = (one, other) => one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

const update = async (write) => (await dynamodb.send(new UpdateItemCommand(write))).Attributes;

function submit(email, challenge, guess) {
  const write = structuredClone(CALLS.UpdateItem);
  write.Key = { pk: { S: mac(email, challenge) } };
  Object.assign(write.ExpressionAttributeValues, { ":guess": { S: guess }, ":guesses": { SS: [guess] } });
  return update(write);
}

function giveBack(source, mails) {
  const write = structuredClone(CALLS.GiveBack);
  write.Key = { pk: { S: source } };
  write.ExpressionAttributeValues = { ":minus": { N: String(-mails) }, ":mails": { N: String(mails) } };
  return update(write);
}

function proof(event, email, challenge, proofId) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: `https://${event.requestContext.domainName}`,
    aud: process.env.PROOF_AUDIENCE,
    sub: email,
    email,
    email_verified: true,
    challenge_id: challenge,
    purpose: "sign-up",
    jti: proofId,
    iat: now,
    exp: now + PROOF_SECONDS,
  };
  const parts = [{ typ: "JWT", alg: "ES256", kid: "1" }, claims];
  const message = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(message), { key: proofKey, dsaEncoding: "ieee-p1363" });
  return `${message}.${signature.toString("base64url")}`;
}

await serve(async (event) => {
  const body = JSON.parse(event.body);
  const [email, challenge] = [body.email.trim().toLowerCase(), body.challenge_id];
  const guess = mac(email, challenge, body.code);
  const found = await submit(email, challenge, guess);
  if (!isSame(found.code_digest.S, guess)) {
    log("invalid-code", challenge);
    const left = MAX_GUESSES - found.guesses.SS.length;
    return respond(401, { type: "invalid-code", status: 401, guesses_left: left });
  }
  const token = proof(event, email, challenge, mac(email, challenge, found.generation.S, "proof"));
  for (const [source, mails] of Object.entries(found.paid_by.M)) await giveBack(source, Number(mails.N));
  log("verified", challenge);
  return respond(200, { email, token, token_type: "JWT", expires_in: PROOF_SECONDS });
});
