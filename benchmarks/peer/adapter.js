// Where the peer keeps its artifacts: one table, one row each, what is looked for in columns of
// its own. Statements are named, so that PostgreSQL plans each once per connection.
import pg from 'pg';

const GRANTED = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);
const LIVE = 'AND (expires_at IS NULL OR expires_at > now())';
const STATEMENTS = {
  upsert: `INSERT INTO artifact (model, id, payload, grant_id, uid, expires_at)
    VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
    ON CONFLICT (model, id) DO UPDATE SET payload = EXCLUDED.payload, grant_id = EXCLUDED.grant_id,
      uid = EXCLUDED.uid, expires_at = EXCLUDED.expires_at`,
  find: `SELECT payload, consumed FROM artifact WHERE model = $1 AND id = $2 ${LIVE}`,
  findByUid: `SELECT payload, consumed FROM artifact WHERE model = $1 AND uid = $2 ${LIVE}`,
  consume: `UPDATE artifact SET consumed = extract(epoch FROM now())::bigint WHERE model = $1 AND id = $2`,
  destroy: 'DELETE FROM artifact WHERE model = $1 AND id = $2',
  revoke: 'DELETE FROM artifact WHERE model = $1 AND grant_id = $2',
};

const pool = new pg.Pool({ connectionString: process.env.PEER_DATABASE_URL, max: 8 });

async function run(name, ...values) {
  return (await pool.query({ name, text: STATEMENTS[name], values })).rows[0];
}

function restore(row) {
  if (!row) return undefined;
  return row.consumed === null ? row.payload : { ...row.payload, consumed: Number(row.consumed) };
}

export async function prepareTable() {
  await pool.query(`CREATE TABLE IF NOT EXISTS artifact (
    model text NOT NULL, id text NOT NULL, payload jsonb NOT NULL, grant_id text, uid text,
    expires_at timestamptz, consumed bigint, PRIMARY KEY (model, id));
    CREATE INDEX IF NOT EXISTS artifact_grant ON artifact (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS artifact_uid ON artifact (uid) WHERE uid IS NOT NULL`);
}

export default class PostgresAdapter {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload, expiresIn) {
    const grantId = GRANTED.has(this.model) ? payload.grantId : null;
    await run('upsert', this.model, id, payload, grantId ?? null, payload.uid ?? null, expiresIn ?? null);
  }

  async find(id) {
    return restore(await run('find', this.model, id));
  }

  async findByUid(uid) {
    return restore(await run('findByUid', this.model, uid));
  }

  async findByUserCode() {
    return undefined; // the device flow is off
  }

  async consume(id) {
    await run('consume', this.model, id);
  }

  async destroy(id) {
    await run('destroy', this.model, id);
  }

  async revokeByGrantId(grantId) {
    await run('revoke', this.model, grantId);
  }
}
