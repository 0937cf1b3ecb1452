import type { ApiConfig } from '../config.ts';
import { formatAbn } from '../domain/abn.ts';
import { dayOf } from '../domain/calendar.ts';
import type { JsonValue } from '../domain/errors.ts';
import { parseDecimal } from '../domain/money.ts';
import type { CreditNote } from '../entities/creditNote.ts';
import type { BillTo, TenantInvoice } from '../entities/tenantInvoice.ts';
import type { TenantInvoiceLine } from '../entities/tenantInvoiceLine.ts';
import { type Party, type PrintedDocument, type PrintedLine, toMoney, toQuantity } from './invoicePdf.ts';
import { Problem } from './problems.ts';

/** @throws Problem 503 where the service was not told who issues its invoices */
export function issuerOf(config: ApiConfig): Party {
  const { INVOICE_ISSUER_NAME: name, INVOICE_ISSUER_ABN: abn } = config;
  if (name === undefined || abn === undefined) {
    throw new Problem(
      503,
      'invoice_issuer_not_configured',
      'a tax invoice names who issues it: set INVOICE_ISSUER_NAME and INVOICE_ISSUER_ABN',
    );
  }
  return {
    name,
    taxNumber: `ABN ${abn}`,
    address: config.INVOICE_ISSUER_ADDRESS ?? null,
    email: config.INVOICE_ISSUER_EMAIL ?? null,
  };
}

/** An invoice as it is printed: with the tax invoice's words where it is taxed, and marked where it is a draft or void. */
export function printedInvoice(
  { invoice, lines }: { readonly invoice: TenantInvoice; readonly lines: readonly TenantInvoiceLine[] },
  parties: { readonly issuer: Party; readonly billTo: BillTo },
  deploymentNames: ReadonlyMap<string, string>,
): PrintedDocument {
  const { currency, status } = invoice;
  const isDraft = status === 'draft';
  return {
    title: isTaxed(invoice) ? 'Tax invoice' : 'Invoice',
    mark: isDraft ? 'DRAFT' : status === 'void' ? 'VOID' : null,
    number: invoice.number ?? null,
    currency,
    issuer: parties.issuer,
    recipient: recipientOf(invoice, parties.billTo),
    facts: [
      ...fact('Issued', invoice.issuedAt == null ? null : longDay(dayOf(invoice.issuedAt.toISOString()))),
      ...fact('Due', invoice.dueOn == null ? null : longDay(invoice.dueOn)),
      ['Period', longMonth(invoice.periodStart)],
    ],
    lines: byDeployment(lines.filter((line) => line.type !== 'tax')).map((line) =>
      printedLine(line, currency, deploymentNames),
    ),
    totals: [
      ...totalsOf(invoice, invoice),
      ...total('Credit notes', -invoice.creditedCents),
      ...total('Payments', -invoice.paidCents),
      ...(isDraft || status === 'void' ? [] : [dueTotal(invoice.dueCents)]),
    ],
    notes: [
      ...(isDraft ? ['This is a draft and no tax invoice: it may change until it is issued.'] : []),
      ...(status === 'void' ? ['This invoice is void: nothing is due of it.'] : []),
      `All amounts are in ${currency}. Each line is rounded to the cent, half up.`,
      taxNote(invoice),
      ...(status === 'issued' ? [`Please name ${invoice.number} with your payment.`] : []),
    ],
    madeAt: invoice.issuedAt ?? invoice.updatedAt,
  };
}

/** A credit note as it is printed: an adjustment note where the invoice was taxed. */
export function printedCreditNote(
  { note, invoice }: { readonly note: CreditNote; readonly invoice: TenantInvoice },
  parties: { readonly issuer: Party; readonly billTo: BillTo },
): PrintedDocument {
  return {
    title: isTaxed(invoice) ? 'Adjustment note' : 'Credit note',
    mark: null,
    number: note.number,
    currency: note.currency,
    issuer: parties.issuer,
    recipient: recipientOf(invoice, parties.billTo),
    facts: [
      ['Issued', longDay(dayOf(note.issuedAt.toISOString()))],
      ['For invoice', invoice.number ?? ''],
      ...fact(
        'Invoice issued',
        invoice.issuedAt == null ? null : longDay(dayOf(invoice.issuedAt.toISOString())),
      ),
    ],
    lines: [
      {
        group: null,
        description: note.reason,
        detail: `Reduces ${invoice.number ?? 'the invoice'} for ${longMonth(invoice.periodStart)}`,
        qty: '1',
        unit: 'each',
        unitPriceCents: String(note.subtotalCents),
        amountCents: note.subtotalCents,
      },
    ],
    totals: totalsOf(note, invoice, ' credited'),
    notes: [`All amounts are in ${note.currency}.`],
    madeAt: note.issuedAt,
  };
}

const isTaxed = (invoice: TenantInvoice) => invoice.taxName != null;

function recipientOf(invoice: TenantInvoice, billTo: BillTo): Party {
  const { legal_name: name, tax_number: taxNumber, address, email, country } = billTo;
  return {
    name: name ?? invoice.tenantId,
    taxNumber:
      taxNumber === null
        ? null
        : country === 'AU'
          ? `ABN ${formatAbn(taxNumber)}`
          : `Tax number ${taxNumber}`,
    address: country === 'AU' ? address : [address, country].filter((part) => part !== null).join('\n'),
    email,
  };
}

function totalsOf(
  amounts: { readonly subtotalCents: number; readonly taxCents: number; readonly totalCents: number },
  invoice: TenantInvoice,
  what = '',
): PrintedDocument['totals'] {
  const { taxName, taxRate } = invoice;
  if (taxName == null) return [{ label: `Total${what}`, cents: amounts.totalCents, strong: true }];
  return [
    { label: `Subtotal${what}, without ${taxName}`, cents: amounts.subtotalCents },
    { label: `${taxName} ${parseDecimal(taxRate).times(100).toFixed()}%`, cents: amounts.taxCents },
    { label: `Total${what}, with ${taxName}`, cents: amounts.totalCents, strong: true },
  ];
}

const total = (label: string, cents: number): PrintedDocument['totals'] =>
  cents === 0 ? [] : [{ label, cents }];

const dueTotal = (cents: number): PrintedDocument['totals'][number] =>
  cents < 0
    ? { label: 'Owed to you', cents: -cents, strong: true }
    : { label: 'Amount due', cents, strong: true };

function taxNote({ taxName, taxRate }: TenantInvoice): string {
  if (taxName == null) return 'No tax applies: this is a sale to another country.';
  return `Every line is taxed: ${taxName} of ${parseDecimal(taxRate).times(100).toFixed()}% is reckoned once, on the subtotal.`;
}

/** Lines of one deployment stand together, in the order in which deployments first come; those of none stand last. */
function byDeployment(lines: readonly TenantInvoiceLine[]): TenantInvoiceLine[] {
  const groups = Map.groupBy(lines, (line) => line.deploymentId ?? null);
  const ofNone = groups.get(null) ?? [];
  groups.delete(null);
  return [...[...groups.values()].flat(), ...ofNone];
}

function printedLine(
  line: TenantInvoiceLine,
  currency: string,
  deploymentNames: ReadonlyMap<string, string>,
): PrintedLine {
  const { deploymentId } = line;
  return {
    group: deploymentId == null ? null : (deploymentNames.get(deploymentId) ?? deploymentId),
    description: line.description,
    detail: detailOf(line, currency),
    qty: line.qty,
    unit: line.unit,
    unitPriceCents: line.unitPriceCents,
    amountCents: line.amountCents,
  };
}

/** What the amount was reckoned from, as the line's meta says; the keys are those that src/domain/quote.ts writes. */
function detailOf({ type, meta, unit }: TenantInvoiceLine, currency: string): string | null {
  if (type === 'plan_base' || type === 'addon') {
    const [days, monthDays] = textOf(meta['day_fraction']).split('/');
    const fullPrice = meta['full_price_cents'];
    if (days === monthDays || typeof fullPrice !== 'number') return null;
    return `${days} of ${monthDays} days of ${toMoney(fullPrice, currency)}`;
  }
  if (type !== 'overage' || meta['used'] === undefined) return null;
  const quantity = (key: string) => toQuantity(textOf(meta[key]));
  const base = textOf(meta['base_unit'] ?? unit).replaceAll('_', ' ');
  const free = textOf(meta['above_cap'] ?? '0');
  return [
    `${quantity('used')} used, ${quantity('allowance')} included`,
    ...(parseDecimal(free).isZero() ? [] : [`${toQuantity(free)} above the cap and free`]),
    `unit: ${base}`,
  ].join('; ');
}

const textOf = (value: JsonValue | undefined) => (typeof value === 'string' ? value : '0');

const fact = (label: string, value: string | null): (readonly [string, string])[] =>
  value === null ? [] : [[label, value]];

const dayFormat = new Intl.DateTimeFormat('en-AU', { dateStyle: 'long', timeZone: 'UTC' });
const monthFormat = new Intl.DateTimeFormat('en-AU', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const longDay = (day: string) => dayFormat.format(new Date(`${day}T00:00:00Z`));
const longMonth = (period: string) => monthFormat.format(new Date(`${period}T00:00:00Z`));
