import { describeInvoice, type JourneyFindings } from './journey/journey.ts';
import { describeMargin } from './journey/margin.ts';
import type { LocalStack } from './localStack.ts';
import { type DemoRole, demoCallers, demoToken } from './tokens.ts';

/** What `npm start` says at its end: what was found, where everything is, tokens, and three calls to try. */
export function summary(options: {
  readonly stack: LocalStack;
  readonly findings: JourneyFindings;
  readonly jwtSecret: string;
  readonly staysUp: boolean;
}): string {
  const { stack, findings, jwtSecret, staysUp } = options;
  const focus = findings.focus
    .map(({ provider, period, total, currency }) => `${provider} ${period.slice(0, 7)} ${total} ${currency}`)
    .join(', ');
  const found = `
What was found
  ${findings.resources} resources run at the provider
  ${findings.invoices} invoices back to ${findings.oldest ?? 'never'}: ${findings.ingested} ingested and reconciled to the cent, ${findings.held} held
  April 2026: ${findings.april.lines} lines, $${findings.april.total}, ${findings.april.matched} of them matched to a current resource
  FOCUS sample: ${focus}
${findings.golden_invoice === null ? '' : `\nThe golden invoice\n${indent(describeInvoice(findings.golden_invoice))}\n  see ${stack.apiUrl}${findings.golden_invoice.link} and ${stack.apiUrl}${findings.golden_invoice.link}/pdf\n`}${findings.margin === null ? '' : `\nThe margin of ${findings.margin.period.slice(0, 7)}\n${indent(describeMargin(findings.margin))}\n`}`;
  if (!staysUp) return found;

  const roles = Object.keys(demoCallers) as DemoRole[];
  const tokens = roles.map((role) => `  ${role}\n    ${demoToken(role, jwtSecret)}`).join('\n');
  return `${found}
Where it is
  API            ${stack.apiUrl}/api/health
  API docs       ${stack.apiUrl}/api/docs
${stack.financeUrl === null ? '' : `  Finance        ${stack.financeUrl}/receivables (the simulator)\n`}  Temporal UI    ${stack.temporalUiUrl}
${stack.simulatorUrl === null ? '' : `  DigitalOcean   ${stack.simulatorUrl} (the simulator; it takes faults at /_control)\n`}
A token for each role, good for a week
${tokens}

To try
  TOKEN=${demoToken('platform_admin', jwtSecret)}
  curl -H "Authorization: Bearer $TOKEN" '${stack.apiUrl}/api/v1/billing/cost-lines?period=2026-04-01&limit=5'
  curl -H "Authorization: Bearer $TOKEN" '${stack.apiUrl}/api/v1/inventory?kind=droplet'
  curl -H "Authorization: Bearer $TOKEN" '${stack.apiUrl}/api/v1/invoices?period=2026-06-01'
  curl -X POST -H "Authorization: Bearer $TOKEN" '${stack.apiUrl}/api/v1/billing/discover'

It runs until Ctrl-C.
`;
}

const indent = (text: string) => text.replaceAll(/^/gm, '  ');
