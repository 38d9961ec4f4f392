import { toHex } from '../../protocol/bytes.js';
import type { ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import { megabytes, ownRssBytes } from './memory.js';

/** A committed block, for a line about it. */
export interface BlockLine {
  readonly height: string;
  readonly transactions: number;
  readonly failed: number;
  readonly appHash: string;
  readonly rssBytes: number;
}

export function blockLine(height: bigint, results: ResponseFinalizeBlock): BlockLine {
  return {
    height: height.toString(),
    transactions: results.txResults.length,
    failed: results.txResults.filter((one) => one.code !== 0).length,
    appHash: toHex(results.appHash),
    rssBytes: ownRssBytes(),
  };
}

export function describeBlock(line: BlockLine): string {
  const failed = line.failed === 0 ? '' : ` (${line.failed} failed)`;
  return `block ${line.height}  ${line.transactions} tx${failed}  app hash ${line.appHash.slice(0, 16)}…  ${megabytes(line.rssBytes)}`;
}
