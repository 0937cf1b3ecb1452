import { isDeepStrictEqual } from 'node:util';
import { sameValue } from '../../domain/drift/equality.ts';
import { liveValue, type Spec } from '../../domain/drift/liveValues.ts';
import { adoptedSpec } from '../../domain/drift/specFields.ts';
import { Conflict, type JsonValue } from '../../domain/errors.ts';
import type { KnownResource } from './liveResources.ts';
import type { LockedDrift } from './lockDrift.ts';

/** The difference is another one than the drift shows, or none any more: the next sweep says what it is. */
export class DriftChanged extends Conflict {
  constructor(
    drift: LockedDrift,
    why: string,
    now: { readonly desired: JsonValue; readonly actual: JsonValue },
  ) {
    super(
      'drift_changed',
      `the drift ${drift.id} is no longer what it shows: ${why}; sweep again and look at what there is then`,
      {
        context: {
          drift_id: drift.id,
          field: drift.field,
          desired: drift.desired,
          actual: drift.actual,
          desired_now: now.desired,
          actual_now: now.actual,
        },
      },
    );
  }
}

/** What becomes of specs when drifts are accepted: some change, some are asked for no longer. */
export interface AcceptedSpecs {
  readonly written: { readonly resourceId: string; readonly spec: Spec }[];
  readonly withdrawn: string[];
}

/**
 * Makes what is there what is asked for. Several fields of a resource are one new spec.
 * @param resources as they are now, by id
 * @param specs those in force, by resource id
 * @throws DriftChanged where somebody would accept another thing than he was shown
 */
export function acceptedSpecs(
  drifts: readonly LockedDrift[],
  resources: ReadonlyMap<string, KnownResource>,
  specs: ReadonlyMap<string, Spec>,
): AcceptedSpecs {
  const written = new Map<string, Spec>();
  const withdrawn: string[] = [];
  for (const drift of drifts) {
    const { resourceId } = drift;
    const resource = resources.get(resourceId);
    if (resource === undefined) throw new Error(`the resource ${resourceId} of a drift is not stored`);
    const spec = specs.get(resourceId);
    const whole = { desired: spec ?? null, actual: null };
    if (drift.type === 'missing') {
      if (!resource.isGone) throw new DriftChanged(drift, 'the resource is there again', whole);
      if (spec === undefined) throw new DriftChanged(drift, 'nothing is asked of the resource', whole);
      withdrawn.push(resourceId);
      continue;
    }
    if (resource.isGone) throw new DriftChanged(drift, 'the resource is gone', whole);
    if (drift.type === 'unmanaged') {
      if (spec !== undefined) throw new DriftChanged(drift, 'the resource has a spec', whole);
      written.set(resourceId, adoptedSpec(resource.live));
      continue;
    }
    if (spec === undefined) throw new DriftChanged(drift, 'nothing is asked of the resource', whole);
    const field = drift.field ?? '';
    const actual = liveValue(resource.live, field);
    const now = { desired: spec[field] ?? null, actual };
    if (!Object.hasOwn(spec, field) || !isDeepStrictEqual(spec[field], drift.desired)) {
      throw new DriftChanged(drift, `another ${field} is asked for`, now);
    }
    if (!sameValue(drift.kind, field, drift.actual, actual, resource.live)) {
      throw new DriftChanged(drift, `${field} has another value`, now);
    }
    written.set(resourceId, { ...(written.get(resourceId) ?? spec), [field]: actual });
  }
  return { written: [...written].map(([resourceId, spec]) => ({ resourceId, spec })), withdrawn };
}
