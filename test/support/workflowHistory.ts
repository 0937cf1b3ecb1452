import proto, { type temporal } from '@temporalio/proto';

const { History } = proto.temporal.api.history.v1;
export type History = temporal.api.history.v1.IHistory;

/**
 * A history as plain JSON values: numbers of 64 bits and enums as text, bytes in base64. The SDK's own JSON form needs protobufjs
 * to be installed once for all of its packages, which npm does not promise.
 */
export function historyToPlain(history: History): object {
  return History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String });
}

/** The history of such values. */
export function historyFromPlain(plain: object): History {
  return History.fromObject(plain);
}
