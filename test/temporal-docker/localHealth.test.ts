import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/stack/ports.ts';
import { startProgram } from '../../dev/stack/program.ts';
import { whenHealthy } from '../../temporal-docker/localHealth.ts';

const folder = mkdtempSync(join(tmpdir(), 'local-health-'));
afterAll(() => rmSync(folder, { recursive: true }));

const never = new AbortController().signal;
const node = (script: string) =>
  startProgram({
    name: 'a program',
    command: process.execPath,
    args: ['--eval', script],
    logFile: join(folder, 'program.log'),
    runFolder: join(folder, 'run'),
  });
const serving = (port: number, status: string) =>
  `require('node:http').createServer((_, answer) => { answer.statusCode = ${status}; answer.end(); }).listen(${port}, '127.0.0.1')`;

describe('whenHealthy', () => {
  it('waits while the program answers with an error, until it answers with success', async () => {
    const port = await freePort();
    const program = await node(`let asked = 0; ${serving(port, 'asked++ < 2 ? 503 : 200')}`);
    await expect(whenHealthy(program, `http://127.0.0.1:${port}/`, 20, never)).resolves.toBe(program);
    await program.stop();
  });

  it('passes on the crash of a program that ends before it answers', async () => {
    const program = await node("console.error('no database'); process.exit(4)");
    await expect(
      whenHealthy(program, `http://127.0.0.1:${await freePort()}/`, 20, never),
    ).rejects.toMatchObject({
      code: 'program_crashed',
      message: expect.stringContaining('no database'),
    });
  });

  it('stops a program that never becomes healthy', async () => {
    const port = await freePort();
    const program = await node(serving(port, '503'));
    await expect(whenHealthy(program, `http://127.0.0.1:${port}/`, 0.5, never)).rejects.toMatchObject({
      code: 'not_ready',
      message: `a program gave no answer at http://127.0.0.1:${port}/ within 0.5 s`,
    });
    expect(() => process.kill(program.pid, 0)).toThrow('ESRCH');
  });
});
