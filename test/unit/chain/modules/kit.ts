import { ExecutionContext } from '../../../../src/chain/app/context.js';
import type { BlockInfo } from '../../../../src/chain/module.js';
import { Branch } from '../../../../src/chain/store/branch.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';

export const GENESIS_SECONDS = 1_700_000_000n;

/** An empty state at a height, to call keepers on; the same branch may be seen at another height. */
export function contextAt(height: bigint, branch = new Branch(new MemoryDatabase()), change: Partial<BlockInfo> = {}): ExecutionContext {
  const block = {
    chainId: 'r3mes-test',
    height,
    timeSeconds: GENESIS_SECONDS + height,
    genesisTimeSeconds: GENESIS_SECONDS,
    proposerAddress: new Uint8Array(20),
    ...change,
  };
  return new ExecutionContext(block, branch);
}
