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

/** For the audit log: everybody may add what they did themselves; only platform roles read it. */
export const auditPolicies: PolicyDef[] = [
  { name: 'platform_reads', command: 'select', using: seesAll },
  { name: 'platform_adds', command: 'insert', check: changesAll },
  { name: 'tenant_adds_own', command: 'insert', check: ownTenant },
];

/** For stored answers of idempotent requests: each subject meets only its own. */
export const subjectOwns: PolicyDef[] = [
  {
    name: 'subject_owns',
    command: 'all',
    using: `subject = nullif(current_setting('app.subject', true), '')`,
    check: `subject = nullif(current_setting('app.subject', true), '')`,
  },
  { name: 'system_cleans', command: 'all', using: `${role} = 'system'`, check: `${role} = 'system'` },
];
