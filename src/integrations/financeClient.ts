import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { ArcadiaError } from '../domain/errors.ts';

/** An issued tenant invoice as it is now, as the finance system is told of it. Amounts in cents of the currency. */
export interface ReceivableDocument {
  readonly invoice_id: string;
  /** `INV-000001` */
  readonly number: string;
  readonly tenant_id: string;
  readonly period: string;
  readonly issued_at: string;
  readonly due_on: string;
  readonly currency: string;
  readonly subtotal_cents: number;
  readonly tax_cents: number;
  readonly total_cents: number;
  /** The total of its credit notes so far, tax included. */
  readonly credited_cents: number;
  /** Nothing is to be collected of a void one. */
  readonly status: 'issued' | 'void';
  /** From 1; the highest one that was told is true. */
  readonly version: number;
  readonly bill_to: Readonly<Record<string, string | null>> | null;
}

/** What the finance system says of one of them. */
export type ReceivableAnswer =
  | {
      readonly invoiceId: string;
      readonly version: number;
      readonly isAccepted: true;
      readonly externalId: string;
    }
  | {
      readonly invoiceId: string;
      readonly version: number;
      readonly isAccepted: false;
      readonly problem: string;
    };

export interface FinanceClient {
  /**
   * Hands over some receivables in one signed request; the finance system keeps one an invoice id, the latest version of it, so
   * handing over again is harmless.
   * @returns one answer each
   * @throws FinanceError
   */
  readonly pushReceivables: (
    receivables: readonly ReceivableDocument[],
    signal?: AbortSignal,
  ) => Promise<ReceivableAnswer[]>;
}

/** `finance_unavailable` (network, 408, 429, 5xx) passes; `finance_refused` (other 4xx, a broken answer) needs somebody. */
export class FinanceError extends ArcadiaError {}

const answer = z.object({
  results: z.array(
    z.discriminatedUnion('status', [
      z.object({ invoice_id: z.string(), status: z.literal('accepted'), id: z.string().min(1) }),
      z.object({ invoice_id: z.string(), status: z.literal('refused'), problem: z.string() }),
    ]),
  ),
});

const timeoutMs = 30_000;

/** The finance system at `url`, asked under Standard Webhooks signatures. */
export function createFinanceClient(options: {
  /** Its base address, without a trailing slash. */
  readonly url: string;
  /** `whsec_…`; the first of several signs. */
  readonly secret: string;
}): FinanceClient {
  const webhook = new Webhook(options.secret);

  function signedHeaders(body: string): Record<string, string> {
    // Of the same receivables always the same id: to the other side a second try is the same message.
    const id = `rcv_${createHash('sha256').update(body).digest('hex').slice(0, 40)}`;
    const now = new Date();
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': webhook.sign(id, now, body),
    };
  }

  async function post(body: string, signal: AbortSignal | undefined): Promise<Response> {
    try {
      return await fetch(`${options.url}/receivables`, {
        method: 'POST',
        body,
        headers: signedHeaders(body),
        redirect: 'error',
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new FinanceError(
        'finance_unavailable',
        `the finance system can't be reached at ${options.url}: ${causeOf(error)}`,
        { retryable: true, cause: error },
      );
    }
  }

  return {
    async pushReceivables(receivables, signal) {
      const response = await post(JSON.stringify({ receivables }), signal);
      const text = await response.text().catch((error: unknown) => {
        throw new FinanceError('finance_unavailable', `the answer broke off: ${causeOf(error)}`, {
          retryable: true,
        });
      });
      if (!response.ok) throw refusal(response, text);
      return answersFor(receivables, text);
    },
  };
}

function refusal(response: Response, text: string): FinanceError {
  const passes = response.status >= 500 || response.status === 408 || response.status === 429;
  const retryAfter = Number(response.headers.get('retry-after') ?? 'none');
  return new FinanceError(
    passes ? 'finance_unavailable' : 'finance_refused',
    `the finance system answered ${response.status}: ${text.slice(0, 300)}`,
    {
      retryable: passes,
      context: { status: response.status },
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    },
  );
}

/** @throws FinanceError where the answer is not what was agreed, or leaves one of them out */
function answersFor(receivables: readonly ReceivableDocument[], text: string): ReceivableAnswer[] {
  const read = answer.safeParse(parseJson(text));
  if (!read.success) throw badAnswer(z.prettifyError(read.error));
  const answers = new Map(read.data.results.map((result) => [result.invoice_id, result]));
  return receivables.map(({ invoice_id: invoiceId, version }) => {
    const result = answers.get(invoiceId);
    if (result === undefined) throw badAnswer(`it says nothing of ${invoiceId}`);
    return result.status === 'accepted'
      ? { invoiceId, version, isAccepted: true, externalId: result.id }
      : { invoiceId, version, isAccepted: false, problem: result.problem };
  });
}

const badAnswer = (detail: string) =>
  new FinanceError('finance_refused', `the finance system's answer is not what was agreed: ${detail}`);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** fetch wraps what went wrong. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
