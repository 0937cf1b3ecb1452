import jestConfig from './jest.config.mjs';

const unit = jestConfig.projects.find((project) => project.displayName === 'unit');

const rules = [
  'allocation',
  'calendar',
  'lifecycle',
  'meters',
  'overage',
  'projection',
  'proration',
  'quote',
  'resourcePrices',
  'subscriptionDays',
  'tax',
  'tenantInvoice',
];

/** Mutation tests of what tenants are billed: `npm run mutation`. Stryker itself is fetched by npx, pinned in package.json. */
export default {
  mutate: rules.map((rule) => `src/domain/${rule}.ts`),
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: {
    projectType: 'custom',
    // One project instead of the three that jest.config.mjs has.
    config: {
      reporters: [],
      projects: [
        {
          ...unit,
          testMatch: [...rules, 'billingCases', 'money'].map(
            (rule) => `<rootDir>/test/domain/${rule}.test.ts`,
          ),
          setupFiles: ['<rootDir>/test/support/firstCounterexample.ts'],
        },
      ],
    },
  },
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // Modules that were loaded for one mutant stay in the memory of the process.
  maxTestRunnerReuse: 100,
  // A busy machine is slow, which must not count as a killed mutant.
  timeoutMS: 60_000,
  tempDirName: '.data/mutation',
  // Without tsconfig.json there is nothing that Stryker needs a TypeScript compiler of its own for.
  ignorePatterns: [
    '.data',
    'docs',
    'migrations',
    'temporal-docker',
    'test/histories',
    'test/providers',
    'tsconfig.json',
  ],
  reporters: ['clear-text', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: '.data/mutation.json' },
  // A score below this fails the command.
  thresholds: { high: 95, low: 95, break: 95 },
};
