/** A home with a chain of its own that needs no engine: genesis, validator key and VRF key. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { buildAppState } from '../../../../../src/chain/app/genesis-state.js';
import { ValidatorKey } from '../../../../../src/chain/solo/index.js';
import { resolvePaths } from '../../../../../src/cli/config/paths.js';
import { nodeHome, type NodeHome } from '../../../../../src/cli/node/home.js';
import { toHex } from '../../../../../src/protocol/bytes.js';
import { DEFAULT_CONSENSUS_PARAMS, genesisDocToJson } from '../../../../../src/protocol/genesis-doc.js';
import { taggedHash } from '../../../../../src/protocol/hash.js';
import { profile } from '../../../../../src/protocol/params.js';
import { vrfPublicKey } from '../../../../../src/protocol/vrf.js';

export const CHAIN_ID = 'node-test-1';

const VALIDATOR = ValidatorKey.fromSeed(taggedHash('node-test-validator'));
const VRF_SECRET = taggedHash('node-test-vrf');

export const OTHER_VALIDATOR = ValidatorKey.fromSeed(taggedHash('node-test-other'));

type Json = Record<string, unknown>;

export function genesisJson(): Json {
  const appState = buildAppState({
    profile: profile('dev'),
    balances: new Map(),
    nodes: [],
    models: [],
    datasets: [],
    beacon: taggedHash('node-test-beacon'),
    beaconKeys: [{ consensusAddress: VALIDATOR.address, vrfPublicKey: vrfPublicKey(VRF_SECRET) }],
  });
  return genesisDocToJson({
    genesisTime: { seconds: 1_767_225_600n, nanos: 0 },
    chainId: CHAIN_ID,
    initialHeight: 1n,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: [VALIDATOR.genesisValidator()],
    appHash: new Uint8Array(),
    appState,
  });
}

export function validatorJson(key: ValidatorKey): Json {
  return { pub_key: { type: 'tendermint/PubKeyEd25519', value: Buffer.from(key.publicKey).toString('base64') }, power: '10' };
}

export function vrfFile(secret: Uint8Array): string {
  return JSON.stringify({ type: 'r3mes/VrfSecret', value: toHex(secret) });
}

export function homeOf(root: string): NodeHome {
  return nodeHome(resolvePaths(root, {}, '/'));
}

/** Writes the chain's files. @param edit changes the genesis before it is written. */
export function writeChain(root: string, edit: (genesis: Json) => void = () => undefined): NodeHome {
  const home = homeOf(root);
  const genesis = genesisJson();
  edit(genesis);
  for (const file of [home.genesisFile, home.validatorKeyFile]) mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(home.genesisFile, JSON.stringify(genesis));
  writeFileSync(home.validatorKeyFile, VALIDATOR.toFile());
  writeFileSync(home.vrfKeyFile, vrfFile(VRF_SECRET));
  for (const file of [home.validatorKeyFile, home.vrfKeyFile]) chmodSync(file, 0o600);
  return home;
}
