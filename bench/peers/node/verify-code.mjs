import { timingSafeEqual } from "node:crypto";
import { UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { CALLS, dynamodb, mac, respond, serve } from "./shared.mjs";

const isSame = (one, other) => one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

await serve(async (event) => {
  const body = JSON.parse(event.body);
  const email = body.email.trim().toLowerCase();
  const guess = mac(email, body.challenge_id, body.code);
  const write = structuredClone(CALLS.UpdateItem);
  write.Key = { pk: { S: mac(email, body.challenge_id) } };
  Object.assign(write.ExpressionAttributeValues, { ":guess": { S: guess }, ":guesses": { SS: [guess] } });
  const found = (await dynamodb.send(new UpdateItemCommand(write))).Attributes;
  if (isSame(found.code_digest.S, guess)) throw new Error("a right code");
  console.log(JSON.stringify({ level: "INFO", outcome: "invalid-code", challenge_id: body.challenge_id }));
  const left = Number(process.env.MAX_GUESSES) - found.guesses.SS.length;
  return respond(401, { type: "invalid-code", status: 401, guesses_left: left });
});
