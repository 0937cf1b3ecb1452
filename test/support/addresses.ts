/** How what the set-up of a run made reaches the test files, which Jest runs in processes of their own. */
export const POSTGRES_VARIABLE = 'ARCADIA_TEST_PG_ADMIN_URL';
export const TEMPORAL_VARIABLE = 'ARCADIA_TEST_TEMPORAL_ADDRESS';
export const BUNDLE_VARIABLE = 'ARCADIA_TEST_WORKFLOW_BUNDLE';

/** Connection of the superuser of the run's PostgreSQL. */
export function testPostgresUrl(): string {
  return address(POSTGRES_VARIABLE);
}

/** Host and port of the run's Temporal server. */
export function testTemporalAddress(): string {
  return address(TEMPORAL_VARIABLE);
}

/** The file of the run's workflow bundle; undefined where no servers were set up. */
export function testWorkflowBundle(): string | undefined {
  return process.env[BUNDLE_VARIABLE];
}

function address(variable: string): string {
  const value = process.env[variable];
  if (value !== undefined) return value;
  throw new Error(
    `${variable} is not set: a test that needs a server is named *.server.test.ts or *.long.test.ts`,
  );
}
