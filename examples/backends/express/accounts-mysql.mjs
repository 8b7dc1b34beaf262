// Accounts in MySQL, with `createPool()` of `mysql2/promise` (npm install mysql2) and the tables of ../sql/mysql.sql.

// No INSERT IGNORE: it also hides errors that are no duplicates.
const USE_PROOF = "INSERT INTO used_proofs (jti, expires_at) VALUES (?, ?)";
const ADD_ACCOUNT = "INSERT INTO accounts (email) VALUES (?)";

export const mysqlAccounts = (pool) => ({
  async create({ jti, exp, email }) {
    const connection = await pool.getConnection();
    try {
      await connection.beginTransaction();
      await connection.execute(USE_PROOF, [jti, exp]);
      await connection.execute(ADD_ACCOUNT, [email]);
      await connection.commit();
      return true;
    } catch (error) {
      await connection.rollback();
      return isDuplicate(error);
    } finally {
      connection.release();
    }
  },
  exists: async (email) => (await pool.execute("SELECT id FROM accounts WHERE email = ?", [email]))[0].length === 1,
  useProof: ({ jti, exp }) => pool.execute(USE_PROOF, [jti, exp]).then(() => true, isDuplicate),
});

/** False for a duplicate; any other error goes on. With a second unique column, see which key the error's message names. */
function isDuplicate(error) {
  if (error.code === "ER_DUP_ENTRY") return false;
  throw error;
}
