import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { type ApiUnderTest, startApi, tokenFor } from '../api/apiUnderTest.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const path = '/api/v1/integrations/llm-usage';
const secret = `whsec_${Buffer.from('a secret of this test run').toString('base64')}`;
const gateway = tokenFor('gateway');
const connections = 20;
const tenants = 5;

interface Sent {
  readonly gateway_request_id: string;
  readonly tenant_id: string;
  readonly deployment_id: string;
  readonly model: string;
  readonly tokens: number;
  readonly charge: string;
  readonly currency: string;
  readonly occurred_at: string;
}

let database: TestDatabase;
let apis: readonly ApiUnderTest[];
const deployments = Array.from({ length: tenants }, () => randomUUID());

beforeAll(async () => {
  database = await createTestDatabase();
  // Two servers over one database: duplicates meet in a group, in a process and between processes. The limits are the defaults.
  const options = {
    databaseUrl: database.appUrl,
    environment: { GATEWAY_WEBHOOK_SECRET: secret, RATE_LIMIT_PER_MINUTE: '600' },
  };
  apis = [await startApi(options), await startApi(options)];
  const [api] = apis;
  if (api === undefined) throw new Error('no API');
  const now = new Date();
  for (const [index, id] of deployments.entries()) {
    await forSession(api.orm, systemSession).insert(CloudDeployment, {
      id,
      tenantId: `tenant-${index}`,
      slug: id,
      displayName: id,
      createdAt: now,
      updatedAt: now,
    });
  }
});
afterAll(async () => {
  for (const api of apis) await api.close();
  await database.drop();
});

/** Every tenth names a deployment that is not there; they lie in three months. */
function newEvent(index: number): Sent {
  const tenant = index % tenants;
  return {
    gateway_request_id: randomUUID(),
    tenant_id: `tenant-${tenant}`,
    deployment_id: index % 10 === 0 ? 'nobody knows' : (deployments[tenant] ?? ''),
    model: `model-${index % 7}`,
    tokens: randomInt(100_000),
    charge: `${randomInt(100)}.${String(randomInt(10 ** 9)).padStart(9, '0')}`,
    currency: 'AUD',
    occurred_at: new Date(Date.UTC(2026, index % 3, 1 + (index % 28), 12)).toISOString(),
  };
}

function shuffle<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, key: randomInt(2 ** 40) }))
    .sort((left, right) => left.key - right.key)
    .map(({ item }) => item);
}

/** What one request brings: mostly one event, every fiftieth a batch of ten. */
function cut(events: readonly Sent[]): Sent[][] {
  const requests: Sent[][] = [];
  for (let from = 0; from < events.length; from += requests.at(-1)?.length ?? 1) {
    requests.push(events.slice(from, from + (requests.length % 50 === 49 ? 10 : 1)));
  }
  return requests;
}

/** By a token and by a signature in turn. */
function send(api: ApiUnderTest, events: readonly Sent[], number: number) {
  const body = JSON.stringify(events.length === 1 ? events[0] : { events });
  if (number % 2 === 0) return api.call(path, { method: 'POST', token: gateway, body });
  const now = new Date();
  const headers = {
    'webhook-id': `msg_${number}`,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(`msg_${number}`, now, body),
  };
  return api.call(path, { method: 'POST', body, headers });
}

describe('10,000 events of which 3,000 are duplicates, over 20 connections to two servers', () => {
  it('are stored exactly once each, and every request is answered with a success', async () => {
    const events = Array.from({ length: 7_000 }, (_, index) => newEvent(index));
    const requests = cut(shuffle([...events, ...shuffle(events).slice(0, 3_000)]));
    const statuses = new Map<number, number>();
    const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const failures: string[] = [];
    let next = 0;
    const client = async (api: ApiUnderTest) => {
      for (let number = next++; number < requests.length; number = next++) {
        const request = requests[number] ?? [];
        const answer = await send(api, request, number);
        if (answer.status >= 400) failures.push(answer.text);
        else if (request.length === 1) count(answer.status);
        else for (const { status } of answer.json['results'] as { status: number }[]) count(status);
      }
    };
    await Promise.all(
      Array.from({ length: connections }, (_, index) => client(apis[index % 2] as ApiUnderTest)),
    );
    expect(failures).toEqual([]);
    expect(Object.fromEntries(statuses)).toEqual({ 200: 3_000, 201: 7_000 });

    const [api] = apis;
    const rows = await forSession((api as ApiUnderTest).orm, systemSession).execute<
      Record<string, unknown>[]
    >(
      `select gateway_request_id, tenant_id, claimed_deployment_id as deployment_id, model, tokens::float8 as tokens,
         charge::text as charge, currency,
         to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as occurred_at,
         state, deployment_id::text is not distinct from nullif(claimed_deployment_id, 'nobody knows') as is_assigned_right
       from llm_usage_events`,
    );
    const byId = (left: Record<string, unknown>, right: Record<string, unknown>) =>
      String(left['gateway_request_id']) < String(right['gateway_request_id']) ? -1 : 1;
    const expected = events.map((event) => ({
      ...event,
      state: event.deployment_id === 'nobody knows' ? 'unassigned' : 'billable',
      is_assigned_right: true,
    }));
    expect(rows.sort(byId)).toEqual(expected.sort(byId));
  }, 240_000);

  it('leave late usage noted once for each deployment and month', async () => {
    const [api] = apis;
    const [late] = await forSession((api as ApiUnderTest).orm, systemSession).execute<{ months: number }[]>(
      'select count(*)::int as months from late_usage where source_llm and settled_at is null',
    );
    expect(late?.months).toBe(tenants * 3);
  });
});
