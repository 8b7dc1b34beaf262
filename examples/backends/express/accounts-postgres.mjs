// Accounts in PostgreSQL, with `new pg.Pool()` (npm install pg) and the tables of ../sql/postgres.sql.

const USE_PROOF = "INSERT INTO used_proofs (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";
// Each ON CONFLICT names its column, so that a second unique column, such as a user name, is an error and not a 409.
const ADD_ACCOUNT = "INSERT INTO accounts (email) VALUES ($1) ON CONFLICT (email) DO NOTHING";

export const postgresAccounts = (pool) => ({
  async create({ jti, exp, email }) {
    const client = await pool.connect();
    let failure;
    try {
      await client.query("BEGIN");
      const isNew =
        (await client.query(USE_PROOF, [jti, exp])).rowCount === 1 && (await client.query(ADD_ACCOUNT, [email])).rowCount === 1;
      await client.query(isNew ? "COMMIT" : "ROLLBACK");
      return isNew;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      // A connection that failed is closed, which rolls back.
      client.release(failure);
    }
  },
  exists: async (email) => (await pool.query("SELECT id FROM accounts WHERE email = $1", [email])).rowCount === 1,
  useProof: async ({ jti, exp }) => (await pool.query(USE_PROOF, [jti, exp])).rowCount === 1,
});
