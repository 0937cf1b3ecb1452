import type { EntityManager } from '@mikro-orm/postgresql';
import type { LineOwner, Unitemised } from '../domain/focusAllocation.ts';
import type { FocusAllocation } from '../domain/focusColumns.ts';
import type { ExportLine } from '../domain/focusRow.ts';
import type { Period } from '../domain/period.ts';
import { ownedParts } from './margin/costsByOwner.ts';

/** One invoice as it stood when an export began. The lines of a version never change again; only their attribution may. */
export interface ExportedInvoice {
  readonly invoiceId: string;
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: Period;
  readonly currency: string;
  /** What the provider states; a decimal string. */
  readonly amount: string;
  readonly ingestStatus: string;
  /** The version in force; 0 and null where no line was read yet. */
  readonly version: number;
  readonly versionId: string | null;
  readonly lineCount: number;
  readonly lastLine: number;
}

/** The provider's project id by provider and name, of the names that exactly one project has. */
export type ProjectIds = ReadonlyMap<string, string>;

/** At most so many lines are in memory at a time. */
const batchSize = 1_000;

/**
 * The invoices of an export. As the provider billed, they are those with a version in force, also where the invoice is held since. By
 * owners they are all, since each costs what it states; but of a held one no line counts.
 */
export async function invoicesToExport(
  em: EntityManager,
  filter: {
    readonly period: Period;
    readonly provider?: string | undefined;
    readonly allocation: FocusAllocation;
  },
): Promise<ExportedInvoice[]> {
  const invoices = await em.execute<ExportedInvoice[]>(
    `select invoice.id as "invoiceId", invoice.provider, invoice.invoice_uuid as "invoiceUuid", invoice.period_start::text as period,
       invoice.currency, invoice.amount::text as amount, invoice.ingest_status as "ingestStatus", invoice.version,
       version.id as "versionId", coalesce(version.line_count, 0) as "lineCount",
       coalesce((select max(line_number) from cloud_cost_lines line where line.version_id = version.id), 0) as "lastLine"
     from cloud_invoices invoice
     left join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
     where invoice.period_start = ?::date and (?::text is null or invoice.provider = ?)
     order by invoice.provider, invoice.invoice_uuid`,
    [filter.period, filter.provider ?? null, filter.provider ?? null],
  );
  if (filter.allocation === 'none') return invoices.filter(({ versionId }) => versionId !== null);
  return invoices.map((invoice) =>
    invoice.ingestStatus === 'held' ? { ...invoice, lineCount: 0, lastLine: 0 } : invoice,
  );
}

/** The names of all columns that the lines of these versions keep in `extra`. */
export async function keptColumnNames(
  em: EntityManager,
  invoices: readonly ExportedInvoice[],
): Promise<string[]> {
  const rows = await em.execute<{ name: string }[]>(
    `select distinct name from cloud_cost_lines line, jsonb_object_keys(line.extra) name
     where line.version_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and line.extra <> '{}'`,
    [JSON.stringify(invoices.filter(({ lineCount }) => lineCount > 0).map(({ versionId }) => versionId))],
  );
  return rows.map((row) => row.name);
}

export async function projectIds(em: EntityManager): Promise<ProjectIds> {
  const rows = await em.execute<{ provider: string; name: string; id: string }[]>(
    `select provider, name, min(external_id) as id from cloud_projects group by provider, name having count(*) = 1`,
  );
  return new Map(rows.map((row) => [projectKey(row.provider, row.name), row.id]));
}

const projectKey = (provider: string, name: string) => JSON.stringify([provider, name]);

type Row = Omit<
  ExportLine,
  'provider' | 'invoiceUuid' | 'period' | 'projectId' | 'chargeStart' | 'chargeEnd'
> & {
  readonly chargeStart: string;
  readonly chargeEnd: string;
};

/**
 * The lines of an invoice in its own order, batch by batch by key: no transaction stays open while a slow reader takes them. Each
 * batch is a range of line numbers with both ends, since a plan without statistics (the invoice may just have been stored) would else
 * read and sort all that is left for every batch.
 */
export async function* linesOf(
  em: EntityManager,
  invoice: ExportedInvoice,
  projects: ProjectIds,
): AsyncGenerator<ExportLine[]> {
  for (let after = 0; after < invoice.lastLine; after += batchSize) {
    const batch = [after, after + batchSize];
    const rows = await em.execute<Row[]>(selectLines, [invoice.versionId, ...batch]);
    yield rows.map((row) => toLine(row, invoice, projects));
  }
}

/** A line, and who bears it. */
export interface OwnedLine {
  readonly line: ExportLine;
  readonly owners: readonly LineOwner[];
}

/** The same lines with their owners, line and owners of a batch as they are at one moment. */
export async function* ownedLinesOf(
  em: EntityManager,
  invoice: ExportedInvoice,
  projects: ProjectIds,
): AsyncGenerator<OwnedLine[]> {
  for (let after = 0; after < invoice.lastLine; after += batchSize) {
    const batch = [...settled(invoice, invoice.amount), invoice.versionId, after, after + batchSize];
    const rows = await em.transactional(async (transaction) => {
      // The planner takes a batch for one row, and would go through the shares of all its lines for each of them.
      await transaction.execute('set local enable_nestloop = off');
      return transaction.execute<(Row & { readonly owners: readonly LineOwner[] })[]>(
        selectOwnedLines,
        batch,
      );
    });
    yield rows.map(({ owners, ...row }) => ({ line: toLine(row, invoice, projects), owners }));
  }
}

/** What an invoice states beyond its lines, and why. @param amount the rest, a decimal string */
export async function unitemisedOf(
  em: EntityManager,
  invoice: ExportedInvoice,
  amount: string,
): Promise<Unitemised[]> {
  const { provider, invoiceUuid, period, currency } = invoice;
  const rows = await em.execute<{ bucket: string; reason: string; amount: string }[]>(
    selectUnitemised,
    settled(invoice, amount),
  );
  return rows.map((row) => ({ provider, invoiceUuid, period, currency, ...row }));
}

function toLine(
  row: Row,
  { provider, invoiceUuid, period }: ExportedInvoice,
  projects: ProjectIds,
): ExportLine {
  return {
    ...row,
    provider,
    invoiceUuid,
    period,
    chargeStart: new Date(row.chargeStart),
    chargeEnd: new Date(row.chargeEnd),
    projectId:
      row.projectName === null ? null : (projects.get(projectKey(provider, row.projectName)) ?? null),
  };
}

const lineColumns = `
  line.line_number as "lineNumber", line.product, line.group_description as "groupDescription", line.description,
  line.hours::text, to_json(line.charge_start at time zone 'UTC') #>> '{}' || 'Z' as "chargeStart",
  to_json(line.charge_end at time zone 'UTC') #>> '{}' || 'Z' as "chargeEnd", line.billed_cost::text as "billedCost",
  line.currency, line.project_name as "projectName", line.category, line.line_class as "lineClass", line.kind,
  line.resource_name as "resourceName",
  coalesce(line.provider_resource_id, line.provider_resource_uuid) as "providerResourceId",
  case when resource.id is null then null else jsonb_build_object('externalId', resource.external_id, 'kind', resource.kind,
    'name', resource.name, 'region', resource.region, 'tags', resource.tags) end as resource,
  line.extra`;

const selectLines = `
  select ${lineColumns}
  from cloud_cost_lines line
  left join cloud_resources resource on resource.id = line.resource_id
  where line.version_id = ? and line.line_number > ? and line.line_number <= ?
  order by line.line_number`;

/**
 * Stands in for the table in the statement of who bears what: the one invoice, as it was when the export began. So a restatement during
 * the download changes nothing here either.
 */
const settledInvoice = `
  cloud_invoices as materialized (
    select settled.* from cloud_invoices invoice, jsonb_populate_record(invoice, ?::jsonb) settled where invoice.id = ?
  )`;

const settled = (invoice: ExportedInvoice, amount: string) => [
  JSON.stringify({
    amount,
    currency: invoice.currency,
    ingest_status: invoice.ingestStatus,
    version: invoice.version,
    period_start: invoice.period,
  }),
  invoice.invoiceId,
];

/**
 * The other tables of that statement, each cut down to what a batch needs of it, by its index: it reads its tables whole otherwise, and
 * a batch is to take as long however much there is beside it.
 */
const batchTables = `
  cloud_cost_lines as materialized (
    select * from cloud_cost_lines where version_id = ? and line_number > ? and line_number <= ?
  ),
  cloud_resources as materialized (
    select * from cloud_resources where id = any(array(select resource_id from cloud_cost_lines))
  ),
  cloud_resource_memberships as materialized (
    select * from cloud_resource_memberships where resource_id = any(array(select id from cloud_resources))
  ),
  cloud_deployments as materialized (
    select * from cloud_deployments where id = any(array(select deployment_id from cloud_resource_memberships))
  ),
  cloud_projects as materialized (
    select * from cloud_projects where id = any(array(select project_id from cloud_resources))
  )`;

/**
 * Each owner of a line once, however often the resource came back to it; in the order in which they had the resource. What is left
 * over of a line by nobody's deployment comes last.
 */
const selectOwnedLines = `
  with ${settledInvoice}, ${batchTables}, owned as materialized (
    ${ownedParts('true', 'true')},
    had as (
      select id, deployment_id, sum(seconds) as seconds, min(starts_at) as starts_at from segment group by id, deployment_id
    ),
    bearer as (
      select line_id, bucket, reason, tenant_id, deployment_id, sum(amount) as amount
      from part where line_id is not null group by line_id, bucket, reason, tenant_id, deployment_id
    )
    select bearer.line_id, jsonb_agg(jsonb_build_object('bucket', bearer.bucket, 'reason', coalesce(bearer.reason, line.match_outcome),
        'tenantId', bearer.tenant_id, 'deploymentId', bearer.deployment_id, 'deploymentName', deployment.display_name,
        'amount', bearer.amount::text, 'seconds', had.seconds::text) order by had.starts_at, bearer.deployment_id) as owners
    from bearer
    join line on line.id = bearer.line_id
    left join had on had.id = bearer.line_id and had.deployment_id is not distinct from bearer.deployment_id
    left join cloud_deployments deployment on deployment.id = bearer.deployment_id
    group by bearer.line_id
  )
  select ${lineColumns}, owned.owners
  from cloud_cost_lines line
  join owned on owned.line_id = line.id
  left join cloud_resources resource on resource.id = line.resource_id
  order by line.line_number`;

/** Of an invoice of which the amount is what is left after its lines, and of which no line is read again, all is in one part. */
const selectUnitemised = `
  with ${settledInvoice}, rest as (${ownedParts('true', 'false')} select bucket, reason, amount from part)
  select bucket, reason, amount::text from rest`;
