import { z } from 'zod';
import { daysBetween, periodOf } from '../domain/calendar.ts';
import { spreadBucket } from '../domain/margin/sharedCost.ts';
import { type MeterKind, meterKindNames } from '../domain/meters.ts';
import { nextPeriod } from '../domain/period.ts';
import { costBuckets } from '../services/margin/costsByOwner.ts';
import { type Figure, type FigureName, figureNames, type Subject } from '../services/margin/explain/step.ts';
import { cursorOf } from './pages.ts';
import { count, day, limit, period, tenantId, text, uuid } from './schemas.ts';

/** Who has no deployment, and what names no kind. */
const none = 'none';

const parameters = {
  period: period.optional(),
  tenant: tenantId.optional(),
  deployment: z
    .union([z.literal(none), uuid], { error: 'expected a UUID, or none' })
    .optional()
    .meta({ description: '`none`: what the tenant has outside of any deployment.' }),
  bucket: z
    .enum([...costBuckets.filter((bucket) => bucket !== 'attributed'), spreadBucket])
    .optional()
    .meta({
      description: 'What no tenant bears. `shared_spread` with a tenant: its share of the shared cost.',
    }),
  kind: text(100)
    .optional()
    .meta({ description: 'Of a charge, or for usage a metered kind; `none`: what names no kind.' }),
  by: z
    .literal('kind', { error: 'expected kind' })
    .optional()
    .meta({ description: 'Parts by kind, not by owner.' }),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'expected a currency like USD')
    .optional()
    .meta({ description: 'In which it was charged.' }),
  invoice: uuid.optional().meta({ description: 'The `id` of one of the provider’s invoices.' }),
  estimate: uuid.optional().meta({ description: 'One of the provider’s estimates.' }),
  id: text(100).optional().meta({ description: 'A UUID of an invoice, the number of a line.' }),
  line: count(1_000_000),
  from: day.optional(),
  until: day.optional().meta({ description: 'Exclusive.' }),
  day: day.optional(),
};
type Parameter = keyof typeof parameters;
const parameterNames = Object.keys(parameters) as Parameter[];

const owners: readonly Parameter[][] = [['tenant', 'deployment'], ['bucket'], ['kind']];

/** The parameters that name each figure: all of one of these lists, and no others. */
const forms: Readonly<Record<FigureName, readonly (readonly Parameter[])[]>> = {
  margin: [['period'], ['period', 'tenant'], ['period', 'tenant', 'deployment']],
  revenue: [
    ['period'],
    ['period', 'by'],
    ['period', 'tenant'],
    ['period', 'tenant', 'deployment'],
    ['period', 'kind'],
  ],
  cogs: [
    ['period'],
    ['period', 'by'],
    ['period', 'tenant'],
    ['period', 'tenant', 'deployment'],
    ['period', 'tenant', 'bucket'],
    ['period', 'bucket'],
    ['period', 'kind'],
  ],
  charged_revenue: [
    ['period', 'currency', 'tenant', 'deployment'],
    ['period', 'currency', 'kind'],
  ],
  accrued_revenue: [
    ['period', 'currency', 'tenant', 'deployment'],
    ['period', 'currency', 'tenant', 'deployment', 'kind'],
    ['period', 'currency', 'kind'],
  ],
  charged_cogs: owners.flatMap((owner) =>
    [[], ['invoice'], ['estimate']].map(
      (source) => ['period', 'currency', ...owner, ...source] as Parameter[],
    ),
  ),
  invoice: [['id']],
  invoice_line: [['id']],
  accrued_line: [['period', 'tenant', 'deployment', 'line']],
  late_month: [['period', 'deployment']],
  late_line: [['period', 'deployment', 'line']],
  usage: [['deployment', 'kind', 'from', 'until']],
  usage_day: [['deployment', 'kind', 'day']],
  llm_usage: [['period', 'deployment']],
  provider_invoice: [['id']],
  cost_line: [['id']],
};

const formsInWords = (name: FigureName) => forms[name].map((form) => form.join(', ')).join(' | ');

const cursorKey = z.strictObject({
  figure: z.enum(figureNames),
  key: z
    .string()
    .max(500)
    .refine((value) => !value.includes('\0') && value.isWellFormed()),
});

const shape = z.strictObject({
  figure: z.enum(figureNames, { error: `expected one of ${figureNames.join(', ')}` }).meta({
    description: `What is explained, and which parameters name it: ${figureNames.map((name) => `\`${name}\` (${formsInWords(name)})`).join('; ')}. The links of an answer name the next ones.`,
  }),
  ...parameters,
  limit,
  cursor: cursorOf('explain', cursorKey),
});
type Query = z.output<typeof shape>;

/** The query of an explanation: a figure, and the parameters that name it and no other. */
export const explainQuery = shape.superRefine((query, context) => {
  for (const [parameter, message] of faultsOf(query)) {
    context.addIssue({ code: 'custom', path: [parameter], message, input: query[parameter] });
  }
});

function faultsOf(query: Query): [parameter: keyof Query, message: string][] {
  const { figure } = query;
  const given = parameterNames.filter((name) => query[name] !== undefined);
  const known = new Set(forms[figure].flat());
  const strange = given.filter((name) => !known.has(name));
  const fits = `figure=${figure} is named by ${formsInWords(figure)}`;
  if (strange.length > 0) return strange.map((name) => [name, `does not fit: ${fits}`]);
  const whole = forms[figure].filter((form) => form.every((name) => given.includes(name)));
  if (!whole.some((form) => form.length === given.length)) {
    const kept = whole.reduce((longest, form) => (form.length > longest.length ? form : longest), []);
    const rest = whole.length === 0 ? [] : given.filter((name) => !kept.includes(name));
    const at: readonly (keyof Query)[] = rest.length === 0 ? ['figure'] : rest;
    return at.map((name) => [name, `does not do with what else is given: ${fits}`]);
  }
  return faultsOfValues(query);
}

function faultsOfValues(query: Query): [parameter: keyof Query, message: string][] {
  const { figure, tenant, bucket, deployment, kind, id, from, until, cursor } = query;
  const faults: [keyof Query, string][] = [];
  if (tenant !== undefined && bucket !== undefined && bucket !== spreadBucket) {
    faults.push(['bucket', `expected ${spreadBucket} where a tenant is named`]);
  }
  if (deployment === none && !withoutDeployment.has(figure)) faults.push(['deployment', 'expected a UUID']);
  if ((figure === 'usage' || figure === 'usage_day') && !isMeterKind(kind)) {
    faults.push(['kind', `expected one of ${meterKindNames.join(', ')}`]);
  }
  if (id !== undefined) {
    const isLine = figure === 'invoice_line' || figure === 'cost_line';
    if (isLine && !/^\d{1,18}$/.test(id)) faults.push(['id', 'expected an id of 1 to 18 digits']);
    if (!isLine && !uuid.safeParse(id).success) faults.push(['id', 'expected a UUID']);
  }
  if (from !== undefined && until !== undefined) {
    if (daysBetween(from, until) <= 0 || until > nextPeriod(periodOf(from))) {
      faults.push(['until', 'expected a day after from, at most the first one of the next month']);
    }
  }
  if (cursor !== undefined && cursor.figure !== figure) {
    faults.push(['cursor', 'expected a cursor that this figure gave out']);
  }
  return faults;
}

const withoutDeployment: ReadonlySet<FigureName> = new Set([
  'margin',
  'revenue',
  'cogs',
  'charged_revenue',
  'charged_cogs',
]);

const isMeterKind = (kind: string | undefined): kind is MeterKind =>
  (meterKindNames as readonly (string | undefined)[]).includes(kind);

/** The figure that a query names. */
export function toFigure(query: Query): Figure {
  const { figure: name, period: of = '', deployment: deploymentId = '', id = '', line = 0 } = query;
  const subject: Subject = {
    tenantId: query.tenant,
    deploymentId: query.deployment === none ? null : query.deployment,
    bucket: query.bucket,
    kind: query.kind === none ? null : query.kind,
  };
  const currency = query.currency ?? '';
  const kind = (query.kind ?? '') as MeterKind;
  switch (name) {
    case 'margin':
      return { name, period: of, subject };
    case 'revenue':
    case 'cogs':
      return { name, period: of, subject, by: query.by };
    case 'charged_revenue':
    case 'accrued_revenue':
      return { name, period: of, subject, currency };
    case 'charged_cogs':
      return { name, period: of, subject, currency, invoiceId: query.invoice, estimateId: query.estimate };
    case 'invoice':
    case 'provider_invoice':
      return { name, id: id.toLowerCase() };
    case 'invoice_line':
    case 'cost_line':
      return { name, id: BigInt(id) };
    case 'accrued_line':
      return { name, period: of, tenantId: query.tenant ?? '', deploymentId, line };
    case 'late_month':
    case 'llm_usage':
      return { name, period: of, deploymentId };
    case 'late_line':
      return { name, period: of, deploymentId, line };
    case 'usage':
      return { name, deploymentId, kind, from: query.from ?? '', until: query.until ?? '' };
    case 'usage_day':
      return { name, deploymentId, kind, day: query.day ?? '' };
  }
}

/** The parameters that name a figure, as `toFigure` reads them. */
export function toParameters(figure: Figure): Readonly<Record<string, string>> {
  const { name, ...named } = figure;
  const { subject, ...rest }: { readonly subject?: Subject } & Readonly<Record<string, unknown>> = named;
  const texts: Readonly<Record<string, unknown>> = {
    figure: name,
    period: rest['period'],
    tenant: subject?.tenantId ?? rest['tenantId'],
    deployment: subject?.deploymentId === null ? none : (subject?.deploymentId ?? rest['deploymentId']),
    bucket: subject?.bucket,
    kind: subject?.kind === null ? none : (subject?.kind ?? rest['kind']),
    by: rest['by'],
    currency: rest['currency'],
    invoice: rest['invoiceId'],
    estimate: rest['estimateId'],
    id: rest['id'],
    line: rest['line'],
    from: rest['from'],
    until: rest['until'],
    day: rest['day'],
  };
  return Object.fromEntries(
    Object.entries(texts).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}
