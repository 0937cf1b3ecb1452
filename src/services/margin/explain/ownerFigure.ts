import type { EntityManager } from '@mikro-orm/postgresql';
import type { MarginPart } from '../../../domain/margin/convertParts.ts';
import { labelOf } from '../../../domain/margin/figureLabel.ts';
import { marginOf } from '../../../domain/margin/marginTable.ts';
import { spreadBucket } from '../../../domain/margin/sharedCost.ts';
import { sumCents } from '../../../domain/money.ts';
import type { Period } from '../../../domain/period.ts';
import { type MarginParts, marginParts } from '../marginSummary.ts';
import { byCurrency } from './byCurrency.ts';
import { kindFigure } from './kindFigure.ts';
import { type FoundFigure, ofSubject, type Reporting, type Side, type SideParts } from './side.ts';
import { spreadShares } from './spreadShares.ts';
import {
  centsOf,
  type FigureNamed,
  inWords,
  month,
  nameOf,
  negated,
  type Part,
  type PartsPage,
  pageOf,
  type Step,
  type Subject,
} from './step.ts';

type OwnerFigure = FigureNamed<'margin' | 'revenue' | 'cogs'>;

/**
 * A figure of the margin, in the reporting currency, by the functions that the dashboard has it from. All of the period is read for it,
 * whosever it is: who shares a currency's rounded total decides where its last cents go.
 * @returns undefined where nothing of the subject is in the books
 * @throws SideUnavailable, MissingExchangeRate
 */
export async function explainOwnerFigure(
  em: EntityManager,
  figure: OwnerFigure,
  page: PartsPage,
  reporting: Reporting,
): Promise<Step | undefined> {
  const { name, period, subject } = figure;
  const found =
    name !== 'margin' && (isByKind(figure) || subject.kind !== undefined)
      ? await kindFigure(em, figure, name, reporting)
      : await byOwner(em, figure, reporting);
  if (found === undefined) return undefined;
  const value = centsOf(found.cents, reporting.currency);
  const { label, how, resources } = found;
  return {
    figure,
    what: `${titles[name]} of ${month(period)}: ${nameOf(subject)}`,
    value,
    label,
    asOf: reporting.now,
    how,
    row: null,
    resources,
    combinedBy: 'sum',
    partsTotal: value,
    parts: pageOf(found.parts, page),
  };
}

const isByKind = (figure: OwnerFigure) => figure.name !== 'margin' && figure.by === 'kind';

const titles = { margin: 'Margin', revenue: 'Revenue', cogs: 'COGS' } as const;

async function byOwner(
  em: EntityManager,
  figure: OwnerFigure,
  reporting: Reporting,
): Promise<FoundFigure | undefined> {
  const { name, period, subject } = figure;
  const books = await marginParts(em, period, reporting.currency, reporting.now);
  const isOwn = ofSubject(subject);
  const [revenue, costs] = [books.revenue.filter(isOwn), books.spreadCosts.filter(isOwn)];
  if (!isEverybody(subject) && revenue.length === 0 && costs.length === 0) return undefined;
  const margin = marginOf(revenue, costs);
  const { deploymentId } = subject;
  const resources: Step['resources'] = deploymentId == null ? [] : [{ type: 'deployment', id: deploymentId }];
  if (name !== 'margin') {
    const parts = partsOfSide(name, figure, books, reporting.currency);
    return { ...margin[name], ...parts, resources: [...resources, ...parts.resources] };
  }
  const sides = (['revenue', 'cogs'] as const).map((side): Part => {
    const value = centsOf(margin[side].cents, reporting.currency);
    return {
      key: side === 'revenue' ? '1' : '2',
      what: titles[side],
      counts: side === 'revenue' ? value : negated(value),
      label: margin[side].label,
      next: { figure: { name: side, period, subject }, value },
      resources: [],
    };
  });
  return {
    cents: margin.marginCents,
    label: labelOf([margin.revenue, margin.cogs]),
    how: `Revenue of ${inWords(centsOf(margin.revenue.cents, reporting.currency))} less COGS of ${inWords(centsOf(margin.cogs.cents, reporting.currency))}${margin.percentage === null ? '' : `: ${margin.percentage}% of the revenue`}.`,
    resources,
    parts: sides,
  };
}

const isEverybody = ({ tenantId, bucket }: Subject) => tenantId === undefined && bucket === undefined;

function partsOfSide(
  side: Side,
  { period, subject }: OwnerFigure,
  parts: MarginParts,
  currency: string,
): SideParts {
  const { tenantId, deploymentId, bucket } = subject;
  const spread = spreadShares(parts, period, currency);
  if (tenantId !== undefined && bucket !== undefined) return spread.ofTenant(tenantId);
  if (bucket === spreadBucket) return spread.ofAll();
  if (bucket === undefined && deploymentId === undefined)
    return byMember(side, period, subject, parts, currency);
  const converted = byCurrency(side, period, subject, parts.books);
  const isOutside = side === 'cogs' && tenantId !== undefined && deploymentId === null;
  const share = isOutside ? spread.partOf(tenantId) : [];
  if (share.length === 0) return converted;
  return {
    ...converted,
    how: `${converted.how} With it comes the tenant’s share of the shared cost.`,
    parts: [...converted.parts, ...share],
  };
}

/** What a tenant has by deployment, and everybody by tenant and bucket. */
function byMember(
  side: Side,
  period: Period,
  subject: Subject,
  { revenue, spreadCosts }: MarginParts,
  currency: string,
): SideParts {
  const { tenantId } = subject;
  const own = (side === 'revenue' ? revenue : spreadCosts).filter(ofSubject(subject));
  const memberOf = (part: MarginPart): Subject =>
    tenantId !== undefined
      ? { tenantId, deploymentId: part.deploymentId }
      : part.tenantId === null
        ? { bucket: part.bucket }
        : { tenantId: part.tenantId };
  const members = [...Map.groupBy(own, (part) => keyOf(memberOf(part)))];
  const noun = tenantId !== undefined ? 'deployment' : side === 'cogs' ? 'tenant or bucket' : 'tenant';
  return {
    how: `What each ${noun} comes to, in whole cents of ${currency}; there are ${members.length}.`,
    resources: side === 'cogs' && tenantId === undefined ? [{ type: 'closure', period }] : [],
    parts: members.flatMap(([key, ofMember]): Part[] => {
      const [first] = ofMember;
      if (first === undefined) return [];
      const value = centsOf(sumCents(ofMember.map(({ cents }) => cents)), currency);
      return [
        {
          key,
          what: nameOf(memberOf(first)),
          counts: value,
          label: labelOf(ofMember),
          next: { figure: { name: side, period, subject: memberOf(first) }, value },
          resources: [],
        },
      ];
    }),
  };
}

/** Tenants and buckets apart: a tenant may be called like a bucket. */
const keyOf = ({ tenantId, deploymentId, bucket }: Subject): string =>
  deploymentId !== undefined
    ? (deploymentId ?? '')
    : bucket === undefined
      ? `tenant ${tenantId}`
      : `bucket ${bucket}`;
