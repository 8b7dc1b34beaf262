// What both functions share: the key, the table, and a loop in place of Lambda's, which npm has only as source to compile. It
// does less than Lambda's.
//
// They make the calls of AWS that the service's functions made (CALLS_FILE), under names and with a code of their own. They
// leave out what takes little time: the limits, the languages, what may be wrong with a request, and all failures.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

export const CALLS = JSON.parse(readFileSync(process.env.CALLS_FILE, "utf8"));
export const TIMEOUTS = { connectionTimeout: 1000, requestTimeout: 2000 };

export const dynamodb = new DynamoDBClient({ maxAttempts: 3, requestHandler: TIMEOUTS });
const secrets = new SecretsManagerClient({ maxAttempts: 3, requestHandler: TIMEOUTS });

const read = new GetSecretValueCommand({ SecretId: process.env.SECRET_ID, VersionStage: "AWSCURRENT" });
export const secret = (await secrets.send(read)).SecretString;
const key = createHmac("sha256", secret).update("item-name").digest();

export const mac = (...parts) => createHmac("sha256", key).update(parts.join("\0")).digest("hex");

export const log = (outcome, challenge_id) => console.log(JSON.stringify({ level: "INFO", outcome, challenge_id }));

export function respond(statusCode, body) {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return { statusCode, headers, body: JSON.stringify(body), isBase64Encoded: false };
}

const agent = new http.Agent({ keepAlive: true });
const url = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

function call(method, path, body) {
  const headers = body ? { "content-length": Buffer.byteLength(body) } : {};
  return new Promise((resolve, reject) => {
    const request = http.request(`${url}/${path}`, { method, agent, headers }, async (response) => {
      let text = "";
      for await (const part of response.setEncoding("utf8")) text += part;
      resolve({ id: response.headers["lambda-runtime-aws-request-id"], text });
    });
    request.on("error", reject).end(body);
  });
}

export async function serve(handle) {
  for (;;) {
    const event = await call("GET", "next");
    const answer = await handle(JSON.parse(event.text));
    await call("POST", `${event.id}/response`, JSON.stringify(answer));
  }
}
