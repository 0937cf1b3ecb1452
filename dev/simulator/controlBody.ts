import * as z from 'zod';
import { unprocessable } from './problem.ts';

/** The body of a control, or a 422 that names each fault. */
export function parseBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const result = schema.safeParse(body);
  if (!result.success) throw unprocessable(z.prettifyError(result.error));
  return result.data;
}
