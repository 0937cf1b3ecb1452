import { z } from 'zod';
import { sweepTwice } from './sweepDrift.ts';

/** Sweeps in a process of their own, so that its memory is their own: the database's address comes and the report goes by message. */
process.once('message', async (message) => {
  process.send?.(await sweepTwice(z.string().parse(message)));
  process.disconnect();
});
