// PROOF_ISSUER=http://127.0.0.1:9000 PROOF_AUDIENCE=email-verification node server.mjs

import express from "express";
import { sqliteAccounts } from "./accounts-sqlite.mjs";
import { proofVerifier } from "./proof.mjs";
import { signUp } from "./sign-up.mjs";

// In production, instead of sqliteAccounts():
//   import pg from "pg";
//   postgresAccounts(new pg.Pool())
// or with MySQL:
//   import { createPool } from "mysql2/promise";
//   mysqlAccounts(createPool(process.env.DATABASE_URL))
const app = express();

// For { boundToSession: true }, with `npm install express-session`. The default store keeps the sessions in memory, and they end
// with the process: give it a `store`. A `secure` cookie is only set over https; if a proxy ends TLS, set "trust proxy".
//   app.set("trust proxy", 1);
//   const cookie = { httpOnly: true, sameSite: "lax", secure: true };
//   app.use(session({ secret: process.env.SESSION_SECRET, resave: false, saveUninitialized: false, cookie }));
app.use(signUp(proofVerifier(), sqliteAccounts()));

// With NODE_ENV=production Express answers other errors without their stack trace.
app.listen(process.env.PORT ?? 3000, "127.0.0.1");
