import { parseArgs } from 'node:util';
import { startFinance } from './finance.ts';

const usage = 'node dev/finance/main.ts --secret whsec_… [--port 4020] [--api-url http://127.0.0.1:4005]';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4020' },
    secret: { type: 'string', default: process.env['FINANCE_WEBHOOK_SECRET'] ?? '' },
    'api-url': { type: 'string', default: 'http://127.0.0.1:4005' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || values.secret === '') {
  console.log(usage);
  process.exitCode = values.help ? 0 : 1;
} else {
  const finance = await startFinance({
    port: Number(values.port),
    secret: values.secret,
    apiUrl: () => values['api-url'],
  });
  console.log(`finance simulator at ${finance.url}: GET /receivables, POST /pay/<invoice id>`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void finance.close());
  }
}
