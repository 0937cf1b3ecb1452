import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type InvoiceInputs, priceInvoice } from '../../src/domain/tenantInvoice.ts';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { TenantInvoice } from '../../src/entities/tenantInvoice.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { writeDrafts } from '../../src/services/rollup/writeDrafts.ts';
import { type Session, systemSession } from '../../src/session.ts';

export const admin: Session = { role: 'platform_admin', tenantId: '', subject: 'admin-1' };

/** What a test says of an invoice: a plan for a month, and what it costs. */
export interface DraftOf {
  readonly tenantId: string;
  readonly period?: string;
  readonly planCents?: number;
  readonly currency?: string;
  /** Null: an export. */
  readonly taxRate?: string | null;
  readonly deploymentId?: string;
}

/** A draft as the rollup writes it: priced from its inputs, one plan for the whole month. @returns its id */
export function writeDraft(em: EntityManager, draft: DraftOf): Promise<string> {
  return writeDraftOf(em, inputsOf(draft));
}

/** A draft of whatever inputs. @returns its id */
export async function writeDraftOf(em: EntityManager, inputs: InvoiceInputs): Promise<string> {
  const id = randomUUID();
  await em.transactional((transaction) =>
    writeDrafts(transaction, {
      period: inputs.period,
      drafts: [{ id, inputs, settles: [], priced: priceInvoice(inputs), isThere: false, replaces: null }],
      now: new Date('2026-07-01T03:00:00Z'),
    }),
  );
  return id;
}

export function inputsOf(draft: DraftOf): InvoiceInputs {
  const { tenantId, period = '2026-06-01', planCents = 5000, currency = 'AUD', taxRate = '0.10' } = draft;
  const days = { month: 30, subscribed: 30, recurring: 30, usage: 30 };
  const plan = { planCode: 'studio', version: 1, currency, basePriceCents: planCents, items: [] };
  return {
    schema: 1,
    tenantId,
    period,
    currency,
    tax: {
      name: taxRate === null ? null : 'GST',
      country: taxRate === null ? 'NZ' : 'AU',
      rate: taxRate ?? '0',
    },
    deployments: [
      {
        deploymentId: draft.deploymentId ?? randomUUID(),
        slug: 'web',
        versions: [{ from: period, until: '2026-07-01', quote: { plan, addons: [], usage: [], days } }],
      },
    ],
    llm: [],
    late: [],
    adjustments: [],
    billedElsewhere: [],
  };
}

export async function writeDeployment(em: EntityManager, tenantId: string, slug = 'web'): Promise<string> {
  const id = randomUUID();
  const at = new Date('2026-04-01T00:00:00Z');
  await em.insert(CloudDeployment, {
    id,
    tenantId,
    slug,
    displayName: `${slug} of ${tenantId}`,
    createdAt: at,
    updatedAt: at,
  });
  return id;
}

/** A draft that is issued at once. @returns its id */
export async function writeIssued(
  em: EntityManager,
  draft: DraftOf,
  now = '2026-07-04T03:00:00Z',
): Promise<string> {
  const id = await writeDraft(em, draft);
  await issueInvoices(em, { invoiceIds: [id], now: new Date(now), actor: systemSession });
  return id;
}

/** The invoice as it stands in the database. */
export function stored(em: EntityManager, id: string): Promise<TenantInvoice> {
  return em.fork().findOneOrFail(TenantInvoice, { id });
}

export interface AuditRow {
  readonly action: string;
  readonly actor: string;
  readonly reason: string | null;
  readonly before: unknown;
  readonly after: unknown;
}

/** What the audit log says of an invoice, oldest first. */
export function auditOf(em: EntityManager, id: string): Promise<AuditRow[]> {
  return em.execute<AuditRow[]>(
    `select action, actor, reason, before, after from audit_log where subject_id = ? order by id`,
    [id],
  );
}
