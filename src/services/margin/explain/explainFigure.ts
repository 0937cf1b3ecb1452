import type { EntityManager } from '@mikro-orm/postgresql';
import { explainChargedCosts } from './chargedCosts.ts';
import { explainChargedRevenue } from './chargedRevenue.ts';
import { explainCostLine } from './costLine.ts';
import { explainLlmUsage } from './llmUsage.ts';
import { explainOwnerFigure } from './ownerFigure.ts';
import { explainProviderInvoice } from './providerInvoice.ts';
import type { Reporting } from './side.ts';
import type { Figure, PartsPage, Step } from './step.ts';
import { explainInvoice, explainInvoiceLine } from './tenantInvoice.ts';
import {
  explainAccruedLine,
  explainAccruedRevenue,
  explainLateLine,
  explainLateMonth,
} from './unstoredLines.ts';
import { explainUsage, explainUsageDay } from './usage.ts';

/**
 * How one figure comes about, with a page of what it is made of. Each step is a constant number of statements, but for the accrual of
 * the running month, which is priced in batches of tenants.
 * @returns undefined where there is no such figure
 * @throws SideUnavailable, MissingExchangeRate
 */
export function explainFigure(
  em: EntityManager,
  figure: Figure,
  page: PartsPage,
  reporting: Reporting,
): Promise<Step | undefined> {
  const { now } = reporting;
  switch (figure.name) {
    case 'margin':
    case 'revenue':
    case 'cogs':
      return explainOwnerFigure(em, figure, page, reporting);
    case 'charged_revenue':
      return explainChargedRevenue(em, figure, page, now);
    case 'accrued_revenue':
      return explainAccruedRevenue(em, figure, page, now);
    case 'charged_cogs':
      return explainChargedCosts(em, figure, page);
    case 'invoice':
      return explainInvoice(em, figure, page);
    case 'invoice_line':
      return explainInvoiceLine(em, figure, page, now);
    case 'accrued_line':
      return explainAccruedLine(em, figure, page, now);
    case 'late_month':
      return explainLateMonth(em, figure, page, now);
    case 'late_line':
      return explainLateLine(em, figure, page, now);
    case 'usage':
      return explainUsage(em, figure, page, now);
    case 'usage_day':
      return explainUsageDay(em, figure, page, now);
    case 'llm_usage':
      return explainLlmUsage(em, figure, page, now);
    case 'provider_invoice':
      return explainProviderInvoice(em, figure, page);
    case 'cost_line':
      return explainCostLine(em, figure, page);
  }
}
