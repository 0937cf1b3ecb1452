import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import type { DeploymentState } from '../domain/lifecycle.ts';
import { CloudDeployment } from './cloudDeployment.ts';
import { tenantOwns } from './policies.ts';

export const deploymentEventTypes = [
  'created',
  'updated',
  'transition',
  'subscribed',
  'plan_changed',
  'addon_attached',
  'addon_detached',
  'resource_attached',
  'resource_detached',
] as const;
export type DeploymentEventType = (typeof deploymentEventTypes)[number];

/** What happened to a deployment and who did it. Append-only: a trigger refuses the rest. */
export const CloudDeploymentEvent = defineEntity({
  name: 'CloudDeploymentEvent',
  tableName: 'cloud_deployment_events',
  rowLevelSecurity: 'force',
  policies: tenantOwns,
  indexes: [{ name: 'cloud_deployment_events_history', properties: ['deployment', 'id'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    deployment: p.manyToOne(CloudDeployment).mapToPk(),
    tenantId: p.text(),
    type: p.text().$type<DeploymentEventType>(),
    fromState: p.text().$type<DeploymentState>().nullable(),
    toState: p.text().$type<DeploymentState>().nullable(),
    actor: p.text(),
    role: p.text(),
    reason: p.text().nullable(),
    details: p.json().$type<{ [key: string]: JsonValue }>(),
    occurredAt: p.datetime(),
  },
});
export type CloudDeploymentEvent = InferEntity<typeof CloudDeploymentEvent>;
