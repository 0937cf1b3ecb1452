import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { platformOnly } from './policies.ts';

/** `open`: still counting. `closed`: complete. `unknown`: could not be measured, and nobody is billed for it as if it were nothing. */
export const meteredDayStates = ['open', 'closed', 'unknown'] as const;
export type MeteredDayState = (typeof meteredDayStates)[number];

/** How far a kind is metered on a UTC day. */
export const MeteredDay = defineEntity({
  name: 'MeteredDay',
  tableName: 'metered_days',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    day: p.date().primary(),
    resourceKind: p.text().$type<MeterKind>().primary(),
    state: p.text().$type<MeteredDayState>(),
    /** Why it is unknown. */
    reason: p.text().nullable(),
    meteredAt: p.datetime(),
    closedAt: p.datetime().nullable(),
  },
});
export type MeteredDay = InferEntity<typeof MeteredDay>;
