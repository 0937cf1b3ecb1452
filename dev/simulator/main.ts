import { parseArgs } from 'node:util';
import { startSimulator } from './simulator.ts';

const usage = `node dev/simulator/main.ts [--port 4010] [--host 127.0.0.1] [--token T] [--spaces-key K] [--no-control]
  [--action-ms 300] [--delay-ms 0]
Each flag has a variable: SIMULATOR_PORT, SIMULATOR_HOST, SIMULATOR_TOKEN, SIMULATOR_SPACES_KEY,
SIMULATOR_CONTROL=off, SIMULATOR_ACTION_MS, SIMULATOR_DELAY_MS.`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: process.env['SIMULATOR_PORT'] ?? '4010' },
    host: { type: 'string', default: process.env['SIMULATOR_HOST'] ?? '127.0.0.1' },
    token: { type: 'string', default: process.env['SIMULATOR_TOKEN'] ?? 'simulator-token' },
    'spaces-key': { type: 'string', default: process.env['SIMULATOR_SPACES_KEY'] ?? 'simulator-spaces-key' },
    control: { type: 'boolean', default: process.env['SIMULATOR_CONTROL'] !== 'off' },
    'action-ms': { type: 'string', default: process.env['SIMULATOR_ACTION_MS'] ?? '300' },
    'delay-ms': { type: 'string', default: process.env['SIMULATOR_DELAY_MS'] ?? '0' },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

if (values.help) {
  console.log(usage);
} else {
  const simulator = await startSimulator({
    port: integer('port', values.port),
    host: values.host,
    token: values.token,
    spacesKey: values['spaces-key'],
    control: values.control,
    actionMilliseconds: integer('action-ms', values['action-ms']),
    delayMilliseconds: integer('delay-ms', values['delay-ms']),
  });
  const control = values.control ? `, control at ${simulator.url}/_control` : '';
  console.log(
    `DigitalOcean simulator at ${simulator.url}, Spaces at ${simulator.spacesUrl}/<region>${control}`,
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close());
  }
}

function integer(flag: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new RangeError(`--${flag} must be a whole number, not "${value}"`);
  return Number(value);
}
