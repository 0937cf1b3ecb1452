import jwt from 'jsonwebtoken';

/** What the identity service would issue, for each role; only `npm start` makes them, with the demo's own secret. */
export const demoCallers = {
  platform_admin: { sub: 'demo-admin', tenant_id: 'platform-admin', role: 'platform_admin' },
  platform_viewer: { sub: 'demo-viewer', tenant_id: 'platform-admin', role: 'platform_viewer' },
  tenant: { sub: 'demo-tenant', tenant_id: 'dashboard-pilot', role: 'tenant' },
  gateway: { sub: 'demo-gateway', tenant_id: 'platform-admin', role: 'gateway' },
  finance: { sub: 'demo-finance', tenant_id: 'platform-admin', role: 'finance' },
} as const;
export type DemoRole = keyof typeof demoCallers;

/** A token of a role, good for a week, in the form that Guardian gives it. */
export function demoToken(role: DemoRole, secret: string): string {
  return jwt.sign({ ...demoCallers[role], typ: 'access' }, secret, {
    algorithm: 'HS512',
    expiresIn: '7 days',
    ...(process.env['JWT_ISSUER'] ? { issuer: process.env['JWT_ISSUER'] } : {}),
    ...(process.env['JWT_AUDIENCE'] ? { audience: process.env['JWT_AUDIENCE'] } : {}),
  });
}
