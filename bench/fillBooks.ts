import type { Decimal } from '../src/domain/money.ts';
import { startOrm } from '../src/orm.ts';
import { recordDiscovery } from '../src/services/recordDiscovery.ts';
import { recordInventory } from '../src/services/recordInventory.ts';
import { forSession, systemSession } from '../src/session.ts';
import { benchInventory } from './invoiceFiles.ts';

/** Records the inventory that the lines are matched with, and the header of the invoice of April 2026. */
export async function fillBooks(
  appUrl: string,
  books: {
    readonly provider: string;
    readonly invoiceUuid: string;
    readonly resources: number;
    readonly amount: Decimal;
  },
): Promise<void> {
  const { provider, invoiceUuid, amount } = books;
  const orm = await startOrm({ url: appUrl, poolSize: 1 });
  try {
    const at = new Date('2026-05-01T00:00:00Z');
    for (const [kind, resources] of benchInventory(books.resources)) {
      await recordInventory(forSession(orm, systemSession), { provider, kind, listedAt: at, resources });
    }
    const header = { invoiceUuid, invoiceNumber: '1', amount, currency: 'USD' };
    await recordDiscovery(forSession(orm, systemSession), {
      provider,
      discoveredAt: at,
      history: [{ ...header, type: 'invoice', description: 'Invoice', occurredAt: at }],
      periods: [{ ...header, period: '2026-04-01' }],
    });
  } finally {
    await orm.close(true);
  }
}
