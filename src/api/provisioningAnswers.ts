import { z } from 'zod';
import { toAmountText } from '../domain/money.ts';
import type { Template } from '../domain/templates/templates.ts';
import type { ProvisionedItem } from '../entities/provisionedItem.ts';
import { type ProvisioningRun, provisioningRunStates } from '../entities/provisioningRun.ts';
import type { AttachedByHand } from '../services/provisioning/beginDecommission.ts';
import type { ProvisioningPreview } from '../services/provisioning/previewProvisioning.ts';
import type { ApiDependencies } from './route.ts';
import { amount, currency, instant, json, link, toInstant, toInstantOrNull, uuid } from './schemas.ts';
import { processLink, temporalUiLink } from './startedWorkflow.ts';

/** How much of a deployment's history is shown. */
export const shown = { runs: 20, items: 200 };

const templateParameter = z.strictObject({
  name: z.string(),
  type: z.enum(['text', 'integer', 'boolean', 'text_list']),
  description: z.string(),
  required: z.boolean(),
  default: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
export const template = z
  .strictObject({
    code: z.string(),
    version: z.int(),
    description: z.string(),
    parameters: z.array(templateParameter),
  })
  .meta({ id: 'Template' });

export const preview = z
  .strictObject({
    deployment_id: uuid,
    template_code: z.string(),
    template_version: z.int(),
    items: z.array(
      z.strictObject({
        key: z.string(),
        kind: z.string(),
        name: z.string(),
        depends_on: z.array(z.string()),
        monthly: amount.nullable().meta({ description: 'By list price; null where the list has none.' }),
      }),
    ),
    monthly_total: amount.nullable().meta({ description: 'Null where one item has no list price.' }),
    currency,
    warnings: z.array(z.string()),
  })
  .meta({ id: 'ProvisioningPreview' });

const problem = z.strictObject({ code: z.string(), message: z.string() }).nullable();
const run = z.strictObject({
  id: uuid,
  type: z.enum(['provision', 'decommission']),
  state: z.enum(provisioningRunStates),
  template_code: z.string().nullable(),
  template_version: z.int().nullable(),
  parameters: z.record(z.string(), json),
  requested_by: z.string(),
  reason: z.string(),
  not_before: instant.nullable().meta({ description: 'The end of the grace time.' }),
  problem: problem.meta({ description: 'Why it failed, or which items are set aside.' }),
  created_at: instant,
  ended_at: instant.nullable(),
  links: z.strictObject({ process: link, temporal_ui: link }),
});
const item = z.strictObject({
  id: z.string(),
  run_id: uuid,
  key: z.string(),
  kind: z.string(),
  provider: z.string(),
  tag: z.string().meta({ description: 'Its identity: by it, it is found at the provider.' }),
  state: z.enum(['planned', 'created', 'destroyed', 'left']),
  external_id: z.string().nullable(),
  resource_id: uuid.nullable(),
  created_at: instant.nullable(),
  destroyed_at: instant.nullable(),
});
const attached = z.strictObject({ resource_id: uuid, kind: z.string(), name: z.string() });
export const provisioning = z
  .strictObject({
    deployment_id: uuid,
    runs: z.array(run).meta({ description: `The last ${shown.runs}, newest first.` }),
    items: z.array(item).meta({ description: `The last ${shown.items}, newest first.` }),
    attached_by_hand: z
      .array(attached)
      .meta({ description: 'Live resources that no template made: a decommission leaves them.' }),
  })
  .meta({ id: 'Provisioning' });

export const toTemplate = ({
  code,
  version,
  description,
  parameters,
}: Template): z.input<typeof template> => ({
  code,
  version,
  description,
  parameters: parameters.map(({ default: standard, ...parameter }) => ({
    ...parameter,
    ...(standard === undefined ? {} : { default: typeof standard === 'object' ? [...standard] : standard }),
  })),
});

export const toPreview = (
  id: string,
  { code, version }: Template,
  { items, total, currency: unit, warnings }: ProvisioningPreview,
): z.input<typeof preview> => ({
  deployment_id: id,
  template_code: code,
  template_version: version,
  items: items.map(({ item: planned, monthly }) => ({
    key: planned.key,
    kind: planned.kind,
    name: planned.wanted.name,
    depends_on: [...planned.dependsOn],
    monthly: monthly === null ? null : toAmountText(monthly),
  })),
  monthly_total: total === null ? null : toAmountText(total),
  currency: unit,
  warnings: [...warnings],
});

export const toRun = (row: ProvisioningRun, api: ApiDependencies): z.input<typeof run> => ({
  id: row.id,
  type: row.type,
  state: row.state,
  template_code: row.templateCode ?? null,
  template_version: row.templateVersion ?? null,
  parameters: { ...row.parameters },
  requested_by: row.requestedBy,
  reason: row.reason,
  not_before: toInstantOrNull(row.notBefore ?? null),
  problem: row.problem ?? null,
  created_at: toInstant(row.createdAt),
  ended_at: toInstantOrNull(row.endedAt ?? null),
  links: {
    process: processLink(row.workflowId),
    temporal_ui: temporalUiLink(api.config, row.workflowId, row.runId),
  },
});

export const toItem = (row: ProvisionedItem): z.input<typeof item> => ({
  id: String(row.id),
  run_id: row.run,
  key: row.key,
  kind: row.kind,
  provider: row.provider,
  tag: row.tag,
  state: row.state,
  external_id: row.externalId ?? null,
  resource_id: row.resource ?? null,
  created_at: toInstantOrNull(row.createdAt ?? null),
  destroyed_at: toInstantOrNull(row.destroyedAt ?? null),
});

export const toAttached = ({ resourceId, kind, name }: AttachedByHand) => ({
  resource_id: resourceId,
  kind,
  name,
});
