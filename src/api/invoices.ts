import { z } from 'zod';
import { parseDecimal } from '../domain/money.ts';
import { type CloudInvoice, ingestStatuses } from '../entities/cloudInvoice.ts';
import type { CloudInvoiceVersion } from '../entities/cloudInvoiceVersion.ts';
import { listInvoices, listInvoiceVersions, readInvoice } from '../services/listInvoices.ts';
import { recordAudit } from '../services/recordAudit.ts';
import { workflowIds } from '../workflows/ids.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound, Problem } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import {
  amount,
  currency,
  instant,
  invoiceId,
  json,
  limit,
  link,
  pageOf,
  period,
  reason,
  signedDecimal,
  text,
  toAmount,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';
import { processLink, started, startedReply } from './startedWorkflow.ts';
import { startIngest } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const invoice = z
  .strictObject({
    id: uuid,
    invoice_uuid: z.string(),
    provider: z.string(),
    invoice_number: z.string().nullable(),
    period,
    issued_at: instant,
    amount,
    currency,
    ingest_status: z.enum(ingestStatuses),
    version: z.int().meta({ description: 'The current version; 0 before the first ingest.' }),
    line_count: z.int().nullable(),
    held_difference: amount
      .nullable()
      .meta({ description: 'Stated amount minus the sum of the lines, where it is held for that.' }),
    error: z
      .strictObject({ code: z.string(), message: z.string(), context: z.record(z.string(), json) })
      .nullable()
      .meta({ description: 'Why it is held.' }),
    discovered_at: instant,
    ingested_at: instant.nullable(),
    links: z.strictObject({ self: link, cost_lines: link, process: link }),
  })
  .meta({ id: 'CloudInvoice' });

const invoiceVersion = z
  .strictObject({
    version: z.int(),
    amount,
    currency,
    line_count: z.int(),
    checksum: z.string(),
    accepted_difference: amount.nullable(),
    ingested_at: instant,
    superseded_at: instant.nullable(),
    links: z.strictObject({ cost_lines: link }),
  })
  .meta({ id: 'CloudInvoiceVersion' });

const invoiceWithVersions = z
  .strictObject({ ...invoice.shape, versions: z.array(invoiceVersion) })
  .meta({ id: 'CloudInvoiceWithVersions' });

const byUuid = z.strictObject({ uuid: invoiceId });
/** Two providers may use one id; without it, the first by name. */
const ofProvider = z.strictObject({ provider: text(100).optional() });
const platformReaders = ['platform_admin', 'platform_viewer'] as const;

function costLinesLink(row: CloudInvoice, version?: number): string {
  const query = new URLSearchParams({ period: row.periodStart, invoice: row.invoiceUuid });
  if (version !== undefined) query.set('version', String(version));
  return `/api/v1/billing/cost-lines?${query}`;
}

const toInvoice = (row: CloudInvoice): z.input<typeof invoice> => ({
  id: row.id,
  invoice_uuid: row.invoiceUuid,
  provider: row.provider,
  invoice_number: row.invoiceNumber ?? null,
  period: row.periodStart,
  issued_at: toInstant(row.issuedAt),
  amount: toAmount(row.amount),
  currency: row.currency,
  ingest_status: row.ingestStatus,
  version: row.version,
  line_count: row.lineCount ?? null,
  held_difference: row.heldDifference == null ? null : toAmount(row.heldDifference),
  error: row.error ?? null,
  discovered_at: toInstant(row.discoveredAt),
  ingested_at: toInstantOrNull(row.ingestedAt ?? null),
  links: {
    self: `/api/v1/billing/invoices/${encodeURIComponent(row.invoiceUuid)}?${new URLSearchParams({ provider: row.provider })}`,
    cost_lines: costLinesLink(row),
    process: processLink(workflowIds.ingestInvoice(row.provider, row.invoiceUuid)),
  },
});

const toVersion = (row: CloudInvoice, version: CloudInvoiceVersion): z.input<typeof invoiceVersion> => ({
  version: version.version,
  amount: toAmount(version.amount),
  currency: version.currency,
  line_count: version.lineCount,
  checksum: version.checksum,
  accepted_difference: version.acceptedDifference == null ? null : toAmount(version.acceptedDifference),
  ingested_at: toInstant(version.ingestedAt),
  superseded_at: toInstantOrNull(version.supersededAt ?? null),
  links: { cost_lines: costLinesLink(row, version.version) },
});

const ingestRunning = () =>
  new Problem(409, 'ingest_running', 'an ingest of this invoice runs; try again when it is done');

export const invoiceRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/invoices',
    tag: 'Billing',
    summary: 'What the provider charged us, month by month, newest first.',
    roles: platformReaders,
    query: z.strictObject({
      period: period.optional(),
      status: z.enum(ingestStatuses, { error: `expected one of ${ingestStatuses.join(', ')}` }).optional(),
      limit,
      cursor: cursorOf('invoices', z.strictObject({ period, id: uuid })),
    }),
    answer: { status: 200, description: 'A page of invoices.', schema: pageOf(invoice) },
    async handle({ em, query }) {
      const rows = await listInvoices(
        em,
        { period: query.period, status: query.status },
        { after: query.cursor, limit: query.limit },
      );
      const keyOf = (row: CloudInvoice) => ({ period: row.periodStart, id: row.id });
      return { status: 200, body: toPage('invoices', rows, query.limit, keyOf, toInvoice) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/invoices/:uuid',
    tag: 'Billing',
    summary: 'One invoice with all its versions and, where it is held, why.',
    roles: platformReaders,
    params: byUuid,
    query: ofProvider,
    answer: { status: 200, description: 'The invoice.', schema: invoiceWithVersions },
    problems: { 404: 'No such invoice.' },
    async handle({ em, params, query }) {
      const row = await readInvoice(em, params.uuid, query.provider);
      if (row === null) throw notFound('invoice');
      const versions = await listInvoiceVersions(em, row.id);
      return {
        status: 200,
        body: { ...toInvoice(row), versions: versions.map((version) => toVersion(row, version)) },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/billing/invoices/:uuid/ingest',
    tag: 'Billing',
    summary: 'Ingests an invoice, again if it was before; meets the ingest that runs, if one does.',
    roles: ['platform_admin'],
    params: byUuid,
    query: ofProvider,
    answer: started,
    problems: { 404: 'No such invoice.', 503: "Temporal can't be reached." },
    async handle({ em, api, caller, params, query, now, requestId }) {
      const row = await readInvoice(em, params.uuid, query.provider);
      if (row === null) throw notFound('invoice');
      await recordAudit(em, caller, {
        occurredAt: now,
        action: 'cloud_invoice.request_ingest',
        subjectType: 'cloud_invoice',
        subjectId: row.id,
        requestId,
        workflowId: workflowIds.ingestInvoice(row.provider, row.invoiceUuid),
      });
      const run = await callTemporal(api, (client) => startIngest(client, row));
      if (run === undefined) throw ingestRunning();
      return startedReply(api.config, run);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/billing/invoices/:uuid/accept-difference',
    tag: 'Billing',
    summary: 'Books what a held invoice does not explain as one `unexplained` line, with a reason.',
    roles: ['platform_admin'],
    params: byUuid,
    query: ofProvider,
    body: z.strictObject({ difference: signedDecimal, reason }),
    answer: started,
    problems: {
      404: 'No such invoice.',
      409: 'It is not held, not with that difference, or its ingest runs.',
      503: "Temporal can't be reached.",
    },
    async handle({ em, api, caller, params, query, body, now, requestId }) {
      const row = await readInvoice(em, params.uuid, query.provider);
      if (row === null) throw notFound('invoice');
      const held = heldDisagreement(row, body.difference);
      await recordAudit(em, caller, {
        occurredAt: now,
        action: 'cloud_invoice.request_acceptance',
        subjectType: 'cloud_invoice',
        subjectId: row.id,
        reason: body.reason,
        before: { ingest_status: row.ingestStatus, held_difference: row.heldDifference ?? null },
        after: { accepted_difference: body.difference },
        requestId,
        workflowId: workflowIds.ingestInvoice(row.provider, row.invoiceUuid),
      });
      const run = await callTemporal(api, (client) =>
        startIngest(client, row, {
          ...held,
          difference: toAmount(body.difference),
          reason: body.reason,
          actor: caller.subject,
          requestId,
        }),
      );
      if (run === undefined) throw ingestRunning();
      return startedReply(api.config, run);
    },
  }),
];

/**
 * The disagreement for which the invoice is held.
 * @throws Problem 409 unless it is held with exactly this difference
 */
function heldDisagreement(
  row: CloudInvoice,
  difference: string,
): z.output<typeof disagreement> & { code: string } {
  const held = row.ingestStatus === 'held' ? row.heldDifference : null;
  if (held == null || row.error == null) {
    throw new Problem(409, 'invoice_not_held', 'this invoice is not held with a difference', {
      context: { ingest_status: row.ingestStatus },
    });
  }
  if (!parseDecimal(held).equals(parseDecimal(difference))) {
    throw new Problem(
      409,
      'other_difference',
      `this invoice is held with a difference of ${toAmount(held)}`,
      {
        context: { held_difference: toAmount(held), currency: row.currency },
      },
    );
  }
  return { ...disagreement.parse(row.error.context), code: row.error.code };
}

/** What the ingest noted when it held the invoice: the amount that we are asked to pay, and what the other place says. */
const disagreement = z.object({ stated: z.string(), found: z.string() });
