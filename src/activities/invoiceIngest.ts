import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { parseDecimal, toAmountText } from '../domain/money.ts';
import { reconcile } from '../domain/reconciliation.ts';
import { findInvoice } from '../services/findInvoice.ts';
import {
  discardStage,
  type StagedItems,
  type StagedLines,
  stageInvoiceItems,
  stageInvoiceLines,
} from '../services/stageInvoice.ts';
import { holdInvoice, storeInvoice } from '../services/storeInvoice.ts';
import type { IngestInvoiceInput, IngestInvoiceResult } from '../workflows/messages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

/** What one ingest works on. */
export interface InvoiceReference {
  readonly provider: string;
  readonly invoiceUuid: string;
}

export interface StagedInvoice extends InvoiceReference {
  readonly stageId: string;
}

export type ReconciliationVerdict =
  | { readonly agrees: true }
  | { readonly agrees: false; readonly code: string; readonly message: string; readonly difference: string };

export function createInvoiceIngestActivities(dependencies: ActivityDependencies) {
  return {
    /** @returns the stated amount and the period of the header; fails for good where the invoice was never discovered */
    async readInvoiceHeader(
      input: InvoiceReference,
    ): Promise<{ period: string; amount: string; currency: string }> {
      const invoice = await findInvoice(systemEntityManager(dependencies), input);
      return {
        period: invoice.periodStart,
        amount: toAmountText(parseDecimal(invoice.amount)),
        currency: invoice.currency,
      };
    },

    async readInvoiceSummary(input: InvoiceReference): Promise<{ amount: string; currency: string }> {
      const provider = providerNamed(dependencies, input.provider);
      const summary = await provider.invoiceSummary(input.invoiceUuid, cancellationSignal());
      return { amount: summary.amount.toFixed(), currency: summary.currency };
    },

    async stageLines(input: StagedInvoice): Promise<StagedLines> {
      const provider = providerNamed(dependencies, input.provider);
      const lines = provider.invoiceLines(input.invoiceUuid, cancellationSignal());
      return stageInvoiceLines(dependencies.pool, input.stageId, lines, (rows) => reportProgress({ rows }));
    },

    async stageItems(input: StagedInvoice): Promise<StagedItems> {
      const provider = providerNamed(dependencies, input.provider);
      const items = provider.invoiceItems(input.invoiceUuid, cancellationSignal());
      return stageInvoiceItems(dependencies.pool, input.stageId, items, (rows) => reportProgress({ rows }));
    },

    /** Compares the four places that state the invoice; the amount is read anew, since a discovery may have changed it. */
    async reconcileInvoice(
      input: InvoiceReference & { staged: StagedLines; stagedItems: StagedItems; summaryAmount: string },
    ): Promise<ReconciliationVerdict> {
      const invoice = await findInvoice(systemEntityManager(dependencies), input);
      const inForce = invoice.current;
      if (
        inForce !== null &&
        inForce.checksum === input.staged.checksum &&
        inForce.amount === invoice.amount
      ) {
        return { agrees: true };
      }
      const verdict = reconcile({
        stated: parseDecimal(invoice.amount),
        summary: parseDecimal(input.summaryAmount),
        lines: parseDecimal(input.staged.total),
        items: parseDecimal(input.stagedItems.total),
      });
      return verdict.agrees ? verdict : { ...verdict, difference: toAmountText(verdict.difference) };
    },

    async storeStagedInvoice(
      input: StagedInvoice & {
        staged: StagedLines;
        stagedItems: StagedItems;
        accepted: IngestInvoiceInput['acceptedDifference'] | null;
      },
    ): Promise<IngestInvoiceResult> {
      const stored = await storeInvoice(systemEntityManager(dependencies), {
        provider: input.provider,
        invoiceUuid: input.invoiceUuid,
        stageId: input.stageId,
        staged: input.staged,
        stagedItems: input.stagedItems,
        now: new Date(),
        accepted:
          input.accepted === null || input.accepted === undefined
            ? null
            : {
                ...input.accepted,
                requestId: input.accepted.requestId ?? null,
                workflowId: activityInfo().workflowExecution?.workflowId ?? '',
              },
      });
      return { ...stored, total: toAmountText(parseDecimal(stored.total)), problem: null };
    },

    /** Sets the invoice aside with the reason and empties the stage. */
    async holdStagedInvoice(
      input: StagedInvoice & { code: string; message: string; context: unknown; difference: string | null },
    ): Promise<void> {
      await holdInvoice(systemEntityManager(dependencies), {
        provider: input.provider,
        invoiceUuid: input.invoiceUuid,
        error: { code: input.code, message: input.message, context: input.context },
        difference: input.difference,
      });
      await discardStage(dependencies.pool, input.stageId);
    },
  };
}
