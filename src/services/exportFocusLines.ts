import type { EntityManager } from '@mikro-orm/postgresql';
import type { ExportLine } from '../domain/focusRow.ts';
import type { Period } from '../domain/period.ts';

/** The version in force of one invoice. Its lines never change again; only their attribution may. */
export interface ExportedVersion {
  readonly versionId: string;
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: Period;
  readonly lineCount: number;
  readonly lastLine: number;
}

/** The provider's project id by provider and name, of the names that exactly one project has. */
export type ProjectIds = ReadonlyMap<string, string>;

/** At most so many lines are in memory at a time. */
const batchSize = 1_000;

/** Invoices without a version in force (never ingested) have no lines to export. */
export function versionsInForce(
  em: EntityManager,
  filter: { readonly period: Period; readonly provider?: string | undefined },
): Promise<ExportedVersion[]> {
  return em.execute<ExportedVersion[]>(
    `select version.id as "versionId", invoice.provider, invoice.invoice_uuid as "invoiceUuid",
       invoice.period_start::text as period, version.line_count as "lineCount",
       coalesce((select max(line_number) from cloud_cost_lines line where line.version_id = version.id), 0) as "lastLine"
     from cloud_invoices invoice
     join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
     where invoice.period_start = ?::date and (?::text is null or invoice.provider = ?)
     order by invoice.provider, invoice.invoice_uuid`,
    [filter.period, filter.provider ?? null, filter.provider ?? null],
  );
}

/** The names of all columns that the lines of these versions keep in `extra`. */
export async function keptColumnNames(
  em: EntityManager,
  versions: readonly ExportedVersion[],
): Promise<string[]> {
  const rows = await em.execute<{ name: string }[]>(
    `select distinct name from cloud_cost_lines line, jsonb_object_keys(line.extra) name
     where line.version_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and line.extra <> '{}'`,
    [JSON.stringify(versions.map((version) => version.versionId))],
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
 * The lines of a version in the invoice's order, batch by batch by key: no transaction stays open while a slow reader takes them.
 * Each batch is a range of line numbers with both ends, since a plan without statistics (the invoice may just have been stored)
 * would else read and sort all that is left for every batch.
 */
export async function* linesOfVersion(
  em: EntityManager,
  version: ExportedVersion,
  projects: ProjectIds,
): AsyncGenerator<ExportLine[]> {
  const { provider, invoiceUuid, period } = version;
  for (let after = 0; after < version.lastLine; after += batchSize) {
    const rows = await em.execute<Row[]>(selectLines, [version.versionId, after, after + batchSize]);
    yield rows.map((row) => ({
      ...row,
      provider,
      invoiceUuid,
      period,
      chargeStart: new Date(row.chargeStart),
      chargeEnd: new Date(row.chargeEnd),
      projectId:
        row.projectName === null ? null : (projects.get(projectKey(provider, row.projectName)) ?? null),
    }));
  }
}

const selectLines = `
  select line.line_number as "lineNumber", line.product, line.group_description as "groupDescription", line.description,
    line.hours::text, to_json(line.charge_start at time zone 'UTC') #>> '{}' || 'Z' as "chargeStart",
    to_json(line.charge_end at time zone 'UTC') #>> '{}' || 'Z' as "chargeEnd", line.billed_cost::text as "billedCost",
    line.currency, line.project_name as "projectName", line.category, line.line_class as "lineClass", line.kind,
    line.resource_name as "resourceName",
    coalesce(line.provider_resource_id, line.provider_resource_uuid) as "providerResourceId",
    case when resource.id is null then null else jsonb_build_object('externalId', resource.external_id, 'kind', resource.kind,
      'name', resource.name, 'region', resource.region, 'tags', resource.tags) end as resource,
    line.extra
  from cloud_cost_lines line
  left join cloud_resources resource on resource.id = line.resource_id
  where line.version_id = ? and line.line_number > ? and line.line_number <= ?
  order by line.line_number`;
