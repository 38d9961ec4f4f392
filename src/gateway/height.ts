/** Which state a request asks for, and which one an answer is of: a header of HTTP, and metadata of gRPC. */
import { invalidArgument } from './status.js';

export const HEIGHT_HEADER = 'x-cosmos-block-height';

/** 0, or nothing: the newest. @throws StatusError INVALID_ARGUMENT for what is no height. */
export function readHeight(text: string | undefined): bigint {
  if (text === undefined || text === '') return 0n;
  if (!/^[0-9]{1,18}$/.test(text)) throw invalidArgument(`${HEIGHT_HEADER}: expected a height, got ${JSON.stringify(text.slice(0, 40))}`);
  return BigInt(text);
}
