import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { Problem, temporalUnavailable } from './problems.ts';
import type { ApiDependencies } from './route.ts';

const longestCallMilliseconds = 10_000;

/** gRPC status codes that mean that the server can't answer now: cancelled, deadline, exhausted, unavailable. */
const unavailableCodes = [1, 4, 8, 14];
const invalidArgument = 3;

/** Calls Temporal with a deadline. @throws Problem 503 where it can't be reached or a process does not answer in time, 422 where it refuses what the caller sent */
export async function callTemporal<Result>(
  api: ApiDependencies,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await connect(api);
  try {
    return await client.withDeadline(Date.now() + longestCallMilliseconds, () => work(client));
  } catch (error) {
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) throw noAnswer();
    const code = grpcCode(error);
    if (code !== undefined && unavailableCodes.includes(code)) throw temporalUnavailable();
    if (code === invalidArgument) {
      throw new Problem(422, 'refused_by_temporal', 'the Temporal server does not accept this request');
    }
    throw error;
  }
}

/** Nobody knows then whether the server took it: it may be carried out once a worker serves the process. */
const noAnswer = () =>
  new Problem(
    503,
    'process_not_answering',
    `the process did not answer within ${longestCallMilliseconds / 1000} seconds: it is busy, or no worker serves it; it may still do what was asked`,
    { headers: { 'Retry-After': '5' } },
  );

async function connect(api: ApiDependencies): Promise<Client> {
  try {
    return await api.temporal();
  } catch (error) {
    api.log.warn({ err: error }, 'no connection to the Temporal server');
    throw temporalUnavailable();
  }
}

function grpcCode(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) return error.code;
  return error instanceof ServiceError && isGrpcServiceError(error.cause) ? error.cause.code : undefined;
}
