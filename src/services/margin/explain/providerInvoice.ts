import type { EntityManager } from '@mikro-orm/postgresql';
import type { FigureLabel } from '../../../domain/margin/figureLabel.ts';
import { CloudInvoice } from '../../../entities/cloudInvoice.ts';
import { arrayLiteral } from '../../arrayLiteral.ts';
import { ownedParts, type UnattributedReason } from '../costsByOwner.ts';
import { type CostScope, everyPart, inSnapshot, labelOfCosts, planned } from './costScope.ts';
import {
  type FigureNamed,
  inWords,
  money,
  month,
  nameOf,
  numberKey,
  type Part,
  type PartsPage,
  type Resource,
  type Step,
} from './step.ts';

/** What a provider's invoice says, line by line, and what no line in force says. @returns undefined where there is no such invoice */
export function explainProviderInvoice(
  em: EntityManager,
  figure: FigureNamed<'provider_invoice'>,
  page: PartsPage,
): Promise<Step | undefined> {
  return inSnapshot(em, async (transaction) => {
    const invoice = await transaction.findOne(CloudInvoice, { id: figure.id });
    if (invoice === null) return undefined;
    const lines = await linesOf(transaction, invoice, everyPart, invoice.currency, page);
    const value = money(invoice.amount, invoice.currency);
    return {
      figure,
      what: nameOfInvoice(invoice),
      value,
      label: lines.label,
      asOf: knownSince(invoice),
      how: `The provider states ${inWords(value)} for ${month(invoice.periodStart)}. ${standing(invoice)}`,
      row: null,
      resources: linksOf(invoice),
      combinedBy: 'sum',
      partsTotal: money(lines.total, invoice.currency),
      parts: lines.parts,
    };
  });
}

/** What a subject has of one invoice, by line; in the transaction of `em`. @returns undefined where that is nothing */
export async function chargedByInvoice(
  em: EntityManager,
  figure: FigureNamed<'charged_cogs'>,
  invoiceId: string,
  scope: CostScope,
  page: PartsPage,
): Promise<Step | undefined> {
  const { period, currency } = figure;
  const invoice = await em.findOne(CloudInvoice, { id: invoiceId, periodStart: period });
  if (invoice === null) return undefined;
  const lines = await linesOf(em, invoice, scope, currency, page);
  if (lines.count === 0) return undefined;
  const value = money(lines.total, currency);
  return {
    figure,
    what: `${nameOfInvoice(invoice)}: ${nameOf(figure.subject)}`,
    value,
    label: lines.label,
    asOf: knownSince(invoice),
    how: `${lines.count} charges of the invoice, whole or in part: ${inWords(value)}. ${standing(invoice)}`,
    row: null,
    resources: linksOf(invoice),
    combinedBy: 'sum',
    partsTotal: value,
    parts: lines.parts,
  };
}

interface Lines {
  readonly total: string;
  readonly count: number;
  readonly label: FigureLabel;
  readonly parts: readonly Part[];
}

interface LineRow {
  total: string;
  count: number;
  all_reasons: (UnattributedReason | null)[] | null;
  line_id: string | null;
  amount: string;
  reasons: (UnattributedReason | null)[];
}
interface DetailRow {
  id: string;
  line_number: number;
  description: string;
  billed_cost: string;
  match_reason: string;
}

/** A page of an invoice's lines with what a scope has of each; line 0 is what no line in force says. */
async function linesOf(
  em: EntityManager,
  invoice: CloudInvoice,
  scope: CostScope,
  currency: string,
  page: PartsPage,
): Promise<Lines> {
  const rows = await planned(em, scope, () =>
    em.execute<LineRow[]>(
      `${ownedParts('invoice.id = ?::uuid', scope.line)},
       own as (
         select coalesce(part.line_id, 0) as line_id, sum(part.amount) as amount, array_agg(distinct part.reason) as reasons
         from part where ${scope.part} and part.currency = ? group by 1
       ),
       shown as (select * from own where lpad(line_id::text, 20, '0') collate "C" > ? order by line_id limit ?)
       select total.*, shown.line_id::text, shown.amount::text, shown.reasons
       from (
         select coalesce(sum(amount), 0)::text as total, count(*)::int as count,
           (select array_agg(distinct reason) from own, unnest(own.reasons) as reason) as all_reasons from own
       ) total left join shown on true order by shown.line_id`,
      [
        invoice.id,
        ...scope.lineParameters,
        ...scope.partParameters,
        currency,
        page.after ?? '',
        page.limit + 1,
      ],
    ),
  );
  const [first] = rows;
  const ids = rows.flatMap(({ line_id: id }) => (id === null ? [] : [id]));
  const details = await em.execute<DetailRow[]>(
    `select id::text, line_number, description, billed_cost::text, match_reason from cloud_cost_lines where id = any(?::bigint[])`,
    [arrayLiteral(ids)],
  );
  const byId = new Map(details.map((row) => [row.id, row]));
  return {
    total: first?.total ?? '0',
    count: first?.count ?? 0,
    label: labelOfCosts((first?.all_reasons ?? []).map((reason) => ({ basis: 'invoice', reason }))),
    parts: rows.flatMap((row): Part[] => {
      if (row.line_id === null) return [];
      const line = byId.get(row.line_id);
      return [
        {
          key: numberKey(row.line_id),
          what:
            line === undefined
              ? remainder(row.reasons)
              : `Line ${line.line_number}: ${line.description} (${line.match_reason})`,
          counts: money(row.amount, currency),
          label: labelOfCosts(row.reasons.map((reason) => ({ basis: 'invoice', reason }))),
          next:
            line === undefined
              ? null
              : {
                  figure: { name: 'cost_line', id: BigInt(row.line_id) },
                  value: money(line.billed_cost, currency),
                },
          resources: line === undefined ? linksOf(invoice) : [],
        },
      ];
    }),
  };
}

function remainder([reason]: readonly (UnattributedReason | null)[]): string {
  switch (reason) {
    case 'held':
      return 'All of the invoice, which is held';
    case 'not_ingested':
      return 'All of the invoice, whose lines are not read yet';
    default:
      return 'What the provider states by now beyond the lines in force';
  }
}

export const nameOfInvoice = ({ provider, invoiceUuid, invoiceNumber, version }: CloudInvoice) =>
  `Invoice ${invoiceNumber ?? ''} of ${provider} (${invoiceUuid}), version ${version}`.replace('  ', ' ');

export const knownSince = ({ ingestedAt, discoveredAt }: CloudInvoice) => ingestedAt ?? discoveredAt;

const standing = ({ ingestStatus, error, version }: CloudInvoice): string => {
  if (ingestStatus === 'held') {
    return `It is held${error == null ? '' : `: ${error.message}`}; as long as it is, nobody bears it.`;
  }
  return version === 0 ? 'None of its lines are read yet.' : `Version ${version} of its lines is in force.`;
};

export const linksOf = ({ provider, invoiceUuid, periodStart, version }: CloudInvoice): Resource[] => [
  { type: 'providerInvoice', provider, invoiceUuid },
  ...(version === 0 ? [] : [{ type: 'costLines' as const, period: periodStart, invoiceUuid, version }]),
];
