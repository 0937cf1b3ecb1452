import { z } from 'zod';
import type { JsonValue } from '../domain/errors.ts';
import type { CloudProvisioned } from '../entities/cloudProvisioned.ts';
import { readProvisioned, recordProvisioned } from '../services/drift/recordProvisioned.ts';
import { toChangeRequest } from './changeRequest.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { instant, json, reason, toInstant, toInstantOrNull, uuid } from './schemas.ts';

const mostFields = 100;
const deepest = 8;
const fieldName = /^[a-z][a-z0-9_]{0,99}$/;

/** What of a value PostgreSQL can't hold, or would come back as another one; null where nothing is. */
function faultOf(value: unknown): string | null {
  if (typeof value === 'string') {
    return value.includes('\0') || !value.isWellFormed()
      ? 'must not contain NUL or damaged characters'
      : null;
  }
  if (typeof value !== 'number') return null;
  const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return isExact ? null : 'expected a number that is exact; write a larger one as text';
}

/** All that is wrong inside of a value, with where it is. */
function* faultsIn(
  value: unknown,
  path: readonly PropertyKey[],
): Generator<{ readonly path: readonly PropertyKey[]; readonly message: string }> {
  const message = faultOf(value);
  if (message !== null) yield { path, message };
  if (typeof value !== 'object' || value === null) return;
  if (path.length > deepest) {
    yield { path, message: `expected a value at most ${deepest} levels deep` };
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const wrongKey = faultOf(key);
    if (wrongKey !== null) yield { path, message: `the name of a key ${wrongKey}` };
    yield* faultsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

const isSpec = (value: unknown): value is { readonly [field: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Read by hand: JSON of any form, but nothing that changes on its way into the database. */
const specInput = z
  .custom<{ readonly [field: string]: JsonValue }>(isSpec, 'expected an object of fields')
  .superRefine((spec, context) => {
    const fields = Object.keys(spec);
    if (fields.length === 0 || fields.length > mostFields) {
      context.addIssue({ code: 'custom', message: `expected 1 to ${mostFields} fields` });
      return;
    }
    for (const field of fields) {
      if (fieldName.test(field)) continue;
      const message = 'expected a field like size_slug: small letters, digits and underscores, at most 100';
      context.addIssue({ code: 'custom', path: [field], message });
    }
    for (const { path, message } of faultsIn(spec, [])) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  })
  .meta({
    type: 'object',
    additionalProperties: true,
    minProperties: 1,
    maxProperties: mostFields,
    description:
      "What each field is to be. A field is a column of the resource or one of its attributes; what isn't named may be anything.",
    example: { region: 'syd1', size_slug: 's-2vcpu-4gb' },
  });

const provisioned = z
  .strictObject({
    resource_id: uuid,
    spec: z.record(z.string(), json),
    spec_version: z.int(),
    recorded_by: z.string(),
    reason: z.string().nullable(),
    recorded_at: instant,
    withdrawn_at: instant.nullable().meta({ description: 'From then on nothing is asked of the resource.' }),
  })
  .meta({ id: 'Provisioned' });

const toProvisioned = (row: CloudProvisioned): z.input<typeof provisioned> => ({
  resource_id: row.resource,
  spec: row.spec,
  spec_version: row.specVersion,
  recorded_by: row.recordedBy,
  reason: row.reason ?? null,
  recorded_at: toInstant(row.recordedAt),
  withdrawn_at: toInstantOrNull(row.withdrawnAt ?? null),
});

export const provisionedRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/inventory/:id/provisioned',
    tag: 'Drift',
    summary: 'What is asked of a resource.',
    roles: ['platform_admin', 'platform_viewer'],
    params: z.strictObject({ id: uuid }),
    answer: { status: 200, description: 'The spec and its version.', schema: provisioned },
    problems: { 404: 'No such resource, or nothing was ever asked of it.' },
    async handle({ em, params }) {
      const row = await readProvisioned(em, params.id);
      if (row === null) throw notFound('spec');
      return { status: 200, body: toProvisioned(row) };
    },
  }),
  defineRoute({
    method: 'put',
    path: '/api/v1/inventory/:id/provisioned',
    tag: 'Drift',
    summary: 'Says what a resource is to be, as a whole. The same spec again is the same version.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({ spec: specInput, reason }),
    answer: { status: 200, description: 'The spec and its version.', schema: provisioned },
    problems: {
      404: 'No such resource.',
      409: 'A revert changes the resource back to the spec in force (`revert_in_progress`).',
    },
    async handle(request) {
      const { em, params, body } = request;
      const wanted = { resourceId: params.id, spec: body.spec };
      const version = await recordProvisioned(em, wanted, toChangeRequest(request, body.reason));
      const row = version === null ? null : await readProvisioned(em, params.id);
      if (row === null) throw notFound('resource');
      return { status: 200, body: toProvisioned(row) };
    },
  }),
];
