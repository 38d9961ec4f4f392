/** cosmos.base.tendermint.v1beta1.Service: blocks, validators and the node. */
import { toBech32 } from '@cosmjs/encoding';

import { ADDRESS_PREFIX } from '../../protocol/address.js';
import { PubKey } from '../../protocol/gen/cosmos/crypto/ed25519/keys.js';
import * as q from '../../protocol/gen/cosmos/base/tendermint/v1beta1/query.js';
import type { Block as SdkBlock } from '../../protocol/gen/cosmos/base/tendermint/v1beta1/types.js';
import type { PageRequest } from '../../protocol/gen/cosmos/base/query/v1beta1/pagination.js';
import type { BlockID } from '../../protocol/gen/tendermint/types/types.js';
import type { Block } from '../../protocol/gen/tendermint/types/block.js';
import { type Backend, nodeSays } from '../backend.js';
import { type ServiceMethod, defineService } from '../router.js';
import { invalidArgument } from '../status.js';
import { blockAnswer, statusAnswer, validatorsAnswer } from './comet-json.js';
import { cometPage } from './pages.js';

/** Release of the Cosmos SDK whose queries are answered here: explorers choose by it how to ask. */
export const SDK_VERSION = 'v0.50.15';

const SERVICE = '/cosmos.base.tendermint.v1beta1.Service';
const ED25519 = '/cosmos.crypto.ed25519.PubKey';

export function consensusAddress(bytes: Uint8Array): string {
  return toBech32(`${ADDRESS_PREFIX}valcons`, bytes);
}

/** @param height 0: the newest. @throws StatusError INVALID_ARGUMENT for a height that the node does not have. */
export async function readBlock(backend: Backend, height: bigint): Promise<{ blockId: BlockID; block: Block }> {
  try {
    const { block_id: id, block } = await backend.request('block', height === 0n ? {} : { height: height.toString() }, blockAnswer);
    return { blockId: id, block };
  } catch (error) {
    throw heightError(error);
  }
}

/** The node's words for heights that it has not, or no more; all of them are the client's mistake. */
export function heightError(error: unknown): unknown {
  const isHeight = nodeSays(error, 'height') || nodeSays(error, 'there is no block yet');
  return isHeight && error instanceof Error ? invalidArgument(error.message) : error;
}

function sdkBlock(block: Block): SdkBlock | undefined {
  const { header, data, evidence, lastCommit } = block;
  if (header === undefined) return undefined;
  return { header: { ...header, proposerAddress: consensusAddress(header.proposerAddress) }, data, evidence, lastCommit };
}

async function blockResponse(backend: Backend, height: bigint): Promise<q.GetBlockByHeightResponse> {
  const { blockId, block } = await readBlock(backend, height);
  return { blockId, block, sdkBlock: sdkBlock(block) };
}

async function validatorSet(backend: Backend, height: bigint, pagination: PageRequest | undefined): Promise<q.GetValidatorSetByHeightResponse> {
  const params = { ...(height === 0n ? {} : { height: height.toString() }), ...cometPage(pagination) };
  try {
    const { block_height: blockHeight, validators, total } = await backend.request('validators', params, validatorsAnswer);
    return {
      blockHeight,
      validators: validators.map((validator) => ({
        address: consensusAddress(validator.address),
        pubKey: { typeUrl: ED25519, value: PubKey.encode({ key: validator.pub_key.value }).finish() },
        votingPower: validator.voting_power,
        proposerPriority: validator.proposer_priority,
      })),
      pagination: { nextKey: new Uint8Array(), total },
    };
  } catch (error) {
    throw nodeSays(error, 'page should be within') && error instanceof Error ? invalidArgument(error.message) : heightError(error);
  }
}

function positive(height: bigint): bigint {
  if (height < 1n) throw invalidArgument(`height: expected a positive number, got ${height}`);
  return height;
}

/** @param version of this package. */
export function blockServices(version: string): ServiceMethod[] {
  return [
    defineService({
      path: `${SERVICE}/GetNodeInfo`,
      request: q.GetNodeInfoRequest,
      response: q.GetNodeInfoResponse,
      handle: async (_, { backend }) => {
        const { node_info: info } = await backend.request('status', {}, statusAnswer);
        return q.GetNodeInfoResponse.fromPartial({
          defaultNodeInfo: {
            protocolVersion: info.protocol_version,
            defaultNodeId: info.id,
            listenAddr: info.listen_addr,
            network: info.network,
            version: info.version,
            channels: info.channels,
            moniker: info.moniker,
            other: { txIndex: info.other.tx_index, rpcAddress: info.other.rpc_address },
          },
          applicationVersion: { name: 'r3mes', appName: 'r3mes', version, cosmosSdkVersion: SDK_VERSION },
        });
      },
    }),
    defineService({
      path: `${SERVICE}/GetSyncing`,
      request: q.GetSyncingRequest,
      response: q.GetSyncingResponse,
      handle: async (_, { backend }) => ({ syncing: (await backend.request('status', {}, statusAnswer)).sync_info.catching_up }),
    }),
    defineService({
      path: `${SERVICE}/GetLatestBlock`,
      request: q.GetLatestBlockRequest,
      response: q.GetLatestBlockResponse,
      handle: (_, { backend }) => blockResponse(backend, 0n),
    }),
    defineService({
      path: `${SERVICE}/GetBlockByHeight`,
      request: q.GetBlockByHeightRequest,
      response: q.GetBlockByHeightResponse,
      handle: ({ height }, { backend }) => blockResponse(backend, positive(height)),
    }),
    defineService({
      path: `${SERVICE}/GetLatestValidatorSet`,
      request: q.GetLatestValidatorSetRequest,
      response: q.GetLatestValidatorSetResponse,
      handle: ({ pagination }, { backend }) => validatorSet(backend, 0n, pagination),
    }),
    defineService({
      path: `${SERVICE}/GetValidatorSetByHeight`,
      request: q.GetValidatorSetByHeightRequest,
      response: q.GetValidatorSetByHeightResponse,
      handle: ({ height, pagination }, { backend }) => validatorSet(backend, positive(height), pagination),
    }),
    defineService({
      path: `${SERVICE}/ABCIQuery`,
      request: q.ABCIQueryRequest,
      response: q.ABCIQueryResponse,
      handle: async ({ path, data, height, prove }, { backend }) => q.ABCIQueryResponse.fromPartial(await backend.query({ path, data, height, prove })),
    }),
  ];
}
