import fc from 'fast-check';
import type { InvoiceInputs } from '../../src/domain/tenantInvoice.ts';
import { quoteInput } from './arbitraryTerms.ts';

const cents = fc.oneof(fc.integer({ min: -700, max: 7000 }), fc.integer({ min: -(10 ** 8), max: 10 ** 8 }));
const charge = fc
  .tuple(fc.nat(10 ** 6), fc.nat(999_999))
  .map(([units, millionths]) => `${units}.${String(millionths).padStart(6, '0')}`);

/** An invoice for April 2026 with anything that one can have: two plan versions, late months, lines in the tenant's favour, no tax. */
export function invoiceInputs(facts: {
  readonly tenantId: string;
  /** One of them at least; what is for the whole tenant aside, lines are theirs. */
  readonly deploymentIds: readonly string[];
}): fc.Arbitrary<InvoiceInputs> {
  const { tenantId, deploymentIds } = facts;
  const deploymentId = fc.constantFrom(...deploymentIds);
  const usageMonth = fc.constantFrom('2026-02-01', '2026-03-01', '2026-04-01');
  const [first, middle, until] = ['2026-04-01', '2026-04-16', '2026-05-01'] as const;
  return fc.record({
    schema: fc.constant(1 as const),
    tenantId: fc.constant(tenantId),
    period: fc.constant('2026-04-01'),
    currency: fc.constantFrom('AUD', 'USD'),
    tax: fc.constantFrom(
      { name: 'GST', country: 'AU', rate: '0.10' },
      { name: 'GST', country: 'NZ', rate: '0.15' },
      { name: null, country: 'US', rate: '0' },
    ),
    deployments: fc.tuple(
      ...deploymentIds.map((id) =>
        fc.array(quoteInput, { minLength: 1, maxLength: 2 }).map((quotes) => ({
          deploymentId: id,
          slug: id,
          versions: quotes.map((quote, index) => ({
            from: index === 0 ? first : middle,
            until: index === quotes.length - 1 ? until : middle,
            quote,
          })),
        })),
      ),
    ),
    llm: fc.array(fc.record({ deploymentId, usageMonth, charge, billedCents: fc.nat(10 ** 6) }), {
      maxLength: 3,
    }),
    late: fc.array(
      fc.record({
        deploymentId,
        usageMonth: fc.constantFrom('2026-02-01', '2026-03-01'),
        shouldBeCents: fc.nat(10 ** 6),
        billedCents: fc.nat(10 ** 6),
      }),
      { maxLength: 2 },
    ),
    adjustments: fc.array(
      fc.record({
        id: fc.uuid(),
        deploymentId: fc.option(deploymentId),
        description: fc.constantFrom('Goodwill', '=SUM(A1)', 'Set-up, "agreed"\nin July'),
        amountCents: cents,
        reason: fc.constant('asked'),
      }),
      { maxLength: 2 },
    ),
    billedElsewhere: fc.array(fc.record({ deploymentId, billedCents: fc.nat(10 ** 6) }), { maxLength: 1 }),
  });
}
