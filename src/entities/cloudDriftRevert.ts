import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { CloudDrift } from './cloudDrift.ts';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/** `expired`: nobody approved it in time. `refused`: what differs can't be reverted in place, or no longer differs. */
export const driftRevertStates = [
  'planning',
  'planned',
  'approved',
  'running',
  'undoing',
  'done',
  'failed',
  'cancelled',
  'expired',
  'refused',
] as const;
export type DriftRevertState = (typeof driftRevertStates)[number];

/** The states in which a revert holds its resource: nobody else resolves its drift, and no other revert begins. */
export const liveDriftRevertStates = [
  'planning',
  'planned',
  'approved',
  'running',
  'undoing',
] as const satisfies readonly DriftRevertState[];
/** The same as the list of an SQL `in`. */
export const liveDriftRevertList = liveDriftRevertStates.map((state) => `'${state}'`).join(', ');

/** What became of one step of a revert. */
export interface DriftRevertStep {
  readonly name: string;
  readonly state: 'done' | 'failed' | 'undone' | 'undo_failed';
  readonly at: string;
  readonly message?: string;
}

/** One attempt to change a resource back to its spec: what was planned, who approved it, what was done. */
export const CloudDriftRevert = defineEntity({
  name: 'CloudDriftRevert',
  tableName: 'cloud_drift_reverts',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'cloud_drift_reverts_live',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.resource}") where "${columns.state}" in (${liveDriftRevertList})`,
    },
    { name: 'cloud_drift_reverts_drift', properties: ['drift', 'createdAt'] },
    {
      name: 'cloud_drift_reverts_approved',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.approvedAt}") where "${columns.approvedAt}" is not null`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    drift: p.manyToOne(CloudDrift).mapToPk(),
    resource: p.manyToOne(CloudResource).mapToPk(),
    workflowId: p.text(),
    runId: p.text(),
    state: p.text().$type<DriftRevertState>(),
    plan: p.json().$type<{ [key: string]: JsonValue }>().nullable(),
    /** What it adds to the provider's bill a month; negative where it saves. */
    addedMonthly: p.decimal().columnType('numeric').nullable(),
    currency: p.text(),
    plannedBy: p.text(),
    reason: p.text(),
    approvedBy: p.text().nullable(),
    approvedAt: p.datetime().nullable(),
    approvalReason: p.text().nullable(),
    cancelledBy: p.text().nullable(),
    problem: p.json().$type<{ code: string; message: string }>().nullable(),
    steps: p.json().$type<readonly DriftRevertStep[]>().defaultRaw(`'[]'`),
    createdAt: p.datetime(),
    /** Until when it can be approved. */
    expiresAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
  },
});
export type CloudDriftRevert = InferEntity<typeof CloudDriftRevert>;
