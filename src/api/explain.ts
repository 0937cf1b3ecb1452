import { z } from 'zod';
import { figureLabels } from '../domain/margin/figureLabel.ts';
import { explainFigure } from '../services/margin/explain/explainFigure.ts';
import {
  type Figure,
  figureNames,
  type Measure,
  type Part,
  type ProviderRow,
  type Resource,
  type Step,
} from '../services/margin/explain/step.ts';
import { explainQuery, toFigure, toParameters } from './explainQuery.ts';
import { toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { amount, currency, instant, link, pageOf, toInstant } from './schemas.ts';

const measure = z
  .union([
    z.strictObject({ amount, currency }),
    z.strictObject({
      quantity: z.string().meta({ description: 'A decimal text.' }),
      unit: z.string().meta({ example: 'hour' }),
    }),
  ])
  .meta({ id: 'Measure', description: 'Money, or a quantity of usage.' });
const label = z.enum(figureLabels);

const linkNames = [
  'invoice',
  'credit_note_pdf',
  'deployment',
  'resource',
  'provider_invoice',
  'cost_lines',
  'estimate',
  'plan',
  'shared_cost_policies',
  'closure',
  'exchange_rates',
  'usage_days',
  'llm_usage',
] as const;
const links = z
  .partialRecord(z.enum(linkNames), link)
  .meta({ description: 'What there is to look at beside it, by what it is.' });

const part = z
  .strictObject({
    what: z.string(),
    counts: measure.meta({
      description:
        'What it adds to the step, with its sign, in the unit of `parts_total`: the COGS of a margin are negative.',
    }),
    label,
    next: z
      .strictObject({
        figure: z.enum(figureNames),
        value: measure.meta({ description: 'What the next step says, in its own currency or unit.' }),
        explain: link,
      })
      .nullable()
      .meta({ description: 'The step that explains it; null where it ends.' }),
    links,
  })
  .meta({ id: 'ExplainedPart' });

const row = z
  .strictObject({
    provider: z.string(),
    invoice_uuid: z.string(),
    version: z.int(),
    line_number: z.int(),
    product: z.string(),
    group_description: z.string(),
    description: z.string(),
    charge_start: instant,
    charge_end: instant,
    line_class: z.string(),
    kind: z.string().nullable(),
    resource_id: z.string().nullable(),
    match_outcome: z.string(),
    match_reason: z.string(),
  })
  .meta({
    id: 'ProviderRow',
    description: 'A row of a provider’s invoice, as it was written, and why it was matched.',
  });

const explanation = z
  .strictObject({
    figure: z.enum(figureNames),
    subject: z.record(z.string(), z.string()).meta({
      description: 'The parameters that name the figure.',
      example: { period: '2026-04-01', tenant: 'acme' },
    }),
    what: z.string(),
    value: measure,
    label: label.meta({
      description:
        '`reconciled`: settled. `estimated`: it may still change. `adjusted`: by hand, or after it was settled.',
    }),
    as_of: instant.meta({ description: 'Since when it is known as it is.' }),
    how: z.string().meta({ description: 'How it comes about, in a sentence.' }),
    row: row.nullable().meta({ description: 'Where the figure is a row of a provider’s invoice.' }),
    links,
    combined_by: z.enum(['sum', 'max']).meta({
      description: 'How the parts make `parts_total`; `max` of kinds that count by their largest day.',
    }),
    parts_total: measure.nullable().meta({
      description:
        'What the parts of all pages come to: `value`, or where that is computed from a quantity, the quantity. Null where it ends.',
    }),
    parts: pageOf(part),
  })
  .meta({ id: 'Explanation' });

const explainPath = '/api/v1/dashboard/explain';

const toExplainLink = (figure: Figure) => `${explainPath}?${new URLSearchParams(toParameters(figure))}`;

const withQuery = (path: string, query: Readonly<Record<string, string>>) =>
  `${path}?${new URLSearchParams(query)}`;

function toLink(resource: Resource): readonly [(typeof linkNames)[number], string] {
  switch (resource.type) {
    case 'invoice':
      return ['invoice', `/api/v1/invoices/${resource.id}`];
    case 'creditNote':
      return ['credit_note_pdf', `/api/v1/credit-notes/${resource.id}/pdf`];
    case 'deployment':
      return ['deployment', `/api/v1/deployments/${resource.id}`];
    case 'resource':
      return ['resource', `/api/v1/inventory/${resource.id}`];
    case 'providerInvoice': {
      const path = `/api/v1/billing/invoices/${encodeURIComponent(resource.invoiceUuid)}`;
      return ['provider_invoice', withQuery(path, { provider: resource.provider })];
    }
    case 'costLines': {
      const { period, invoiceUuid: invoice, version } = resource;
      return [
        'cost_lines',
        withQuery('/api/v1/billing/cost-lines', { period, invoice, version: String(version) }),
      ];
    }
    case 'estimate':
      return ['estimate', withQuery('/api/v1/billing/estimate', { period: resource.period })];
    case 'plan':
      return ['plan', `/api/v1/catalog/plans/${encodeURIComponent(resource.code)}`];
    case 'sharedCostPolicies':
      return ['shared_cost_policies', '/api/v1/shared-cost-policies'];
    case 'closure':
      return ['closure', withQuery('/api/v1/dashboard/closure', { period: resource.period })];
    case 'exchangeRates':
      return [
        'exchange_rates',
        withQuery('/api/v1/exchange-rates', { from: resource.from, to: resource.to }),
      ];
    case 'usageDays': {
      const { deploymentId, kind, period } = resource;
      return [
        'usage_days',
        withQuery('/api/v1/usage/days', { deployment_id: deploymentId, resource_kind: kind, period }),
      ];
    }
    case 'llmUsage':
      return [
        'llm_usage',
        withQuery('/api/v1/llm-usage', { deployment: resource.deploymentId, period: resource.period }),
      ];
  }
}

const toLinks = (resources: readonly Resource[]): z.input<typeof links> =>
  Object.fromEntries(resources.map(toLink));

const toMeasure = (value: Measure): z.input<typeof measure> => ({ ...value });

const toPart = (one: Part): z.input<typeof part> => ({
  what: one.what,
  counts: toMeasure(one.counts),
  label: one.label,
  next:
    one.next === null
      ? null
      : {
          figure: one.next.figure.name,
          value: toMeasure(one.next.value),
          explain: toExplainLink(one.next.figure),
        },
  links: toLinks(one.resources),
});

const toRow = (one: ProviderRow): z.input<typeof row> => ({
  provider: one.provider,
  invoice_uuid: one.invoiceUuid,
  version: one.version,
  line_number: one.lineNumber,
  product: one.product,
  group_description: one.groupDescription,
  description: one.description,
  charge_start: toInstant(one.chargeStart),
  charge_end: toInstant(one.chargeEnd),
  line_class: one.lineClass,
  kind: one.kind,
  resource_id: one.resourceId,
  match_outcome: one.matchOutcome,
  match_reason: one.matchReason,
});

function toExplanation(step: Step, limit: number): z.input<typeof explanation> {
  const { figure, ...subject } = toParameters(step.figure);
  const { name } = step.figure;
  return {
    figure: name,
    subject,
    what: step.what,
    value: toMeasure(step.value),
    label: step.label,
    as_of: toInstant(step.asOf),
    how: step.how,
    row: step.row === null ? null : toRow(step.row),
    links: toLinks(step.resources),
    combined_by: step.combinedBy,
    parts_total: step.partsTotal === null ? null : toMeasure(step.partsTotal),
    parts: toPage('explain', step.parts, limit, ({ key }) => ({ figure: name, key }), toPart),
  };
}

export const explainRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: explainPath,
    tag: 'Margin',
    summary:
      'How a figure comes about, one step down: from a margin to usage days, gateway requests and rows of the provider’s invoices.',
    roles: ['platform_admin', 'platform_viewer'],
    query: explainQuery,
    answer: { status: 200, description: 'The step, and a page of its parts.', schema: explanation },
    problems: {
      404: 'No such figure: nothing of it is in the books.',
      409: 'A side of the margin is not there.',
      422: 'Invalid input; a parameter that does not fit the figure, with those that do; or no exchange rate.',
    },
    async handle({ em, query, api, now }) {
      const step = await explainFigure(
        em,
        toFigure(query),
        { after: query.cursor?.key, limit: query.limit },
        { currency: api.config.REPORTING_CURRENCY, now },
      );
      if (step === undefined) throw notFound('figure');
      return { status: 200, body: toExplanation(step, query.limit) };
    },
  }),
];
