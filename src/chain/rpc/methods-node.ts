import { toHex } from '../../protocol/bytes.js';
import { consensusParamsToJson, genesisDocToJson } from '../../protocol/genesis-doc.js';
import { COMET_VERSION } from '../solo/replay.js';
import type { ReadyAnswer } from '../solo/sealing.js';
import type { SoloEngine } from '../solo/engine.js';
import type { Args } from './args.js';
import { RpcError } from './jsonrpc.js';
import type { Method } from './method.js';
import { type Json, base64, hex, renderPubKey, renderTime } from './render.js';
import { pageOf } from './search.js';

/** Role names come from whoever can reach the port. */
const MAX_ROLE_CHARACTERS = 80;

function renderStatus(engine: SoloEngine, moniker: string, listenAddress: string): Json {
  const { store, state, genesis, validatorKey, height } = engine;
  const latest = store.meta(height);
  const earliest = store.meta(genesis.initialHeight);
  return {
    node_info: {
      protocol_version: { p2p: '8', block: '11', app: state.appVersion.toString() },
      id: toHex(validatorKey.address),
      listen_addr: listenAddress,
      network: genesis.chainId,
      version: COMET_VERSION,
      channels: '',
      moniker,
      other: { tx_index: 'on', rpc_address: listenAddress },
    },
    sync_info: {
      latest_block_hash: hex(latest?.blockId?.hash ?? new Uint8Array()),
      latest_app_hash: hex(height === 0n ? new Uint8Array() : state.appHash),
      latest_block_height: height.toString(),
      latest_block_time: renderTime(latest?.header?.time),
      earliest_block_hash: hex(earliest?.blockId?.hash ?? new Uint8Array()),
      earliest_app_hash: hex(earliest?.header?.appHash ?? new Uint8Array()),
      earliest_block_height: (earliest?.header?.height ?? 0n).toString(),
      earliest_block_time: renderTime(earliest?.header?.time),
      catching_up: false,
    },
    validator_info: {
      address: hex(validatorKey.address),
      pub_key: renderPubKey(validatorKey.publicKey),
      voting_power: state.power.toString(),
    },
  };
}

/** Validators and parameters are known one block ahead. */
function heightOrNext(engine: SoloEngine, asked: bigint | undefined): bigint {
  const next = engine.height === 0n ? engine.genesis.initialHeight : engine.height + 1n;
  const height = asked ?? next;
  if (height < engine.genesis.initialHeight) throw RpcError.internal(`height must be greater than ${engine.genesis.initialHeight - 1n}, but got ${height}`);
  if (height > next) throw RpcError.internal(`height ${height} must be less than or equal to the current blockchain height ${next}`);
  return height;
}

function roleOf(args: Args): string {
  const role = args.text('role');
  if (role === undefined || role === '' || role.length > MAX_ROLE_CHARACTERS) {
    throw RpcError.invalidParams(`role: expected a name of 1 to ${MAX_ROLE_CHARACTERS} characters`);
  }
  return role;
}

function renderReady({ height, waitingFor }: ReadyAnswer, { height: newest }: SoloEngine): Json {
  return { height: (height > newest ? newest : height).toString(), waiting_for: waitingFor };
}

export const nodeMethods: Readonly<Record<string, Method>> = {
  health: { params: [], handle: () => ({}) },

  status: { params: [], handle: (_, { engine, moniker, listenAddress }) => renderStatus(engine, moniker, listenAddress) },

  genesis: { params: [], handle: (_, { engine }) => ({ genesis: genesisDocToJson(engine.genesis) }) },

  abci_info: {
    params: [],
    handle: async (_, { engine }) => {
      const { data, version, appVersion, lastBlockHeight, lastBlockAppHash } = await engine.info();
      return {
        response: {
          data,
          version,
          app_version: appVersion.toString(),
          last_block_height: lastBlockHeight.toString(),
          last_block_app_hash: base64(lastBlockAppHash),
        },
      };
    },
  },

  abci_query: {
    params: ['path', 'data', 'height', 'prove'],
    handle: async (args, { engine }) => {
      const height = args.int('height') ?? 0n;
      if (height < 0n) throw RpcError.internal(`height must be non-negative, but got ${height}`);
      const response = await engine.query({
        path: args.text('path') ?? '',
        data: args.hexBytes('data') ?? new Uint8Array(),
        height,
        prove: args.flag('prove'),
      });
      return {
        response: {
          code: response.code,
          log: response.log,
          info: response.info,
          index: response.index.toString(),
          key: response.key.length === 0 ? null : base64(response.key),
          value: response.value.length === 0 ? null : base64(response.value),
          proofOps:
            response.proofOps === undefined
              ? null
              : { ops: response.proofOps.ops.map(({ type, key, data }) => ({ type, key: base64(key), data: base64(data) })) },
          height: response.height.toString(),
          codespace: response.codespace,
        },
      };
    },
  },

  validators: {
    params: ['height', 'page', 'per_page'],
    handle: (args, { engine }) => {
      const { validatorKey, state } = engine;
      const height = heightOrNext(engine, args.int('height'));
      const all = [
        {
          address: hex(validatorKey.address),
          pub_key: renderPubKey(validatorKey.publicKey),
          voting_power: state.power.toString(),
          proposer_priority: '0',
        },
      ];
      const shown = pageOf(all, args.int('page'), args.int('per_page'));
      return { block_height: height.toString(), validators: shown, count: shown.length.toString(), total: all.length.toString() };
    },
  },

  consensus_params: {
    params: ['height'],
    handle: async (args, { engine }) => {
      const height = heightOrNext(engine, args.int('height'));
      const params = (await engine.store.consensusParams(height)) ?? engine.state.params;
      return { block_height: height.toString(), consensus_params: consensusParamsToJson(params) };
    },
  },

  r3mes_join: {
    params: ['role'],
    isControl: true,
    handle: (args, { engine }) => {
      const role = roleOf(args);
      return renderReady(engine.roles.join(role), engine);
    },
  },

  r3mes_leave: {
    params: ['role'],
    isControl: true,
    handle: (args, { engine }) => {
      const role = roleOf(args);
      return renderReady(engine.roles.leave(role), engine);
    },
  },

  r3mes_ready: {
    params: ['role', 'height'],
    isControl: true,
    handle: (args, { engine }) => {
      const role = roleOf(args);
      const height = args.int('height');
      if (height === undefined || height < 0n) throw RpcError.invalidParams('height: expected the height of the newest block that the role has seen');
      return renderReady(engine.roles.ready(role, height), engine);
    },
  },
};
