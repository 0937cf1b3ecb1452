import { z } from 'zod';
import { focusDatasets, focusVersions } from '../domain/focus/columns.ts';
import { type FocusFile, focusFileStatuses } from '../entities/focusFile.ts';
import {
  type FocusFileInvoice,
  invoicesInFocusFile,
  listFocusBillingPeriods,
  listFocusFiles,
  readFocusFile,
} from '../services/listFocusFiles.ts';
import { recordAudit } from '../services/recordAudit.ts';
import { FocusFileTooLarge, FocusFileUnreadable, storeFocusFile } from '../services/storeFocusFile.ts';
import { workflowIds } from '../workflows/ids.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound, Problem } from './problems.ts';
import { fileTooLarge } from './requestBody.ts';
import { defineRoute, type Route } from './route.ts';
import {
  amount,
  currency,
  instant,
  json,
  limit,
  link,
  pageOf,
  period,
  text,
  toAmount,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';
import { processLink, startedReply, startedWorkflow } from './startedWorkflow.ts';
import { startFocusIngest } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const readers = ['platform_admin', 'platform_viewer'] as const;
const dataset = z.enum(focusDatasets, { error: `expected one of ${focusDatasets.join(', ')}` });
const version = z.enum(focusVersions, { error: `expected one of ${focusVersions.join(', ')}` });

const focusFile = z
  .strictObject({
    id: uuid,
    name: z.string(),
    sha256: z.string().meta({ description: 'Of the content, unpacked.' }),
    byte_size: z.string().meta({ description: 'Of the content, unpacked.' }),
    dataset: dataset.nullable(),
    version: version.nullable(),
    providers: z.array(z.string()),
    row_count: z.int().nullable(),
    status: z.enum(focusFileStatuses),
    error: z
      .strictObject({ code: z.string(), message: z.string(), context: z.record(z.string(), json) })
      .nullable()
      .meta({
        description: 'Why it is refused: `context.faults` names row, column, value and what is allowed.',
      }),
    notes: z
      .array(z.strictObject({ code: z.string(), column: z.string().nullable(), rows: z.int() }))
      .meta({ description: 'What the specification does not say and was accepted, in how many rows.' }),
    uploaded_by: z.string(),
    received_at: instant,
    ingested_at: instant.nullable(),
    links: z.strictObject({ self: link, process: link }),
  })
  .meta({ id: 'FocusFile' });

const focusFileInvoice = z.strictObject({
  provider: z.string(),
  invoice_uuid: z.string(),
  period,
  currency,
  lines_total: amount.nullable(),
  payable: amount.nullable().meta({ description: 'By the invoice detail, where one was brought.' }),
  links: z.strictObject({ invoice: link }),
});
const focusFileWithInvoices = z
  .strictObject({ ...focusFile.shape, invoices: z.array(focusFileInvoice) })
  .meta({ id: 'FocusFileWithInvoices' });

const billingPeriod = z
  .strictObject({
    provider: z.string(),
    issuer: z.string(),
    starts_at: instant,
    ends_at: instant,
    status: z.enum(['Open', 'Closed']),
  })
  .meta({ id: 'FocusBillingPeriod' });

const toFile = (row: FocusFile): z.input<typeof focusFile> => ({
  id: row.id,
  name: row.name,
  sha256: row.sha256 ?? '',
  byte_size: String(row.byteSize ?? 0),
  dataset: row.dataset ?? null,
  version: row.version ?? null,
  providers: row.providers,
  row_count: row.rowCount ?? null,
  status: row.status,
  error: row.error ?? null,
  notes: row.notes,
  uploaded_by: row.uploadedBy,
  received_at: toInstant(row.receivedAt),
  ingested_at: toInstantOrNull(row.ingestedAt ?? null),
  links: {
    self: `/api/v1/billing/focus-files/${row.id}`,
    process: processLink(workflowIds.ingestFocusFile(row.sha256 ?? '')),
  },
});

const toFileInvoice = (row: FocusFileInvoice): z.input<typeof focusFileInvoice> => ({
  provider: row.provider,
  invoice_uuid: row.invoiceUuid,
  period: row.period,
  currency: row.currency,
  lines_total: row.linesTotal === null ? null : toAmount(row.linesTotal),
  payable: row.payable === null ? null : toAmount(row.payable),
  links: {
    invoice: `/api/v1/billing/invoices/${encodeURIComponent(row.invoiceUuid)}?${new URLSearchParams({ provider: row.provider })}`,
  },
});

export const focusRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/billing/focus-files',
    tag: 'FOCUS',
    summary:
      'Takes in a FOCUS file and ingests it: any cloud that exports FOCUS 1.0 to 1.4. The same content again changes nothing.',
    roles: ['platform_admin'],
    query: z.strictObject({
      name: text(300).default('upload.csv').meta({ default: 'upload.csv' }),
      dataset: dataset.optional().meta({ description: 'Found from the columns where it is absent.' }),
      version: version.optional().meta({ description: 'Found from the columns where it is absent.' }),
    }),
    upload: {
      contentTypes: ['text/csv', 'application/gzip'],
      limit: (config) => config.FOCUS_FILE_MAX_BYTES,
    },
    answer: {
      status: 202,
      description: 'It is kept and its ingest runs; `Location` and the links say where to watch it.',
      schema: z
        .strictObject({
          ...startedWorkflow.shape,
          file: z.strictObject({ id: uuid, is_new: z.boolean(), link }),
        })
        .meta({ id: 'StartedFocusFile' }),
    },
    problems: {
      400: 'The file is empty, or starts as gzip does and can not be unpacked.',
      413: 'The file is larger than is configured (FOCUS_FILE_MAX_BYTES), unpacked.',
      415: 'The body is neither text/csv nor application/gzip.',
      503: "Temporal can't be reached; the file is kept, and the same upload again starts its ingest.",
    },
    async handle({ em, api, caller, query, file, now, requestId }) {
      const bytes = api.config.FOCUS_FILE_MAX_BYTES;
      const { name } = query;
      const stored = await storeFocusFile(
        em,
        { ...query, uploadedBy: caller.subject, now, limit: bytes },
        file,
      ).catch((error: unknown) => {
        if (error instanceof FocusFileTooLarge) throw fileTooLarge(bytes);
        if (error instanceof FocusFileUnreadable) throw new Problem(400, error.code, error.message);
        throw error;
      });
      await recordAudit(em, caller, {
        occurredAt: now,
        action: 'focus_file.ingest',
        subjectType: 'focus_file',
        subjectId: stored.id,
        after: { name, sha256: stored.sha256, is_new: stored.isNew },
        requestId,
        workflowId: workflowIds.ingestFocusFile(stored.sha256),
      });
      const run = await callTemporal(api, (client) => startFocusIngest(client, { ...stored, name }));
      const reply = startedReply(api.config, run);
      const link = `/api/v1/billing/focus-files/${stored.id}`;
      return { ...reply, body: { ...reply.body, file: { id: stored.id, is_new: stored.isNew, link } } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/focus-files',
    tag: 'FOCUS',
    summary: 'The FOCUS files that were brought, the last one first.',
    roles: readers,
    query: z.strictObject({
      limit,
      cursor: cursorOf('focus-files', z.strictObject({ receivedAt: z.coerce.date(), id: uuid })),
    }),
    answer: { status: 200, description: 'A page of files.', schema: pageOf(focusFile) },
    async handle({ em, query }) {
      const rows = await listFocusFiles(em, { after: query.cursor, limit: query.limit });
      const keyOf = (row: FocusFile) => ({ receivedAt: row.receivedAt, id: row.id });
      return { status: 200, body: toPage('focus-files', rows, query.limit, keyOf, toFile) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/focus-files/:id',
    tag: 'FOCUS',
    summary: 'One FOCUS file: what was found in it, or why it is refused.',
    roles: readers,
    params: z.strictObject({ id: uuid }),
    answer: {
      status: 200,
      description: 'The file, with the invoices that it is the last to say something of (at most 1,000).',
      schema: focusFileWithInvoices,
    },
    problems: { 404: 'No such file.' },
    async handle({ em, params }) {
      const row = await readFocusFile(em, params.id);
      if (row === null) throw notFound('FOCUS file');
      const invoices = await invoicesInFocusFile(em, row.id);
      return { status: 200, body: { ...toFile(row), invoices: invoices.map(toFileInvoice) } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/focus-periods',
    tag: 'FOCUS',
    summary: 'Which billing periods their issuers have closed, by FOCUS 1.4 billing period files.',
    roles: readers,
    answer: {
      status: 200,
      description: 'The newest first, at most 1,000. While a period is open, its charges may change.',
      schema: z.strictObject({ items: z.array(billingPeriod) }),
    },
    async handle({ em }) {
      const rows = await listFocusBillingPeriods(em);
      const items = rows.map((row) => ({
        provider: row.provider,
        issuer: row.issuer,
        starts_at: toInstant(row.startsAt),
        ends_at: toInstant(row.endsAt),
        status: row.status,
      }));
      return { status: 200, body: { items } };
    },
  }),
];
