import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyParser } from '@koa/bodyparser';
import { Router } from '@koa/router';
import Koa from 'koa';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { z } from 'zod';

const receivable = z.object({
  invoice_id: z.uuid(),
  number: z.string(),
  tenant_id: z.string(),
  currency: z.string().length(3),
  total_cents: z.int().positive(),
  credited_cents: z.int().min(0),
  status: z.enum(['issued', 'void']),
  version: z.int().positive(),
  due_on: z.iso.date(),
});
const request = z.object({
  receivables: z
    .array(z.looseObject({ invoice_id: z.string() }))
    .min(1)
    .max(100),
});
const payment = z.strictObject({
  amount_cents: z.int().positive().optional(),
  reference: z.string().optional(),
  paid_on: z.iso.date().optional(),
});

/** What the finance system keeps of one invoice: the latest version that it was told of. */
export interface KnownReceivable {
  /** Its own id for it. */
  readonly id: string;
  document: z.infer<typeof receivable> & Readonly<Record<string, unknown>>;
  /** How often it was told of it. */
  timesTold: number;
}

/** What goes wrong with the next requests. */
export type FinanceFault = 'unavailable' | 'rate_limited' | 'lost_answer' | 'wrong_answer';

export interface FinanceSimulator {
  readonly url: string;
  readonly known: ReadonlyMap<string, KnownReceivable>;
  /** Refuses these tenants, until they are taken out again. */
  readonly refusedTenants: Set<string>;
  /** Each is used up by one request. */
  readonly faults: FinanceFault[];
  /** Tells the service of a payment: all that is open unless given. @returns its answer */
  pay(invoiceId: string, details?: z.input<typeof payment>): Promise<{ status: number; body: unknown }>;
  close(): Promise<void>;
}

/**
 * A finance system on this machine: it keeps one receivable an invoice id, checks every signature, and sends signed payment notices
 * (`POST /pay/:invoice_id`, or `pay`). It refuses what it can't read and the tenants that it is told to refuse.
 */
export async function startFinance(options: {
  readonly port?: number;
  readonly secret: string;
  /** The service's own address, for payment notices. */
  readonly apiUrl: () => string;
}): Promise<FinanceSimulator> {
  const webhook = new Webhook(options.secret);
  const known = new Map<string, KnownReceivable>();
  const refusedTenants = new Set<string>();
  const faults: FinanceFault[] = [];

  async function pay(invoiceId: string, details: z.input<typeof payment> = {}) {
    const told = known.get(invoiceId);
    if (told === undefined) return { status: 404, body: { error: `no receivable for ${invoiceId}` } };
    const { total_cents, credited_cents } = told.document;
    const { amount_cents = total_cents - credited_cents, paid_on = new Date().toISOString().slice(0, 10) } =
      details;
    const { reference = `PAY-${told.id}-${amount_cents}` } = details;
    const { currency } = told.document;
    const body = JSON.stringify({ invoice_id: invoiceId, amount_cents, currency, paid_on, reference });
    const id = `pay_${crypto.randomUUID()}`;
    const now = new Date();
    const response = await fetch(`${options.apiUrl()}/api/v1/integrations/payments`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': webhook.sign(id, now, body),
      },
    });
    return { status: response.status, body: await response.json() };
  }

  function answerFor(document: Readonly<Record<string, unknown>> & { readonly invoice_id: string }) {
    const { invoice_id } = document;
    const read = receivable.safeParse(document);
    if (!read.success) return { invoice_id, status: 'refused', problem: z.prettifyError(read.error) };
    if (refusedTenants.has(read.data.tenant_id)) {
      return {
        invoice_id,
        status: 'refused',
        problem: `the debtor ${read.data.tenant_id} is not known here`,
      };
    }
    const before = known.get(invoice_id);
    if (before !== undefined && before.document.total_cents !== read.data.total_cents) {
      return { invoice_id, status: 'refused', problem: `it was ${before.document.total_cents} cents before` };
    }
    const kept = before ?? {
      id: `AR-${String(known.size + 1).padStart(6, '0')}`,
      document: { ...document, ...read.data },
      timesTold: 0,
    };
    if (kept.document.version < read.data.version) kept.document = { ...document, ...read.data };
    kept.timesTold += 1;
    known.set(invoice_id, kept);
    return { invoice_id, status: 'accepted', id: kept.id };
  }

  const router = new Router();
  router.post('/receivables', (ctx) => {
    const fault = faults.shift();
    if (fault === 'unavailable') ctx.throw(503, 'closed for the night');
    if (fault === 'rate_limited') {
      ctx.set('retry-after', '1');
      ctx.throw(429, 'too many requests');
    }
    try {
      webhook.verify(ctx.request.rawBody ?? '', ctx.headers as Record<string, string>);
    } catch (error) {
      if (error instanceof WebhookVerificationError) ctx.throw(401, error.message);
      throw error;
    }
    const read = request.safeParse(ctx.request.body);
    if (!read.success) return ctx.throw(400, z.prettifyError(read.error));
    const results = read.data.receivables.map(answerFor);
    if (fault === 'lost_answer') {
      ctx.respond = false;
      ctx.req.socket.destroy();
      return;
    }
    ctx.body = fault === 'wrong_answer' ? { ok: true } : { results };
  });
  router.get('/receivables', (ctx) => {
    ctx.body = {
      receivables: [...known.values()].map(({ id, document, timesTold }) => ({
        id,
        times_told: timesTold,
        ...document,
      })),
    };
  });
  router.post('/pay/:invoice_id', async (ctx) => {
    const read = payment.safeParse(ctx.request.body ?? {});
    if (!read.success) return ctx.throw(400, z.prettifyError(read.error));
    const answer = await pay(String(ctx['params']['invoice_id']), read.data);
    ctx.status = answer.status;
    ctx.body = answer.body;
  });

  const app = new Koa();
  // A refusal on demand is no news.
  app.silent = true;
  app.use(bodyParser());
  app.use(router.routes());
  const server = createServer(app.callback()).listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    known,
    refusedTenants,
    faults,
    pay,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
