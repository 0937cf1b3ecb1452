import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/** What was asked for: the desired spec of a resource. A withdrawn one asks for nothing; recording it again counts its version on. */
export const CloudProvisioned = defineEntity({
  name: 'CloudProvisioned',
  tableName: 'cloud_provisioned',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    resource: p.manyToOne(CloudResource).mapToPk().primary(),
    provider: p.text(),
    kind: p.text().$type<ResourceKind>(),
    /** Only what is declared is compared: a field that it lacks may be anything. */
    spec: p.json().$type<{ [field: string]: JsonValue }>(),
    /** 1 with the first spec, one more with each other one. */
    specVersion: p.integer(),
    /** An operator's subject, or the workflow's id. */
    recordedBy: p.text(),
    reason: p.text().nullable(),
    recordedAt: p.datetime(),
    withdrawnAt: p.datetime().nullable(),
  },
});
export type CloudProvisioned = InferEntity<typeof CloudProvisioned>;
