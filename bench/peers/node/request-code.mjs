import { randomInt, randomUUID } from "node:crypto";
import { TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import { CALLS, dynamodb, log, mac, respond, serve, TIMEOUTS } from "./shared.mjs";

const ses = new SESv2Client({ maxAttempts: 1, requestHandler: TIMEOUTS });

async function charge(email, challenge, code, source) {
  const items = structuredClone(CALLS.TransactWriteItems.TransactItems);
  const names = [mac(email, challenge), mac(email), mac(source)];
  names.forEach((name, index) => (items[index].Update.Key = { pk: { S: name } }));
  items[0].Update.ExpressionAttributeValues[":code"] = { S: mac(email, challenge, code) };
  const token = `${randomUUID().replaceAll("-", "")}-1`;
  await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: token }));
}

async function mail(email, code) {
  const call = structuredClone(CALLS.SendEmail);
  call.Destination.ToAddresses = [email];
  const { Subject, Body } = call.Content.Simple;
  for (const part of [Subject, ...Object.values(Body)]) part.Data = part.Data.replaceAll(CALLS.code, code);
  await ses.send(new SendEmailCommand(call));
}

await serve(async (event) => {
  const email = JSON.parse(event.body).email.trim().toLowerCase();
  const challenge = randomUUID();
  const code = String(randomInt(1_000_000)).padStart(6, "0");
  await charge(email, challenge, code, event.requestContext.http.sourceIp);
  await mail(email, code);
  log("mailed", challenge);
  return respond(202, { challenge_id: challenge, expires_in: 600, resend_in: 60 });
});
