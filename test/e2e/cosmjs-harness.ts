/** A solo node with the real application, in this process, and a genesis in which a miner may submit at once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createApp } from '../../src/chain/app/app.js';
import { buildAppState } from '../../src/chain/app/genesis-state.js';
import { createModules } from '../../src/chain/app/modules.js';
import { RpcServer } from '../../src/chain/rpc/index.js';
import { type SealingPolicy, SoloEngine, ValidatorKey } from '../../src/chain/solo/index.js';
import { LevelDatabase } from '../../src/chain/store/level.js';
import { utf8 } from '../../src/protocol/bytes.js';
import { cidOfBytes } from '../../src/protocol/cid.js';
import { Model } from '../../src/protocol/gen/remes/remes/v1/model.js';
import { type GenesisDoc, parseGenesisDoc } from '../../src/protocol/genesis-doc.js';
import { taggedHash } from '../../src/protocol/hash.js';
import { profile } from '../../src/protocol/params.js';
import { vrfPublicKey } from '../../src/protocol/vrf.js';

export const CHAIN_ID = 'cosmjs-1';
export const BALANCE = 5_000_000_000n;
const STAKE = 1_000_000_000n;
const VRF_SECRET = taggedHash('test-vrf');
const CID = cidOfBytes(utf8('anything')).toString();

export const validatorKey = ValidatorKey.fromSeed(new Uint8Array(32).fill(9));

/** What a validator must have bonded for the power that the genesis document gives it, in uremes. */
export const BONDED = 10_000_000n;

/**
 * @param miner has a registration besides coins; windows stay open for as long as a test takes.
 * @param isStaked the miner's account also stands behind the validator, with BONDED.
 */
export function cosmjsGenesis(accounts: readonly string[], miner: string, isStaked = false): GenesisDoc {
  const params = profile('dev');
  const app_state = buildAppState({
    profile: { ...params, training: { ...params.training, collectingBlocks: 100_000n } },
    balances: new Map([...accounts, miner].map((address) => [address, BALANCE])),
    ...(isStaked ? { validators: [{ address: miner, consensusKey: validatorKey.publicKey, selfDelegation: BONDED, moniker: 'staked' }] } : {}),
    nodes: [{ address: miner, part: 'PART_MINER', stake: STAKE }],
    models: [
      Model.fromPartial({
        id: 1n,
        name: 'test',
        backboneCid: CID,
        tokenizerCid: CID,
        sequenceLength: 256,
        arithmeticVersion: 1,
        vocabSize: 1024,
        layerCount: 4,
        lora: { rank: 8, alpha: 16, targets: ['q_proj'] },
        optimizer: { learningRateBits: 0x3b03126f, beta1Bits: 0x3f666666, beta2Bits: 0x3f7fbe77, epsilonBits: 0x322bcc77, weightDecayBits: 0x3c23d70a, clipNormBits: 0x3f800000 },
        adapterParameters: 155_648n,
        fullParameters: 3_563_776n,
        adapterCid: CID,
      }),
    ],
    datasets: [{ name: 'test', manifestCid: CID, tokenizerCid: CID, chunkTokens: 256, trainingChunks: 100, heldOutChunks: 1 }],
    beacon: taggedHash('test-beacon'),
    beaconKeys: [{ consensusAddress: validatorKey.address, vrfPublicKey: vrfPublicKey(VRF_SECRET) }],
  });
  return parseGenesisDoc(
    JSON.stringify({
      genesis_time: '2026-01-01T00:00:00Z',
      chain_id: CHAIN_ID,
      validators: [{ pub_key: { type: 'tendermint/PubKeyEd25519', value: Buffer.from(validatorKey.publicKey).toString('base64') }, power: '10' }],
      app_state,
    }),
  );
}

export interface RunningNode {
  readonly engine: SoloEngine;
  readonly url: string;
  stop(): Promise<void>;
}

/** @param home absent: a folder that is gone when the node stops. */
export async function startNode(genesis: GenesisDoc, sealing: SealingPolicy = { kind: 'interval', intervalMs: 40 }, home?: string, port = 0): Promise<RunningNode> {
  const folder = home ?? mkdtempSync(path.join(tmpdir(), 'r3mes-cosmjs-'));
  const database = await LevelDatabase.open(path.join(folder, 'state'));
  const app = createApp({ database, ...createModules(VRF_SECRET), report: (...what: unknown[]) => console.error(...what) });
  const engine = await SoloEngine.open({ app, genesis, validatorKey, directory: path.join(folder, 'blocks'), sealing });
  const server = await RpcServer.listen({ engine, port, report: (error) => console.error(error) });
  engine.start();
  return {
    engine,
    url: server.url,
    stop: async () => {
      await server.close();
      await engine.stop();
      await database.close();
      if (home === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
