import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { CloudDeployment } from './cloudDeployment.ts';
import { platformOnly } from './policies.ts';

/** `waiting`: a decommission in its grace time. `held`: an operator stopped it until the hold is released. */
export const provisioningRunStates = [
  'waiting',
  'running',
  'undoing',
  'held',
  'done',
  'failed',
  'cancelled',
] as const;
export type ProvisioningRunState = (typeof provisioningRunStates)[number];

/** The states in which a run holds its deployment: no other one begins. */
export const liveProvisioningRunStates = [
  'waiting',
  'running',
  'undoing',
  'held',
] as const satisfies readonly ProvisioningRunState[];

/** One run that creates a deployment's resources by a template, or destroys them. */
export const ProvisioningRun = defineEntity({
  name: 'ProvisioningRun',
  tableName: 'provisioning_runs',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'provisioning_runs_live',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.deployment}") where "${columns.state}" in (${liveProvisioningRunStates.map((state) => `'${state}'`).join(', ')})`,
    },
    { name: 'provisioning_runs_deployment', properties: ['deployment', 'createdAt'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    deployment: p.manyToOne(CloudDeployment).mapToPk(),
    tenantId: p.text(),
    type: p.text().$type<'provision' | 'decommission'>(),
    templateCode: p.text().nullable(),
    templateVersion: p.integer().nullable(),
    parameters: p.json().$type<{ [key: string]: JsonValue }>(),
    state: p.text().$type<ProvisioningRunState>(),
    workflowId: p.text(),
    runId: p.text(),
    requestedBy: p.text(),
    reason: p.text(),
    /** The end of the grace time: nothing is destroyed before. */
    notBefore: p.datetime().nullable(),
    isHeld: p.boolean().default(false),
    problem: p.json().$type<{ code: string; message: string }>().nullable(),
    createdAt: p.datetime(),
    endedAt: p.datetime().nullable(),
  },
});
export type ProvisioningRun = InferEntity<typeof ProvisioningRun>;
