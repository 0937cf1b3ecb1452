import type { EntityManager } from '@mikro-orm/postgresql';
import { CloudCostLine } from '../../../entities/cloudCostLine.ts';
import { CloudInvoice } from '../../../entities/cloudInvoice.ts';
import { CloudInvoiceVersion } from '../../../entities/cloudInvoiceVersion.ts';
import { type OwnerCost, ownedParts } from '../costsByOwner.ts';
import {
  type FigureNamed,
  inWords,
  money,
  nameOf,
  noParts,
  type Part,
  type PartsPage,
  type ProviderRow,
  pageOf,
  type Resource,
  type Step,
} from './step.ts';

type OwnerRow = Pick<OwnerCost, 'tenantId' | 'deploymentId' | 'bucket' | 'reason' | 'amount'>;

/** A row of a provider's invoice: what it says, what it was matched to and why, and who bears it. @returns undefined where there is none */
export async function explainCostLine(
  em: EntityManager,
  figure: FigureNamed<'cost_line'>,
  page: PartsPage,
): Promise<Step | undefined> {
  const line = await em.findOne(CloudCostLine, { id: figure.id });
  if (line === null) return undefined;
  const invoice = await em.findOneOrFail(CloudInvoice, { id: line.invoice });
  const version = await em.findOneOrFail(CloudInvoiceVersion, { id: line.version });
  const owners = await em.execute<OwnerRow[]>(
    `${ownedParts('invoice.id = ?::uuid', 'line.id = ?::bigint')}
     select tenant_id as "tenantId", deployment_id as "deploymentId", bucket, reason, sum(amount)::text as amount
     from part where line_id is not null group by 1, 2, 3, 4`,
    [invoice.id, String(line.id)],
  );
  const value = money(line.billedCost, line.currency);
  const row: ProviderRow = {
    provider: invoice.provider,
    invoiceUuid: invoice.invoiceUuid,
    version: version.version,
    lineNumber: line.lineNumber,
    product: line.product,
    groupDescription: line.groupDescription,
    description: line.description,
    chargeStart: line.chargeStart,
    chargeEnd: line.chargeEnd,
    lineClass: line.lineClass,
    kind: line.kind ?? null,
    resourceId: line.resource ?? null,
    matchOutcome: line.matchOutcome,
    matchReason: line.matchReason,
  };
  const resources: Resource[] = [
    { type: 'providerInvoice', provider: invoice.provider, invoiceUuid: invoice.invoiceUuid },
    {
      type: 'costLines',
      period: invoice.periodStart,
      invoiceUuid: invoice.invoiceUuid,
      version: version.version,
    },
    ...(row.resourceId === null ? [] : [{ type: 'resource' as const, id: row.resourceId }]),
  ];
  const said = `Line ${line.lineNumber} of version ${version.version} of invoice ${invoice.invoiceUuid} charges ${inWords(value)}. It is ${line.matchOutcome}: ${line.matchReason}.`;
  const isInForce = owners.length > 0;
  return {
    figure,
    what: `${line.product}: ${line.description}`,
    value,
    label: 'reconciled',
    asOf: version.ingestedAt,
    how: `${said} ${isInForce ? bearing(owners) : 'It counts for nothing: another version of the invoice is in force, or the invoice is held.'}`,
    row,
    resources,
    ...(isInForce
      ? {
          combinedBy: 'sum' as const,
          partsTotal: value,
          parts: pageOf(
            owners.map((owner) => toPart(owner, line.currency)),
            page,
          ),
        }
      : noParts),
  };
}

const bearing = (owners: readonly OwnerRow[]) =>
  owners.length > 1
    ? `It is shared by the seconds that each had the resource while the line ran, at the line’s last decimal, by largest remainder.`
    : 'It is borne as a whole.';

function toPart({ tenantId, deploymentId, bucket, reason, amount }: OwnerRow, currency: string): Part {
  return {
    key: `${tenantId ?? bucket} ${deploymentId ?? ''}`,
    what:
      tenantId === null
        ? `Nobody: ${bucket}${reason === null ? '' : `, ${reason}`}`
        : `Borne by ${nameOf({ tenantId, deploymentId })}`,
    counts: money(amount, currency),
    label: 'reconciled',
    next: null,
    resources: deploymentId === null ? [] : [{ type: 'deployment', id: deploymentId }],
  };
}
