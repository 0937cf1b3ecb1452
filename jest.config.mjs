/** Three projects: `unit` needs no server, `server` has a real PostgreSQL and Temporal, `long` is for `npm run test:long`. */
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/.data'],
};

const long = ['<rootDir>/test/**/*.long.test.ts'];
const server = ['<rootDir>/test/**/*.server.test.ts'];

export default {
  // A busy machine is slow, not wrong.
  testTimeout: 60_000,
  // Most of what takes long here waits for something: three at a time make use of two cores.
  maxWorkers: 3,
  reporters: ['default', '<rootDir>/scripts/summaryReporter.mjs'],
  testSequencer: '<rootDir>/scripts/longestFirst.mjs',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['\\.server\\.test\\.ts$', '\\.long\\.test\\.ts$'],
    },
    {
      ...shared,
      displayName: 'server',
      testMatch: server,
      globalSetup: '<rootDir>/test/support/globalSetup.ts',
      globalTeardown: '<rootDir>/test/support/globalTeardown.ts',
    },
    {
      ...shared,
      displayName: 'long',
      testMatch: long,
      globalSetup: '<rootDir>/test/support/globalSetup.ts',
      globalTeardown: '<rootDir>/test/support/globalTeardown.ts',
    },
  ],
};
