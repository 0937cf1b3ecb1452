import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict, Unprocessable } from '../domain/errors.ts';
import { LlmUsageEvent } from '../entities/llmUsageEvent.ts';
import type { Session } from '../session.ts';
import { noteLateLlmUsage } from './lateLlmUsage.ts';
import { recordAudit } from './recordAudit.ts';

export interface LlmUsageAssignment {
  readonly eventId: bigint;
  readonly deploymentId: string;
  readonly reason: string;
  readonly actor: Session;
  readonly at: Date;
  readonly requestId: string;
}

/**
 * Gives an unassigned event to a deployment, and with it to that deployment's tenant, who is billed for it from then on: in its own
 * month, or as late usage where that has ended. The charge stays what the gateway said, so an event in another currency than the
 * tenant is billed in can't be given to it: the gateway sends such usage again, under a new id, in the right one.
 * @returns the event; undefined where there is none of that id
 * @throws Conflict where it is assigned already, Unprocessable where there is no such deployment or its tenant's currency is another
 */
export function assignLlmUsage(
  em: EntityManager,
  assignment: LlmUsageAssignment,
): Promise<LlmUsageEvent | undefined> {
  return em.transactional(async (transaction) => {
    const event = await transaction.findOne(
      LlmUsageEvent,
      { id: assignment.eventId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (event === null) return undefined;
    if (event.state !== 'unassigned') {
      throw new Conflict(
        'llm_usage_assigned',
        `the event ${event.id} belongs to the deployment ${event.deploymentId} already; only unassigned ones can be assigned`,
        { context: { deployment_id: event.deploymentId ?? null } },
      );
    }
    const tenant = await findPayer(transaction, assignment.deploymentId);
    if (tenant.currency !== event.currency) throw new OtherCurrency(event.currency, tenant);
    await transaction.execute(
      `with assigned as (
         update llm_usage_events set deployment_id = ?, tenant_id = ?, state = 'billable', problem = null where id = ?
         returning deployment_id, tenant_id, occurred_at
       ), late as (
         ${noteLateLlmUsage('assigned')}
       )
       select from assigned`,
      [assignment.deploymentId, tenant.tenantId, event.id],
    );
    await recordAudit(transaction, assignment.actor, {
      occurredAt: assignment.at,
      action: 'llm_usage_event.assign',
      subjectType: 'llm_usage_event',
      subjectId: String(event.id),
      reason: assignment.reason,
      before: { deployment_id: null, tenant_id: event.tenantId, problem: event.problem ?? null },
      after: { deployment_id: assignment.deploymentId, tenant_id: tenant.tenantId },
      requestId: assignment.requestId,
    });
    return transaction.refresh(event).then((row) => row ?? undefined);
  });
}

interface Payer {
  readonly tenantId: string;
  /** What its invoices are in. */
  readonly currency: string;
}

class OtherCurrency extends Unprocessable {
  constructor(currency: string, { tenantId, currency: billedIn }: Payer) {
    super(
      'other_currency',
      `the charge is in ${currency} and the tenant ${tenantId} is billed in ${billedIn}: have the gateway send it in ${billedIn}, under a new id`,
      { context: { currency, billed_in: billedIn }, field: 'deployment_id' },
    );
  }
}

async function findPayer(em: EntityManager, deploymentId: string): Promise<Payer> {
  const [row] = await em.execute<{ tenant_id: string; currency: string }[]>(
    `select d.tenant_id, coalesce(b.currency, 'AUD') as currency
     from cloud_deployments d left join billing_profiles b on b.tenant_id = d.tenant_id
     where d.id = ?`,
    [deploymentId],
  );
  if (row === undefined) {
    throw new Unprocessable('unknown_deployment', `there is no deployment ${deploymentId}`, {
      context: { deployment_id: deploymentId },
      field: 'deployment_id',
    });
  }
  return { tenantId: row.tenant_id, currency: row.currency };
}
