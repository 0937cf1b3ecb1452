import { bodyParser } from '@koa/bodyparser';
import Koa from 'koa';
import pg from 'pg';

/**
 * What the API's intake of LLM usage is measured against: a Koa handler that does nothing but one INSERT a request, committed before
 * it answers. It trusts everybody and believes everything.
 */
const pool = new pg.Pool({
  connectionString: process.env['DATABASE_URL'],
  max: Number(process.env['DATABASE_POOL_SIZE']),
});
const insert = {
  // A name: each connection prepares it once.
  name: 'insert',
  text: `insert into bench_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge,
           currency, occurred_at, received_at, fingerprint, state)
         values ($1, $2, $3::text, $3::text::uuid, $4, $5, $6, $7, $8, now(), $9, 'billable')
         on conflict (gateway_request_id) do nothing`,
};
/** As long as a real one. */
const fingerprint = '0'.repeat(43);

const app = new Koa();
app.use(bodyParser({ enableTypes: ['json'] }));
app.use(async (ctx) => {
  const event = ctx.request.body;
  if (typeof event !== 'object' || event === null || Object.keys(event).length === 0) {
    ctx.body = {};
    return;
  }
  const value = (name: string): unknown => Reflect.get(event, name);
  await pool.query({
    ...insert,
    values: [
      value('gateway_request_id'),
      value('tenant_id'),
      value('deployment_id'),
      value('model'),
      value('tokens'),
      value('charge'),
      value('currency'),
      value('occurred_at'),
      fingerprint,
    ],
  });
  ctx.status = 201;
  ctx.body = { duplicate: false };
});

const server = app.listen(Number(process.env['API_PORT']), '127.0.0.1');
process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => void pool.end());
});
