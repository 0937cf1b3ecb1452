import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { parseDecimal, toAmountText } from '../domain/money.ts';
import { type Disagreement, reconcile } from '../domain/reconciliation.ts';
import { type FoundInvoice, findInvoice } from '../services/findInvoice.ts';
import { holdInvoice } from '../services/holdInvoice.ts';
import {
  discardStage,
  type StagedItems,
  type StagedLines,
  stageInvoiceItems,
  stageInvoiceLines,
} from '../services/stageInvoice.ts';
import { storeInvoice } from '../services/storeInvoice.ts';
import type { IngestInvoiceInput, IngestInvoiceResult } from '../workflows/messages.ts';
import { type ActivityDependencies, invoiceSourceNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

/** What one ingest works on. */
export interface InvoiceReference {
  readonly provider: string;
  readonly invoiceUuid: string;
}

export interface StagedInvoice extends InvoiceReference {
  readonly stageId: string;
}

/** Amounts as decimal strings. `stated` is the amount that the verdict is about: the lines are stored for no other. */
export type ReconciliationVerdict =
  | { readonly agrees: true; readonly stated: string }
  | {
      readonly agrees: false;
      readonly code: string;
      readonly message: string;
      readonly stated: string;
      readonly found: string;
      readonly difference: string;
    };

export function createInvoiceIngestActivities(dependencies: ActivityDependencies) {
  return {
    /** @returns what the header says, and the number of the version in force; fails for good where the invoice was never discovered */
    async readInvoiceHeader(
      input: InvoiceReference,
    ): Promise<{ period: string; amount: string; currency: string; version: number }> {
      const invoice = await findInvoice(systemEntityManager(dependencies), input);
      return {
        period: invoice.periodStart,
        amount: toAmountText(parseDecimal(invoice.amount)),
        currency: invoice.currency,
        version: invoice.version,
      };
    },

    async readInvoiceSummary(input: InvoiceReference): Promise<{ amount: string; currency: string }> {
      const provider = invoiceSourceNamed(dependencies, input.provider);
      const summary = await provider.invoiceSummary(input.invoiceUuid, cancellationSignal());
      return { amount: summary.amount.toFixed(), currency: summary.currency };
    },

    async stageLines(input: StagedInvoice): Promise<StagedLines> {
      const provider = invoiceSourceNamed(dependencies, input.provider);
      const lines = provider.invoiceLines(input.invoiceUuid, cancellationSignal());
      return stageInvoiceLines(dependencies.pool, input.stageId, lines, (rows) => reportProgress({ rows }));
    },

    async stageItems(input: StagedInvoice): Promise<StagedItems> {
      const provider = invoiceSourceNamed(dependencies, input.provider);
      const items = provider.invoiceItems(input.invoiceUuid, cancellationSignal());
      return stageInvoiceItems(dependencies.pool, input.stageId, items, (rows) => reportProgress({ rows }));
    },

    /**
     * Compares the four places that state the invoice; the amount is read anew, since a discovery may have changed it. What an
     * operator accepted for the version in force stays accepted for as long as nothing about it changes.
     */
    async reconcileInvoice(
      input: InvoiceReference & {
        staged: StagedLines;
        stagedItems: StagedItems;
        summary: { amount: string; currency: string };
      },
    ): Promise<ReconciliationVerdict> {
      const invoice = await findInvoice(systemEntityManager(dependencies), input);
      const verdict = reconcile({
        stated: parseDecimal(invoice.amount),
        summary: parseDecimal(input.summary.amount),
        lines: parseDecimal(input.staged.total),
        items: parseDecimal(input.stagedItems.total),
        currency: invoice.currency,
        // No lines have no currency.
        otherCurrencies: [...(input.staged.lines > 0 ? [input.staged.currency] : []), input.summary.currency],
      });
      const stated = toAmountText(parseDecimal(invoice.amount));
      if (verdict.agrees || staysAccepted(verdict, invoice, input.staged)) return { agrees: true, stated };
      return {
        agrees: false,
        code: verdict.code,
        message: verdict.message,
        stated,
        found: toAmountText(verdict.found),
        difference: toAmountText(verdict.difference),
      };
    },

    async storeStagedInvoice(
      input: StagedInvoice & {
        staged: StagedLines;
        stagedItems: StagedItems;
        stated: string;
        accepted: IngestInvoiceInput['acceptedDifference'] | null;
      },
    ): Promise<IngestInvoiceResult> {
      const stored = await storeInvoice(systemEntityManager(dependencies), {
        provider: input.provider,
        invoiceUuid: input.invoiceUuid,
        stageId: input.stageId,
        staged: input.staged,
        stagedItems: input.stagedItems,
        stated: input.stated,
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
      input: StagedInvoice & {
        code: string;
        message: string;
        context: unknown;
        difference: string | null;
        heldVersion: number;
      },
    ): Promise<void> {
      await holdInvoice(systemEntityManager(dependencies), {
        provider: input.provider,
        invoiceUuid: input.invoiceUuid,
        error: { code: input.code, message: input.message, context: input.context },
        difference: input.difference,
        heldVersion: input.heldVersion,
      });
      await discardStage(dependencies.pool, input.stageId);
    },
  };
}

/** Whether an operator has accepted this very disagreement for the lines that are in force. */
function staysAccepted(disagreement: Disagreement, invoice: FoundInvoice, staged: StagedLines): boolean {
  const { current } = invoice;
  return (
    current !== null &&
    current.accepted !== null &&
    current.checksum === staged.checksum &&
    parseDecimal(current.amount).equals(disagreement.stated) &&
    current.accepted.code === disagreement.code &&
    parseDecimal(current.accepted.found).equals(disagreement.found) &&
    parseDecimal(current.accepted.difference).equals(disagreement.difference)
  );
}
