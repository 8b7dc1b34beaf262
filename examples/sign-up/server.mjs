// Serves the page and its TypeScript, translated for the browser, and the backend. `make run` starts it.

import { readFile } from "node:fs/promises";
import express from "express";
import ts from "typescript";

import { backend } from "./backend.mjs";

const { API_URL, INBOX_URL, PORT } = process.env;
const FOLDER = import.meta.dirname;
const CLIENT = `${FOLDER}/../clients/typescript/client.ts`;
const POLICY = `default-src 'self'; connect-src 'self' ${API_URL}; base-uri 'none'; frame-ancestors 'none'`;
const OPTIONS = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };

const app = express();
app.use((request, response, next) => {
  // The page's address has the proof in its fragment when the link leads back to it.
  response.set({ "content-security-policy": POLICY, "referrer-policy": "no-referrer", "cache-control": "no-store" });
  next();
});
app.use(backend(API_URL, "email-verification"));
app.get("/addresses.json", (request, response) => response.json({ api: API_URL, inbox: INBOX_URL }));
app.get("/", (request, response) => response.sendFile(`${FOLDER}/index.html`));
app.get("/style.css", (request, response) => response.sendFile(`${FOLDER}/style.css`));
app.get(/^\/(\w+)\.ts$/, (request, response) => sendScript(response, `${FOLDER}/${request.params[0]}.ts`));
// What the scripts import as ../clients/typescript/client.ts.
app.get("/clients/typescript/client.ts", (request, response) => sendScript(response, CLIENT));
app.listen(PORT, "127.0.0.1");

async function sendScript(response, path) {
  const source = await readFile(path, "utf8");
  response.type("text/javascript").send(ts.transpileModule(source, { compilerOptions: OPTIONS }).outputText);
}
