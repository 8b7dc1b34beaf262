// Accounts in SQLite, for tests: in memory unless there is a path. For the others: ../sql has the tables.

import { DatabaseSync } from "node:sqlite";

export function sqliteAccounts(path = ":memory:") {
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE)");
  database.exec("CREATE TABLE IF NOT EXISTS used_proofs (jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL)");
  const insertProof = database.prepare("INSERT INTO used_proofs (jti, expires_at) VALUES (?, ?) ON CONFLICT (jti) DO NOTHING");
  const insertAccount = database.prepare("INSERT INTO accounts (email) VALUES (?) ON CONFLICT (email) DO NOTHING");
  const select = database.prepare("SELECT id FROM accounts WHERE email = ?");
  const useProof = async ({ jti, exp }) => insertProof.run(jti, exp).changes === 1;

  return {
    async create({ jti, exp, email }) {
      database.exec("BEGIN");
      const isNew = insertProof.run(jti, exp).changes === 1 && insertAccount.run(email).changes === 1;
      database.exec(isNew ? "COMMIT" : "ROLLBACK");
      return isNew;
    },
    exists: async (email) => select.get(email) !== undefined,
    useProof,
  };
}
