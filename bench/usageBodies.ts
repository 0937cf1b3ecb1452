import { randomUUID } from 'node:crypto';

/** Of the events: fifty tenants with a deployment each. */
export const deployments = Array.from({ length: 50 }, (_, index) => ({
  id: randomUUID(),
  tenantId: `tenant-${index}`,
}));

const time = new Date().toISOString();
const endings = deployments.map(
  ({ id, tenantId }) =>
    `","tenant_id":"${tenantId}","deployment_id":"${id}","model":"some-model-large","tokens":1234,"charge":"0.004321","currency":"AUD","occurred_at":"${time}"}`,
);
let made = 0;

/** A request's body: one event, or a batch of `size`; each has an id of its own. */
export function usageBody(size: number): string {
  if (size === 1) return eventText();
  return `{"events":[${Array.from({ length: size }, eventText).join(',')}]}`;
}

function eventText(): string {
  made += 1;
  return `{"gateway_request_id":"bench-${made}${endings[made % endings.length]}`;
}
