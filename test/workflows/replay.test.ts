import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { bundleWorkflows } from '../../src/workflowBundle.ts';
import * as workflows from '../../src/workflows/index.ts';
import { installQuietRuntime } from '../support/worker.ts';
import { quiet, workflowBundle } from '../support/workflowBundle.ts';
import { type History, historyFromPlain } from '../support/workflowHistory.ts';

const folder = new URL('../histories/', import.meta.url);
const recorded = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length));

function historyNamed(name: string): History {
  const plain: object = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  return historyFromPlain(plain);
}

describe('recorded histories', () => {
  beforeAll(async () => {
    installQuietRuntime();
    await workflowBundle();
  }, 60_000);

  it('cover every workflow', () => {
    const types = recorded.map(
      (name) =>
        historyNamed(name).events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? '',
    );
    expect([...new Set(types)].toSorted()).toEqual(Object.keys(workflows).toSorted());
  });

  it.each(recorded)('%s replays on the workflows of today', async (name) => {
    const history = historyNamed(name);
    // Some ids of children are built from their parent's.
    const { workflowId } = history.events?.[0]?.workflowExecutionStartedEventAttributes ?? {};
    await Worker.runReplayHistory(
      { workflowBundle: await workflowBundle() },
      history,
      workflowId ?? undefined,
    );
  });

  it('do not replay on a workflow whose steps were reordered', async () => {
    const reordered = await bundleWorkflows(
      quiet,
      fileURLToPath(new URL('../support/reorderedWorkflows.ts', import.meta.url)),
    );
    await expect(
      Worker.runReplayHistory({ workflowBundle: reordered }, historyNamed('ingestInvoice')),
    ).rejects.toThrow(/[Nn]on-?determinism/);
  }, 60_000);

  it('hold nothing of the machine that recorded them', () => {
    for (const name of recorded) {
      const text = readFileSync(new URL(`${name}.json`, folder), 'utf8');
      expect(text).not.toMatch(/"identity": "(?!worker")|"\d+@|"stackTrace": "(?!")|file:\/\/|node_modules/);
    }
  });
});
