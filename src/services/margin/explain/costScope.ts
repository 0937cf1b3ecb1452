import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type FigureLabel, labelOf } from '../../../domain/margin/figureLabel.ts';
import type { Period } from '../../../domain/period.ts';
import { arrayLiteral } from '../../arrayLiteral.ts';
import { costBuckets, type OwnerCost } from '../costsByOwner.ts';
import { plannedForSums } from '../plannedForSums.ts';
import { costPart } from '../sourceParts.ts';
import type { Step, Subject } from './step.ts';

/** Which parts of charges are of a subject, as conditions of SQL. */
export interface CostScope {
  /** On `part`. */
  readonly part: string;
  readonly partParameters: readonly (string | null)[];
  /** On `line`, of `ownedParts`: no part of another line is of the subject. */
  readonly line: string;
  readonly lineParameters: readonly string[];
  /** Whether lines are looked up by id; else all lines of the invoices are read. */
  readonly isNarrow: boolean;
}

/** All of a provider's charges, whoever bears them. */
export const everyPart: CostScope = {
  part: 'true',
  partParameters: [],
  line: 'true',
  lineParameters: [],
  isNarrow: false,
};

/**
 * The lines that a deployment or a tenant may bear are those of resources that it had at any time.
 * @param em in the transaction of `inSnapshot`, whose further statements are planned for it
 */
export async function costScope(em: EntityManager, subject: Subject, period: Period): Promise<CostScope> {
  const { tenantId, deploymentId = null, bucket, kind } = subject;
  if (tenantId !== undefined) {
    const lines = await linesOfOwner(em, deploymentId ?? tenantId, deploymentId !== null, period);
    // Row level security hides how many lines a version has: the planner would read the index of all of them beside the few.
    await em.execute('set local enable_bitmapscan = off');
    return {
      part: 'part.tenant_id = ? and part.deployment_id is not distinct from ?::uuid',
      partParameters: [tenantId, deploymentId],
      line: 'line.id = any(?::bigint[])',
      lineParameters: [arrayLiteral(lines)],
      isNarrow: true,
    };
  }
  if (bucket !== undefined) {
    const isClass = bucket === 'shared' || bucket === 'tax' || bucket === 'credit';
    return {
      part: 'part.bucket = ?',
      partParameters: [bucket],
      line: isClass ? 'line.line_class = ?' : 'true',
      lineParameters: isClass ? [bucket] : [],
      isNarrow: false,
    };
  }
  return {
    part: `exists (select from jsonb_to_recordset(?::jsonb) as named (kind text, bucket text)
      where named.kind is not distinct from part.kind and named.bucket = part.bucket)`,
    partParameters: [JSON.stringify(namedAs(kind ?? null))],
    line: 'true',
    lineParameters: [],
    isNarrow: false,
  };
}

async function linesOfOwner(
  em: EntityManager,
  id: string,
  isDeployment: boolean,
  period: Period,
): Promise<string[]> {
  const resources = await em.execute<{ id: string }[]>(
    isDeployment
      ? 'select distinct resource_id as id from cloud_resource_memberships where deployment_id = ?::uuid'
      : `select resource.id from cloud_projects project join cloud_resources resource on resource.project_id = project.id
         where project.tenant_id = ?`,
    [id],
  );
  const lines = await em.execute<{ id: string }[]>(
    'select id::text from cloud_cost_lines where resource_id = any(?::uuid[]) and period_start = ?::date',
    [arrayLiteral(resources.map((resource) => resource.id)), period],
  );
  return lines.map((line) => line.id);
}

/** Which kinds and buckets of parts are called by this kind, as `costPart` says it. */
function namedAs(kind: string | null): { kind: string | null; bucket: string }[] {
  return costBuckets
    .flatMap((bucket) => [kind, null].map((of) => ({ kind: of, bucket })))
    .filter((one) => costPart({ ...nobodys, ...one }).kind === kind);
}

const nobodys: OwnerCost = {
  period: '',
  provider: '',
  currency: '',
  basis: 'invoice',
  bucket: 'attributed',
  reason: null,
  tenantId: null,
  deploymentId: null,
  kind: null,
  amount: '0',
};

/** How sure costs are, by what decides it. */
export const labelOfCosts = (bases: readonly Pick<OwnerCost, 'basis' | 'reason'>[]): FigureLabel =>
  labelOf(bases.map((basis) => costPart({ ...nobodys, ...basis })));

/** Reads what belongs to a step at one moment. */
export const inSnapshot = (
  em: EntityManager,
  work: (em: EntityManager) => Promise<Step | undefined>,
): Promise<Step | undefined> =>
  em.transactional(work, { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true });

/** Row level security hides from the planner how much there is, and it would look up all lines of a period one by one. */
export const planned = <Result>(
  em: EntityManager,
  { isNarrow }: CostScope,
  work: () => Promise<Result>,
): Promise<Result> => (isNarrow ? work() : plannedForSums(em, 'sets', work));
