import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '../../bench/benchDatabase.ts';
import { fillMarginBooks } from '../../bench/marginBooks.ts';
import { measureMargin } from '../../bench/measureMargin.ts';
import { type ApiServer, startApi } from '../../bench/usageServers.ts';
import { connectionUrl } from '../../dev/stack/databaseRoles.ts';
import { runningPeriod } from '../../src/services/margin/liveAccrual.ts';
import { testPostgresUrl } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('the margin of the benchmark', () => {
  let database: TestDatabase;
  let folder: string;
  let api: ApiServer | undefined;
  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bench-test-'));
  });
  afterAll(async () => {
    await api?.program.stop();
    await rm(folder, { recursive: true, force: true });
    await database?.drop();
  });

  it('is that of the books, which close, and every deployment has an accrual', async () => {
    const server = new URL(testPostgresUrl());
    const adminUrl = connectionUrl(
      server.href,
      new URL(database.appUrl).pathname.slice(1),
      decodeURIComponent(server.username),
      decodeURIComponent(server.password),
    );
    await withClient(adminUrl, async (admin) => {
      const running = runningPeriod(new Date());
      const filled = await fillMarginBooks(admin, running, 1_200);
      expect(filled).toMatchObject({ tenants: 600, monthsLines: 1_000, costLines: 12_000, resources: 900 });
      expect(filled.memberships).toBeGreaterThan(855);
      api = await startApi(folder, database.appUrl);
      const times = await measureMargin(api, admin, { running, filled }, { connections: 4, requests: 8 });
      expect(Object.keys(times.routes)).toEqual(['margin', 'by_kind', 'trend', 'closure', 'own_accrual']);
      expect(times.accrual.pages).toBe(3);
    });
  });
});
