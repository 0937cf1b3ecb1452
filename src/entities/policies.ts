import type { PolicyDef } from '@mikro-orm/core';

/**
 * Row level security, one place. The session variables `app.role`, `app.tenant_id` and `app.subject` are set for each
 * transaction by `forSession` (src/session.ts). Where none is set, no policy holds and nothing is visible.
 */
const role = `current_setting('app.role', true)`;
const seesAll = `${role} in ('system', 'platform_admin', 'platform_viewer')`;
const changesAll = `${role} in ('system', 'platform_admin')`;
const ownTenant = `${role} = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')`;

/** For tables without a tenant: platform roles read, the service itself and platform admins write. */
export const platformOnly: PolicyDef[] = [
  { name: 'platform_reads', command: 'select', using: seesAll },
  { name: 'platform_writes', command: 'all', using: changesAll, check: changesAll },
];

/** For tables with `tenant_id`: as `platformOnly`, and a tenant reads its own rows. */
export const tenantReads: PolicyDef[] = [
  ...platformOnly,
  { name: 'tenant_reads_own', command: 'select', using: ownTenant },
];

/** For the catalog: whoever is known reads, the service itself and platform admins write. */
export const everyoneReads: PolicyDef[] = [
  ...platformOnly,
  { name: 'everyone_reads', command: 'select', using: `nullif(${role}, '') is not null` },
];

/** For what a tenant manages itself: as `platformOnly`, and a tenant reads and writes its own rows. */
export const tenantOwns: PolicyDef[] = [
  ...platformOnly,
  { name: 'tenant_owns', command: 'all', using: ownTenant, check: ownTenant },
];

const isGateway = `${role} = 'gateway'`;

/** For deployments and billing profiles: as `tenantOwns`, and the LLM gateway's posts are checked against them. */
export const tenantOwnsGatewayReads: PolicyDef[] = [
  ...tenantOwns,
  { name: 'gateway_reads', command: 'select', using: isGateway },
];

/** For LLM usage: as `tenantReads`, and the gateway adds, and reads to tell a duplicate from a conflict. */
export const gatewayAdds: PolicyDef[] = [
  ...tenantReads,
  { name: 'gateway_reads', command: 'select', using: isGateway },
  { name: 'gateway_adds', command: 'insert', check: isGateway },
];

/** For what late LLM usage is noted in: as `platformOnly`, and the gateway notes. */
export const platformAndGateway: PolicyDef[] = [
  ...platformOnly,
  { name: 'gateway_notes', command: 'all', using: isGateway, check: isGateway },
];

/** For the audit log: everybody may add what they did themselves; only platform roles read it. */
export const auditPolicies: PolicyDef[] = [
  { name: 'platform_reads', command: 'select', using: seesAll },
  { name: 'platform_adds', command: 'insert', check: changesAll },
  { name: 'tenant_adds_own', command: 'insert', check: ownTenant },
];

/**
 * The same policies with the session's variables read once a statement instead of once a row. For tables of which one statement reads
 * hundreds of thousands of rows: there the reading of variables is a quarter of what the statement takes.
 */
export function readOnceAStatement(policies: readonly PolicyDef[]): PolicyDef[] {
  const once = (condition: string) =>
    condition.replaceAll(/current_setting\('[a-z._]+', true\)/g, '(select $&)');
  return policies.map(({ using, check, ...policy }) => ({
    ...policy,
    ...(typeof using === 'string' ? { using: once(using) } : {}),
    ...(typeof check === 'string' ? { check: once(check) } : {}),
  }));
}

const ownSubject = `subject = nullif(current_setting('app.subject', true), '') and tenant_id = coalesce(current_setting('app.tenant_id', true), '')`;

/** For stored answers of idempotent requests: each subject of each tenant meets only its own. */
export const subjectOwns: PolicyDef[] = [
  {
    name: 'subject_owns',
    command: 'all',
    using: ownSubject,
    check: ownSubject,
  },
  { name: 'system_cleans', command: 'all', using: `${role} = 'system'`, check: `${role} = 'system'` },
];
