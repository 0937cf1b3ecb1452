import { randomUUID } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { MatchOutcome } from '../../src/domain/matching.ts';
import { CloudBalanceSnapshot } from '../../src/entities/cloudBalanceSnapshot.ts';
import { CloudCostLine } from '../../src/entities/cloudCostLine.ts';
import { CloudInventoryListing } from '../../src/entities/cloudInventoryListing.ts';
import { CloudInvoice } from '../../src/entities/cloudInvoice.ts';
import { CloudInvoiceVersion } from '../../src/entities/cloudInvoiceVersion.ts';
import { CloudProject } from '../../src/entities/cloudProject.ts';
import { CloudResource } from '../../src/entities/cloudResource.ts';
import { CloudResourceEvent } from '../../src/entities/cloudResourceEvent.ts';
import { CloudResourceMembership } from '../../src/entities/cloudResourceMembership.ts';
import { CloudResourceName } from '../../src/entities/cloudResourceName.ts';
import { FocusFile } from '../../src/entities/focusFile.ts';
import { forSession, systemSession } from '../../src/session.ts';

const at = new Date('2026-04-15T12:00:00Z');
/** The outcomes that are the line's own class. */
const classes = ['shared', 'tax', 'credit', 'unexplained'] as const;

/** What one tenant has: a project with two live resources and a gone one, each with a name that tells whose it is. */
export interface SeededTenant {
  readonly projectId: string;
  readonly droplet: string;
  readonly deployed: string;
  readonly gone: string;
  readonly deploymentId: string;
}

/** Rows of the tests, written as the service's own workers write. */
export function seeder(orm: MikroORM) {
  const em: EntityManager = forSession(orm, systemSession);
  return {
    async tenant(tenantId: string | null, label: string): Promise<SeededTenant> {
      const projectId = randomUUID();
      const deploymentId = randomUUID();
      await em.insert(CloudProject, {
        id: projectId,
        provider: 'digitalocean',
        externalId: projectId,
        name: `project of ${label}`,
        tenantId,
        firstSeenAt: at,
        lastSeenAt: at,
      });
      const resource = async (name: string, changes: object) => {
        const id = randomUUID();
        await em.insert(CloudResource, {
          id,
          provider: 'digitalocean',
          kind: 'droplet',
          externalId: id,
          name: `${name} of ${label}`,
          region: 'nyc3',
          sizeSlug: 's-1vcpu-1gb',
          status: 'active',
          tags: ['tag'],
          priceMonthly: '6',
          currency: 'USD',
          attributes: { vcpus: 1 },
          project: projectId,
          tenantId,
          firstSeenAt: at,
          lastSeenAt: at,
          ...changes,
        });
        return id;
      };
      const droplet = await resource('droplet', {});
      const deployed = await resource('volume', { kind: 'volume', region: 'ams3', deploymentId });
      const gone = await resource('gone', { goneAt: at });
      await em.insert(CloudResourceEvent, {
        resource: droplet,
        type: 'discovered',
        occurredAt: at,
        changes: {},
      });
      await em.insert(CloudResourceName, { resource: droplet, name: `old name of ${label}` });
      await em.insert(CloudResourceMembership, { resource: deployed, deploymentId, startsAt: at });
      return { projectId, droplet, deployed, gone, deploymentId };
    },

    /** An invoice with the given amounts as lines; `held` ones have a difference and no line. */
    async invoice(
      periodStart: string,
      lines: readonly (readonly [amount: string, outcome: MatchOutcome])[],
      changes: object = {},
    ): Promise<{ readonly id: string; readonly invoiceUuid: string }> {
      const id = randomUUID();
      const invoiceUuid = randomUUID();
      await em.insert(CloudInvoice, {
        id,
        provider: 'digitalocean',
        invoiceUuid,
        invoiceNumber: '42',
        periodStart,
        issuedAt: at,
        amount: '100',
        currency: 'USD',
        ingestStatus: 'ingested',
        version: lines.length === 0 ? 0 : 1,
        lineCount: lines.length,
        discoveredAt: at,
        ...changes,
      });
      if (lines.length > 0) await this.version(id, periodStart, 1, lines);
      return { id, invoiceUuid };
    },

    async version(
      invoice: string,
      periodStart: string,
      version: number,
      lines: readonly (readonly [amount: string, outcome: MatchOutcome])[],
      supersededAt: Date | null = null,
    ): Promise<void> {
      const id = randomUUID();
      await em.insert(CloudInvoiceVersion, {
        id,
        invoice,
        version,
        amount: '100',
        currency: 'USD',
        lineCount: lines.length,
        checksum: `checksum of version ${version}`,
        itemsChecksum: `checksum of the items of version ${version}`,
        ingestedAt: at,
        supersededAt,
      });
      await em.insertMany(
        CloudCostLine,
        lines.map(([billedCost, matchOutcome], index) => ({
          invoice,
          version: id,
          lineNumber: index + 1,
          periodStart,
          product: 'Droplets',
          groupDescription: '',
          description: `line ${index + 1}`,
          chargeStart: at,
          chargeEnd: at,
          billedCost,
          currency: 'USD',
          lineClass: classes.find((one) => one === matchOutcome) ?? 'resource',
          kind: 'droplet' as const,
          resourceName: 'a name',
          matchOutcome,
          matchReason: 'as the test says',
          extra: {},
        })),
      );
    },

    async balance(generatedAt: string, monthToDateBalance: string): Promise<void> {
      await em.insert(CloudBalanceSnapshot, {
        provider: 'digitalocean',
        generatedAt: new Date(generatedAt),
        monthToDateBalance,
        accountBalance: '0',
        monthToDateUsage: monthToDateBalance,
        currency: 'USD',
        takenAt: at,
      });
    },

    async focusFile(): Promise<string> {
      const id = randomUUID();
      await em.insert(FocusFile, {
        id,
        sha256: id,
        name: 'focus.csv',
        providers: ['aws'],
        byteSize: 7n,
        status: 'received',
        notes: [],
        uploadedBy: 'test',
        receivedAt: at,
      });
      return id;
    },

    async listing(kind: string, state: 'fresh' | 'unknown'): Promise<void> {
      await em.insert(CloudInventoryListing, {
        provider: 'digitalocean',
        kind,
        state,
        attemptedAt: at,
        live: state === 'fresh' ? 3 : null,
        errorCode: state === 'fresh' ? null : 'partial_listing',
        errorMessage: state === 'fresh' ? null : 'page 2 was empty',
      });
    },
  };
}
