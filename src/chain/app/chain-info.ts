import { readU64be, u64be, utf8 } from '../../protocol/bytes.js';
import { ConsensusParams } from '../../protocol/gen/tendermint/types/params.js';
import { type Branch, BranchStore, StoreReader } from '../store/branch.js';
import type { Reader } from '../store/database.js';

/** Store of what the application itself keeps; no module may have this name. */
export const APP_STORE = 'app';

/** What genesis fixed; it lies in the state, since a restarted node is not told again. */
export interface ChainInfo {
  readonly chainId: string;
  readonly genesisTimeSeconds: bigint;
  readonly initialHeight: bigint;
  readonly consensusParams: ConsensusParams;
}

const KEY = {
  chainId: Uint8Array.of(1),
  genesisTime: Uint8Array.of(2),
  initialHeight: Uint8Array.of(3),
  consensusParams: Uint8Array.of(4),
  blockTime: Uint8Array.of(5),
} as const;

export function writeChainInfo(branch: Branch, info: ChainInfo): void {
  const store = new BranchStore(branch, APP_STORE);
  store.set(KEY.chainId, utf8(info.chainId));
  store.set(KEY.genesisTime, u64be(info.genesisTimeSeconds));
  store.set(KEY.initialHeight, u64be(info.initialHeight));
  store.set(KEY.consensusParams, ConsensusParams.encode(info.consensusParams).finish());
}

/** Notes the time of the block that is executed: who starts from a snapshot must know it too. */
export function writeBlockTime(branch: Branch, timeSeconds: bigint): void {
  new BranchStore(branch, APP_STORE).set(KEY.blockTime, u64be(timeSeconds));
}

/** Time of the last block, whole seconds since 1970; nothing before the first commit. */
export function readBlockTime(state: Reader): bigint | undefined {
  const time = new StoreReader(state, APP_STORE).get(KEY.blockTime);
  return time === undefined ? undefined : readU64be(time);
}

/** Nothing before the first commit. */
export function readChainInfo(state: Reader): ChainInfo | undefined {
  const store = new StoreReader(state, APP_STORE);
  const chainId = store.get(KEY.chainId);
  const genesisTime = store.get(KEY.genesisTime);
  const initialHeight = store.get(KEY.initialHeight);
  const consensusParams = store.get(KEY.consensusParams);
  if (chainId === undefined || genesisTime === undefined || initialHeight === undefined || consensusParams === undefined) return undefined;
  return {
    chainId: Buffer.from(chainId).toString('utf8'),
    genesisTimeSeconds: readU64be(genesisTime),
    initialHeight: readU64be(initialHeight),
    consensusParams: ConsensusParams.decode(consensusParams),
  };
}
