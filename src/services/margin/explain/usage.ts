import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day, periodOf } from '../../../domain/calendar.ts';
import { type FigureLabel, labelOf } from '../../../domain/margin/figureLabel.ts';
import { type MeterKind, meterKinds } from '../../../domain/meters.ts';
import { Decimal, sum } from '../../../domain/money.ts';
import { listUsageDays, type UsageDay } from '../../listUsage.ts';
import { type FigureNamed, inWords, type Part, type PartsPage, pageOf, quantity, type Step } from './step.ts';

/** What a deployment used of a kind on some days of one month, as it is known now. */
export interface UsageNow {
  readonly days: readonly UsageDay[];
  /** In the kind's metered unit: the sum of the days, or their maximum. */
  readonly metered: string;
  /** Estimated while a day is open or unknown, adjusted where an operator corrected one. */
  readonly label: FigureLabel;
}

/** @returns undefined where there is no such deployment */
export async function readUsage(
  em: EntityManager,
  range: { readonly deploymentId: string; readonly kind: MeterKind; readonly from: Day; readonly until: Day },
  now: Date,
): Promise<UsageNow | undefined> {
  const { deploymentId, kind, from, until } = range;
  const period = periodOf(from);
  const all = await listUsageDays(em, em, { deploymentId, resourceKind: kind, period, now });
  if (all === undefined) return undefined;
  const days = all.filter(({ day }) => from <= day && day < until);
  const quantities = days.map(({ metered }) => new Decimal(metered));
  const metered = meterKinds[kind].aggregation === 'max' ? Decimal.max(0, ...quantities) : sum(quantities);
  return {
    days,
    metered: metered.toFixed(),
    label: labelOf(days.map((day) => ({ label: labelOfDay(day) }))),
  };
}

const labelOfDay = ({ state, corrections }: UsageDay): FigureLabel =>
  state !== 'closed' ? 'estimated' : corrections.length > 0 ? 'adjusted' : 'reconciled';

/** When the days of a range were metered last. */
async function meteredAt(
  em: EntityManager,
  kind: MeterKind,
  from: Day,
  until: Day,
): Promise<Date | undefined> {
  const [row] = await em.execute<{ metered_at: string | null }[]>(
    `select max(metered_at) as metered_at from metered_days where resource_kind = ? and day >= ?::date and day < ?::date`,
    [kind, from, until],
  );
  return row?.metered_at == null ? undefined : new Date(row.metered_at);
}

/** The days that usage is made of. @returns undefined where there is no such deployment */
export async function explainUsage(
  em: EntityManager,
  figure: FigureNamed<'usage'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const { deploymentId, kind, from, until } = figure;
  const usage = await readUsage(em, figure, now);
  if (usage === undefined) return undefined;
  const { meteredUnit, aggregation } = meterKinds[kind];
  const value = quantity(usage.metered, meteredUnit);
  const parts = usage.days.map(
    (day): Part => ({
      key: day.day,
      what: `${kind} on ${day.day}${day.state === 'closed' ? '' : ` (${day.state})`}`,
      counts: quantity(day.metered, meteredUnit),
      label: labelOfDay(day),
      next: {
        figure: { name: 'usage_day', deploymentId, kind, day: day.day },
        value: quantity(day.metered, meteredUnit),
      },
      resources: [],
    }),
  );
  return {
    figure,
    what: `${kind} of deployment ${deploymentId} from ${from} to ${addDays(until, -1)}`,
    value,
    label: usage.label,
    asOf: (await meteredAt(em, kind, from, until)) ?? now,
    how: `${aggregation === 'max' ? 'The most that was used on any of' : 'The sum of'} ${usage.days.length} days, as they are metered and corrected now: ${inWords(value)}.`,
    row: null,
    resources: [
      { type: 'deployment', id: deploymentId },
      { type: 'usageDays', deploymentId, kind, period: periodOf(from) },
    ],
    combinedBy: aggregation,
    partsTotal: value,
    parts: pageOf(parts, page),
  };
}

interface MeteredRow {
  resource_id: string | null;
  name: string | null;
  quantity: string;
}

/** The resources and corrections that a day of usage is made of. @returns undefined where there is no such deployment or day */
export async function explainUsageDay(
  em: EntityManager,
  figure: FigureNamed<'usage_day'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const { deploymentId, kind, day } = figure;
  const usage = await readUsage(em, { deploymentId, kind, from: day, until: addDays(day, 1) }, now);
  const [found] = usage?.days ?? [];
  if (usage === undefined || found === undefined) return undefined;
  const unit = meterKinds[kind].meteredUnit;
  const rows = await em.execute<MeteredRow[]>(
    `select usage.resource_id, resource.name, usage.quantity::text
     from metered_usage usage left join cloud_resources resource on resource.id = usage.resource_id
     where usage.deployment_id = ? and usage.resource_kind = ? and usage.day = ?::date order by usage.resource_id nulls first`,
    [deploymentId, kind, day],
  );
  const metered = rows.map(
    ({ resource_id: id, name, quantity: of }): Part => ({
      key: `1 ${id ?? ''}`,
      what: id === null ? 'Counted for the deployment as a whole' : `Metered from resource ${name ?? id}`,
      counts: quantity(of, unit),
      label: found.state === 'closed' ? 'reconciled' : 'estimated',
      next: null,
      resources: id === null ? [] : [{ type: 'resource', id }],
    }),
  );
  const corrected = found.corrections.map(
    (correction): Part => ({
      key: `2 ${correction.id}`,
      what: `Corrected by ${correction.actor}: ${correction.reason}`,
      counts: quantity(correction.quantity, unit),
      label: 'adjusted',
      next: null,
      resources: [],
    }),
  );
  const stated = sum([...rows, ...found.corrections].map((entry) => new Decimal(entry.quantity)));
  const floor = new Decimal(found.metered).minus(stated);
  const raised: Part[] = floor.isZero()
    ? []
    : [
        {
          key: '3',
          what: 'A day is never less than nothing',
          counts: quantity(floor, unit),
          label: 'adjusted',
          next: null,
          resources: [],
        },
      ];
  const value = quantity(found.metered, unit);
  return {
    figure,
    what: `${kind} of deployment ${deploymentId} on ${day}`,
    value,
    label: labelOfDay(found),
    asOf: (await meteredAt(em, kind, day, addDays(day, 1))) ?? now,
    how: `Metered from ${rows.length} of its resources, with ${found.corrections.length} corrections; the day is ${found.state}${found.reason === null ? '' : ` (${found.reason})`}.`,
    row: null,
    resources: [
      { type: 'deployment', id: deploymentId },
      { type: 'usageDays', deploymentId, kind, period: periodOf(day) },
    ],
    combinedBy: 'sum',
    partsTotal: value,
    parts: pageOf([...metered, ...corrected, ...raised], page),
  };
}
