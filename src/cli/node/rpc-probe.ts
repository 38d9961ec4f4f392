/** What a node's RPC tells of the node. */
import { z } from 'zod';

import { RpcConnection } from '../../client/rpc.js';
import { R3mesError } from '../../protocol/errors.js';
import { QuerySigningInfoRequest, QuerySigningInfoResponse } from '../../protocol/gen/cosmos/slashing/v1beta1/query.js';
import { formatConsensusAddress } from '../../protocol/validator-address.js';

/** Every field is null where it is not known. */
export interface RpcState {
  /** As text. */
  readonly height: string | null;
  readonly appHash: string | null;
  readonly catchingUp: boolean | null;
  readonly peers: number | null;
  readonly mempoolTxs: number | null;
  readonly mempoolBytes: number | null;
  /** Of this node's validator, as text; 0 where it is none. */
  readonly votingPower: string | null;
  /** Blocks of the chain's window that its validator has not signed, as text; null where it is none. */
  readonly missedBlocks: string | null;
}

export const NO_ANSWER: RpcState = { height: null, appHash: null, catchingUp: null, peers: null, mempoolTxs: null, mempoolBytes: null, votingPower: null, missedBlocks: null };

const statusSchema = z.object({
  sync_info: z.object({ latest_block_height: z.string(), latest_app_hash: z.string(), catching_up: z.boolean() }),
  validator_info: z.object({ address: z.string().regex(/^[0-9A-Fa-f]{40}$/), voting_power: z.string() }),
});
const netSchema = z.object({ n_peers: z.string().transform(Number) });
const mempoolSchema = z.object({ n_txs: z.string().transform(Number), total_bytes: z.string().transform(Number) });

/** Nothing where the node does not answer, or says no. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof R3mesError) return undefined;
    throw error;
  }
}

async function missedBlocks(rpc: RpcConnection, address: string): Promise<string | null> {
  const { ChainQueries } = await import('../../client/queries.js'); // only where there is something to ask
  const consAddress = formatConsensusAddress(new Uint8Array(Buffer.from(address, 'hex')));
  const path = '/cosmos.slashing.v1beta1.Query/SigningInfo';
  const found = await unlessRefused(new ChainQueries(rpc).call(path, QuerySigningInfoRequest, QuerySigningInfoResponse, { consAddress }));
  return found?.valSigningInfo?.missedBlocksCounter.toString() ?? null;
}

/** What the RPC tells now. */
export async function askRpc(url: string, timeoutMs: number): Promise<RpcState> {
  const rpc = new RpcConnection(url, timeoutMs);
  const [status, net, mempool] = await Promise.all(['status', 'net_info', 'num_unconfirmed_txs'].map((method) => unlessRefused(rpc.request(method))));
  const parsed = statusSchema.safeParse(status);
  if (!parsed.success) return NO_ANSWER;
  const { sync_info: sync, validator_info: validator } = parsed.data;
  const waiting = mempoolSchema.safeParse(mempool).data;
  return {
    height: sync.latest_block_height,
    appHash: sync.latest_app_hash.toLowerCase(),
    catchingUp: sync.catching_up,
    votingPower: validator.voting_power,
    missedBlocks: await missedBlocks(rpc, validator.address),
    peers: netSchema.safeParse(net).data?.n_peers ?? null,
    mempoolTxs: waiting?.n_txs ?? null,
    mempoolBytes: waiting?.total_bytes ?? null,
  };
}
