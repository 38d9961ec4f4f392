/** Takes a stopped node back to an older height: state and engine together. */
import { findComet } from '../../chain/comet/binary.js';
import { NOTHING_SIGNED } from '../../chain/comet/files.js';
import { rollbackComet, rollbackRunner } from '../../chain/comet/rollback.js';
import { BlockStore } from '../../chain/solo/block-store.js';
import { toHex } from '../../protocol/bytes.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { SECRET_FILE, writeFileAtomic } from '../files/atomic.js';
import { environment } from './comet-child.js';
import { cometStart } from './comet-files.js';
import type { NodeHome } from './home.js';
import { withState } from './offline.js';
import { engineOfBlocks } from './open-node.js';
import type { Engine } from './settings.js';

export interface RollbackOptions {
  readonly home: NodeHome;
  /** Path of a CometBFT binary; absent: the installed one, else that on PATH. */
  readonly cometbft: string | undefined;
  /** Absent: one block back. */
  readonly height: bigint | undefined;
  /** Whether what the validator key has signed is forgotten. */
  readonly forgetSigned: boolean;
}

export interface RolledBack {
  readonly engine: Engine;
  readonly from: bigint;
  readonly height: bigint;
  readonly appHash: string;
  /** Height of the engine: of CometBFT's state, or of the newest block of solo. */
  readonly engineHeight: bigint;
}

/** What is to be gone back to, and from where. */
export interface Planned {
  readonly from: bigint;
  readonly to: bigint;
}

/** @throws InvalidInputError for a height that this state does not hold, or that is not below its own. */
export function planRollback(home: NodeHome, height: bigint | undefined): Promise<Planned> {
  return withState(home, (state) => {
    const from = state.last?.height;
    const oldest = state.oldestHeight;
    if (from === undefined || oldest === undefined) throw new InvalidInputError('there is no block yet', 'start the node first: r3mes node start');
    const to = height ?? from - 1n;
    if (to < oldest || to >= from) {
      throw new InvalidInputError(`expected a height from ${oldest} to ${from - 1n}, got ${to}`, `the state is at height ${from}, and the ones before ${oldest} are not kept`);
    }
    return Promise.resolve({ from, to });
  });
}

/** @returns the newest block that is left. */
async function removeSoloBlocks(home: NodeHome, height: bigint): Promise<bigint> {
  const store = await BlockStore.open(home.blocks);
  try {
    while (store.height > height) await store.removeLast();
    return store.height;
  } finally {
    await store.close();
  }
}

/** @returns CometBFT's height. @throws R3mesError ROLLBACK_DIFFERS where its app hash of that height is not ours. */
async function rollbackEngine({ home, cometbft }: RollbackOptions, height: bigint, appHash: string): Promise<bigint> {
  const comet = await findComet({ given: cometbft, folder: home.engine, search: process.env['PATH'] ?? '' });
  const { variables } = await cometStart({ home, detached: false }, '');
  const position = await rollbackComet(rollbackRunner(comet.file, home.comet, environment(variables)), height);
  if (position.appHash === appHash) return position.height;
  throw new R3mesError({
    code: 'ROLLBACK_DIFFERS',
    message: `both stand at height ${height} now, but the state has app hash ${appHash} and the network agreed on ${position.appHash}`,
    hint: 'the state went wrong before: go back further, or begin anew with r3mes node reset and fetch the blocks from others',
  });
}

/**
 * The state first, then the engine: a node that is behind its blocks executes them again, whereas one that is ahead could
 * not start. So whoever is killed between the two can start, and roll back again.
 * @throws R3mesError DATABASE_*, COMET_*, ROLLBACK_DIFFERS.
 */
export async function rollback(options: RollbackOptions, { from, to }: Planned): Promise<RolledBack> {
  const { home, forgetSigned } = options;
  const engine = (await engineOfBlocks(home)) ?? 'solo';
  // Found before anything is changed, should it be missing.
  if (engine === 'comet') await findComet({ given: options.cometbft, folder: home.engine, search: process.env['PATH'] ?? '' });
  const appHash = await withState(home, async (state) => {
    await state.rollbackTo(to);
    return toHex(state.last?.appHash ?? new Uint8Array());
  });
  const engineHeight = engine === 'comet' ? await rollbackEngine(options, to, appHash) : await removeSoloBlocks(home, to);
  // CometBFT does not start without the file.
  if (forgetSigned) await writeFileAtomic(home.signStateFile, NOTHING_SIGNED, SECRET_FILE);
  return { engine, from, height: to, appHash, engineHeight };
}
