import { providerSlug } from '../domain/focus/providerSlug.ts';
import { listedValue, toInstant } from '../domain/focus/values.ts';
import type { DatasetReading, ReadingContext } from './takeInFocusFile.ts';

interface StatedPeriod {
  readonly provider: string;
  readonly issuer: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly status: string;
}

/** Reads billing periods: which of an issuer's months are closed, so that their invoices are final. */
export function takeInBillingPeriods({ fileId, findings }: ReadingContext): DatasetReading {
  const periods = new Map<string, StatedPeriod>();
  return {
    async add(row) {
      const issuer = row.get('InvoiceIssuerName') ?? '';
      const startsAt = toInstant(row.get('BillingPeriodStart') ?? '');
      const endsAt = toInstant(row.get('BillingPeriodEnd') ?? '');
      if (startsAt === null || endsAt === null || endsAt <= startsAt) {
        const value = row.get('BillingPeriodEnd');
        findings.fault(row.row, 'BillingPeriodEnd', value, 'a time after the start of the period');
        return;
      }
      const key = `${issuer} ${startsAt.toISOString()}`;
      if (periods.has(key)) {
        const value = row.get('BillingPeriodStart');
        findings.fault(row.row, 'BillingPeriodStart', value, "each of an issuer's periods once");
        return;
      }
      periods.set(key, {
        provider: providerSlug(issuer),
        issuer,
        starts_at: startsAt.toISOString(),
        ends_at: endsAt.toISOString(),
        status: listedValue(row.get('BillingPeriodStatus') ?? '', ['Open', 'Closed']),
      });
    },
    async finish() {},
    async commit(transaction) {
      const stated = [...periods.values()];
      await transaction.execute(
        `insert into focus_billing_periods (provider, issuer, starts_at, ends_at, status, file_id)
         select provider, issuer, starts_at, ends_at, status, ?::uuid
         from jsonb_to_recordset(?::jsonb) as stated (provider text, issuer text, starts_at timestamptz, ends_at timestamptz,
           status text)
         on conflict (provider, issuer, starts_at) do update
           set ends_at = excluded.ends_at, status = excluded.status, file_id = excluded.file_id`,
        [fileId, JSON.stringify(stated)],
      );
      return { providers: [...new Set(stated.map((period) => period.provider))], invoices: 0 };
    },
  };
}
